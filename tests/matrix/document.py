"""Writes docs/fault-matrix.md from the table. `python -m tests.matrix.document` brings the file up to date."""

from __future__ import annotations

from pathlib import Path

from tests.matrix.table import COLUMNS, ROWS, TABLE, Cell, Elsewhere, NotHere

FILE = Path(__file__).parents[2] / "docs" / "fault-matrix.md"

HEAD = """\
# Fault matrix

What happens when something goes wrong, for each kind of task and each kind of fault. This page is written from the
table that the tests run (`tests/matrix/table.py`; `python -m tests.matrix.document` writes it): in every cell the real
task runs in the real tree, the fault is let loose on a wire in memory or inside the task, what follows is compared with
the cell, the fault is taken away, and the task must be back by itself, unless it is latched. Beside it runs a healthy
sibling; its worst gap between signs of life stays exactly its period, or grows by the 200 ms for which a task blocked
the loop.

Two rules hold in every cell: what is no evidence does not feed a watchdog (`tests/matrix/test_evidence.py`), and a task
that ends while its device can be reached leaves it off before anybody hears of its end.

## At a glance

*goes on*: the task does not end. *watchdog*, *raises*, *returns*: how it ends; it is restarted. *its wire*: it ends
with the wire it is on. *unsafe*, *stuck*: latched until an operator releases it. *guard*: the separate guard process
acts. A code is the fault raised at the device, until the cause is gone. **–**: cannot happen; the reason stands below.
"""

BELOW = """\
## Limits

- **A module that repeats itself** cannot be told from a steady one: the answers of the modules that we know carry no
  counter. What ends it is disobedience; and the meter measures the same current.
- **Answers to the previous question**: CAN and Modbus RTU number nothing. Where such answers are plausible, they are
  believed, one question old: 0.2 s for a module, 50 ms for a board.
- **A module that is always more than a second late** is ended once by its watchdog, and believed after the restart:
  with several questions under way, CAN does not say which of them an answer belongs to.
- **The backend** is fed by attempts: a central system that is away for days is no failure of this task.
"""


def glance(cell: Cell | NotHere | Elsewhere) -> str:
    """A cell in a word or two."""
    if isinstance(cell, NotHere):
        return "–"
    if isinstance(cell, Elsewhere):
        return "guard"
    words = {"crash": "raises", "exit": "returns"}
    end = "its wire" if len(cell.ends) > 1 else next((words.get(end.value, end.value) for end in cell.ends), "goes on")
    return f"{end}, {cell.fault}" if cell.fault else end


def detail(cell: Cell | NotHere | Elsewhere) -> str:
    """A cell in sentences."""
    if isinstance(cell, NotHere):
        return f"– {cell.why} | –"
    if isinstance(cell, Elsewhere):
        return f"{cell.says} (`{cell.test}`) | –"
    known = f" *Not yet:* {cell.known}." if cell.known else ""
    return f"{cell.says}{known} | {'yes' if cell.feeds else 'no'}"


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def text() -> str:
    """The whole page."""
    rows = [[name, *(glance(TABLE[column][row]) for column in COLUMNS)] for row, name in ROWS.items()]
    parts = [HEAD, table(["fault", *COLUMNS.values()], rows)]
    for column, name in COLUMNS.items():
        cells = [[ROWS[row], detail(cell)] for row, cell in TABLE[column].items()]
        title = name[0].upper() + name[1:]
        parts += [f"## {title}\n", table(["fault", "what happens", "still fed"], cells)]
    return "\n".join([*parts, BELOW])


if __name__ == "__main__":
    FILE.write_text(text())
