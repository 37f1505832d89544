"""What the terminal shows, cell by cell, and the shortest bytes from there to what it should show.

Textual sends every changed widget whole: one number in a table is 2 kB. On a serial line that is a fifth of a second.
Here only the cells that differ are sent, with colours told when they change and blanks erased instead of written.
Pure: no terminal, no Textual. What was sent is taken for shown; after a disturbance, start with a new one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

Cell = tuple[str, str]  # a character, and the SGR parameters it is drawn with
Cells = Mapping[int, Mapping[int, Cell]]  # by row, then by column

_JOINED = 4  # a gap of up to this many equal cells is rewritten, which is shorter than moving the cursor
_ERASED = 7  # this many blanks are erased, which is shorter than writing them


class Shown:
    """The cells of a terminal of `width` by `height`, none of them known at first.

    `erases` says that the terminal fills what is erased with the present background (as Linux, xterm and tmux do).
    """

    def __init__(self, width: int, height: int, *, erases: bool) -> None:
        self.width, self.height = width, height
        self._erases = erases
        self._cells: list[list[Cell | None]] = [[None] * width for _ in range(height)]

    def draw(self, wanted: Cells) -> str:
        """What to send so that `wanted` is shown; empty if it is already. Cells outside the terminal are ignored."""
        out: list[str] = []
        pen = _Pen(out, self.width)
        for y in sorted(wanted):
            if not 0 <= y < self.height:
                continue
            row, held = wanted[y], self._cells[y]
            for first, last in self._runs(row, held):
                cells = [row.get(x) or held[x] or (" ", "") for x in range(first, last + 1)]
                self._draw_run(pen, y, first, cells)
                held[first : last + 1] = cells
        if pen.style:
            out.append("\x1b[m")
        return "".join(out)

    def _runs(self, row: Mapping[int, Cell], held: list[Cell | None]) -> Iterator[tuple[int, int]]:
        """Stretches of cells to write: those that differ, and short gaps between them whose content is known."""
        first = last = -1
        for x in sorted(x for x, cell in row.items() if 0 <= x < self.width and held[x] != cell):
            if first >= 0 and x - last - 1 <= _JOINED and all(k in row or held[k] for k in range(last + 1, x)):
                last = x
                continue
            if first >= 0:
                yield first, last
            first = last = x
        if first >= 0:
            yield first, last

    def _draw_run(self, pen: _Pen, y: int, x: int, cells: list[Cell]) -> None:
        pen.move(x, y)
        at = 0
        while at < len(cells):
            character, style = cells[at]
            blanks = 1
            if character == " ":
                while at + blanks < len(cells) and cells[at + blanks] == cells[at]:
                    blanks += 1
            if self._erases and blanks >= _ERASED and _plain_background(style):
                pen.erase(blanks, style)
                at += blanks
            else:
                pen.put(character * blanks, style)
                at += blanks


class _Pen:
    """Where the cursor is and what it draws with; writes the sequences that change that."""

    def __init__(self, out: list[str], width: int) -> None:
        self._out = out
        self._width = width
        self._x = self._y = -1  # not known
        self.style = ""

    def move(self, x: int, y: int) -> None:
        if (x, y) == (self._x, self._y):
            return
        if y == self._y and 0 <= self._x < x:
            ahead = x - self._x
            self._out.append("\x1b[C" if ahead == 1 else f"\x1b[{ahead}C")
        else:
            self._out.append(f"\x1b[{y + 1};{x + 1}H" if x else f"\x1b[{y + 1}H")
        self._x, self._y = x, y

    def put(self, text: str, style: str) -> None:
        self._use(style)
        self._out.append(text)
        self._x += len(text)
        if self._x >= self._width:
            self._x = -1  # terminals differ in where the cursor is after the last column

    def erase(self, count: int, style: str) -> None:
        """Fills `count` cells with the background; the cursor is put behind them."""
        self._use(style)
        if self._x + count >= self._width:
            self._out.append("\x1b[K")
        else:
            self._out.append(f"\x1b[{count}X\x1b[{count}C")
        self._x = self._x + count if self._x + count < self._width else -1

    def _use(self, style: str) -> None:
        if style != self.style:
            self._out.append(f"\x1b[0;{style}m" if style else "\x1b[m")
            self.style = style


def _plain_background(style: str) -> bool:
    """Whether a blank in this style is nothing but background: neither underlined, reversed nor struck."""
    return not {"4", "7", "9", "21", "53"} & set(style.split(";"))
