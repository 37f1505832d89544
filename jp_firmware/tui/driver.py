"""How bytes reach the terminal: without ever waiting for it, and only what differs from what it shows.

Textual's writer blocks the event loop when the terminal is slow, for good when it stops reading. `ConsoleDriver`
writes without blocking; `DiffingDisplay` sends the difference of cells, and while bytes are still on their way draws
nothing: a slow line gets fewer and newer pictures, never a queue of old ones.

Uses names of Textual that are not public (`App._display`, the compositor's updates): it is pinned exactly, and a test
compares the result with Textual's own, cell by cell. An update of an unknown kind goes out Textual's way.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.app import App
from textual.drivers._writer_thread import WriterThread
from textual.drivers.linux_driver import LinuxDriver
from textual.strip import Strip

from jp_firmware.tui.cells import Cell, Shown
from jp_firmware.tui.text import in_ascii, in_cells

if TYPE_CHECKING:
    from rich.console import RenderableType
    from textual.screen import Screen

_CHUNK: Final = 4096
_LAST_WORDS_S: Final = 1.0  # for the bytes that restore the terminal; one that does not take them is left alone
# What Textual leaves set: colours, synchronized output. Harmless where it is not known.
_RESET: Final = "\x1b[?2026l\x1b[0m"


class NonBlockingWriter(WriterThread):
    """Takes the place of Textual's writing thread, without being one. Belongs to the running event loop.

    It opens the terminal a second time, so that input, which shares the first opening, stays blocking.
    """

    def __init__(self, tty: str) -> None:
        super().__init__(None)  # type: ignore[arg-type]  # the file is only used by the thread, which never starts
        self._descriptor = os.open(tty, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self.on_drained: Callable[[], None] | None = None

    @property
    def pending(self) -> bool:
        """Whether bytes wait for the terminal."""
        return bool(self._buffer)

    def write(self, text: str) -> None:
        waiting = self.pending
        self._buffer += text.encode("utf-8", "replace")
        if not waiting:
            self._push()

    def _push(self) -> None:
        try:
            self._write_all()
        except BlockingIOError:
            self._loop.add_writer(self._descriptor, self._push)
            return
        self._loop.remove_writer(self._descriptor)
        if self.on_drained is not None:
            self.on_drained()

    def _write_all(self) -> None:
        """Raises BlockingIOError while bytes are left."""
        try:
            while self._buffer:
                written = os.write(self._descriptor, memoryview(self._buffer)[:_CHUNK])
                del self._buffer[:written]
        except BlockingIOError:
            raise
        except OSError:
            # The terminal is gone; the hang-up that comes with it ends the application.
            self._buffer.clear()

    def fileno(self) -> int:
        return self._descriptor

    def stop(self) -> None:
        """Sends what is left, for at most a second, and closes. A terminal that takes it at once gets all of it."""
        give_up_at_s = time.monotonic() + _LAST_WORDS_S
        while self._buffer:
            left_s = give_up_at_s - time.monotonic()  # a machine that was busy elsewhere may have taken all of it
            if not select.select([], [self._descriptor], [], max(0.0, left_s))[1]:
                break
            with contextlib.suppress(BlockingIOError):
                self._write_all()
            if left_s <= 0:
                break
        self._loop.remove_writer(self._descriptor)
        os.close(self._descriptor)


class Nowhere(WriterThread):
    """Takes the place of Textual's writing thread for a terminal that has hung up.

    That thread ends at its first error, and its queue is not read any more: whoever filled it would wait for ever.
    """

    def __init__(self) -> None:
        super().__init__(None)  # type: ignore[arg-type]  # the file is only used by the thread, which never starts

    def write(self, text: str) -> None:
        pass

    def stop(self) -> None:
        pass


class ConsoleDriver(LinuxDriver):
    """Textual's own driver with a writer that does not block, where the terminal has a name to open it by.

    SIGCONT comes also to a process that gave nothing back before it stopped (SIGSTOP cannot be caught), and to one that
    is about to leave. The first gives the terminal back before it takes it up again: Textual would take its own modes
    for those to be restored, and leave a second thread reading the keys. The second leaves it alone.
    """

    _is_on = False  # the terminal has our modes, and its keys are read
    _is_starting = False
    _goes_on = False  # SIGCONT came while it was starting, or is about to be obeyed

    def start_application_mode(self) -> None:
        stock = self._start()
        if stock is None:  # it hung up, or is somebody else's while we are in the background
            self._writer_thread = Nowhere()
            return
        self._is_on = True
        if isinstance(self._app, DiffingDisplay):
            self._app.forget_shown()  # also after a suspension: the screen is a new one
            asyncio.get_running_loop().call_soon_threadsafe(self._app.draw_whole)
        try:
            writer = NonBlockingWriter(os.ttyname(2))  # standard error, which Textual draws on
        except OSError:
            if not os.isatty(2):
                self._writer_thread = Nowhere()
            return  # no name in this namespace (a container's console): Textual's thread stays
        stock.stop()
        self._writer_thread = writer

    def _start(self) -> WriterThread | None:
        """Textual's own start: the thread it writes by; None where it got no terminal."""
        before, self._is_starting, self._goes_on = self._writer_thread, True, True
        try:
            # Stopped again in the middle, because it was in the background, it begins anew once it goes on.
            while self._goes_on and os.isatty(2):  # a hang-up brings SIGCONT, too, while another one is obeyed
                self._goes_on = False
                super().start_application_mode()  # type: ignore[no-untyped-call]
                if self._writer_thread is not before:
                    return self._writer_thread
            return None
        finally:
            self._is_starting = self._goes_on = False

    def stop_application_mode(self) -> None:
        self._is_on = False
        super().stop_application_mode()
        self.write(_RESET)

    def _sigcont_application(self, *_: object) -> None:
        if self._is_starting:
            self._goes_on = True
        elif self._is_on:
            if not self._goes_on:
                self._goes_on = True
                # Not in the middle of whatever the signal has interrupted.
                asyncio.get_running_loop().call_soon_threadsafe(self._take_up_again)
        elif self._must_signal_resume:  # SIGTSTP gave the terminal back
            super()._sigcont_application()

    def _take_up_again(self) -> None:
        self._goes_on = False
        if self._is_on:  # still, and not leaving by now
            self.suspend_application_mode()
            self._is_starting = self._must_signal_resume = True
            self.resume_application_mode()

    @property
    def pending(self) -> bool:
        """Whether the terminal has not taken everything yet."""
        return isinstance(self._writer_thread, NonBlockingWriter) and self._writer_thread.pending

    def when_drained(self, call: Callable[[], None]) -> None:
        """Calls `call` once everything has been taken."""
        writer = self._writer_thread
        if not isinstance(writer, NonBlockingWriter):
            return

        def drained() -> None:
            writer.on_drained = None
            call()

        writer.on_drained = drained


class DiffingDisplay(App[int], inherit_bindings=False):
    """An application that sends differences. Only with a `ConsoleDriver`; with any other it draws as Textual does."""

    ascii_only = False  # the terminal knows no other characters
    _shown: Shown | None = None
    _skipped = False

    def forget_shown(self) -> None:
        """What the terminal shows is not known any more: the next picture is sent whole."""
        self._shown = None

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        driver = self._driver
        if (
            not isinstance(renderable, ChopsUpdate | LayoutUpdate)
            or not isinstance(driver, ConsoleDriver)
            or self._batch_count
            or not self._running
            or self._closed
        ):
            super()._display(screen, renderable)
            return
        try:
            if driver.pending:
                if not self._skipped:
                    self._skipped = True
                    driver.when_drained(self.draw_whole)
                return
            self._send(driver, screen, renderable)
        finally:
            self.post_display_hook()

    def _send(self, driver: ConsoleDriver, screen: Screen[Any], update: ChopsUpdate | LayoutUpdate) -> None:
        width, height = screen.outer_size
        if self._shown is None or (self._shown.width, self._shown.height) != (width, height):
            erases = os.environ.get("TERM", "").startswith(("linux", "xterm", "tmux"))
            self._shown = Shown(width, height, erases=erases)
        colours = self.console._color_system or ColorSystem.STANDARD
        data = self._shown.draw(cells_of(update, colours, ascii_only=self.ascii_only))
        if data:
            self._begin_update()
            driver.write(data)
            self._end_update()

    def draw_whole(self) -> None:
        """Draws everything anew, once it can."""
        self._skipped = False
        if self._running and self.screen_stack and self.screen.is_attached:
            self.screen.refresh()


def cells_of(
    update: ChopsUpdate | LayoutUpdate, colours: ColorSystem, *, ascii_only: bool = False
) -> dict[int, dict[int, Cell]]:
    """The cells that an update of the compositor draws; one character is one cell, also where somebody types others."""
    rows: dict[int, dict[int, Cell]] = {}
    drawn = in_ascii if ascii_only else in_cells
    for y, start, segments in _strips(update):
        x, row = start, rows.setdefault(y, {})
        for text, style, control in segments:
            if control:
                continue
            sgr = _sgr(style, colours)
            for character in drawn(text):
                row[x] = (character, sgr)
                x += 1
    return rows


def _strips(update: ChopsUpdate | LayoutUpdate) -> Iterator[tuple[int, int, list[Segment]]]:
    """Row, first column and segments of each strip of an update."""
    if isinstance(update, LayoutUpdate):
        for y, strips in enumerate(update.strips, update.region.y):
            x = update.region.x
            for strip in strips:
                yield y, x, strip._segments
                x += strip.cell_length
        return
    for y, first, last in update.spans:
        for end, (x, chop) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            if chop is not None and x <= last and end > first:
                yield y, x, chop._segments


@lru_cache(4096)
def _sgr(style: Style | None, colours: ColorSystem) -> str:
    return "" if style is None else Strip.render_ansi(style, colours)
