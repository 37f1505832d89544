"""What reaches the terminal: the same picture as Textual's own output would give, in a fraction of the bytes."""

import asyncio

import pyte
import pytest
from rich.color import ColorSystem
from rich.console import Console
from textual._compositor import ChopsUpdate, LayoutUpdate

from jp_firmware.tui.cells import Shown
from jp_firmware.tui.driver import cells_of
from tests.tui import cabinet
from tests.tui.engine import Engine
from tests.tui.fake_daemon import believable_day, believable_sharing
from tests.tui.harness import Stage, on_stage

WALK = (
    "f4",
    "right",
    "f5",
    "tab",
    "f12",
    "enter",
    "escape",
    "escape",
    "ctrl+e",
    "right",
    "down",
    "enter",
    "x",
    "enter",
    "t",
    "enter",
    "y",
    "ctrl+o",
    "h",
    "escape",
    "down",
    "f2",
    "escape",
    "f1",
    "escape",
    "g",
    "escape",
    "f7",
    "1",
    "escape",
)


class Tap:
    """Takes every update of the running application, as the driver would get it."""

    def __init__(self, stage: Stage, colours: ColorSystem, size: tuple[int, int]) -> None:
        self.updates: list[ChopsUpdate | LayoutUpdate] = []
        self._shown = Shown(*size, erases=True)
        self._colours = colours
        stage.app._display = self._take  # type: ignore[method-assign]
        stage.app.screen.refresh()

    def _take(self, screen, update) -> None:
        if isinstance(update, ChopsUpdate | LayoutUpdate):
            self.updates.append(update)

    def drain(self) -> str:
        """The bytes for what was taken since the last time."""
        taken, self.updates = self.updates, []
        return "".join(self._shown.draw(cells_of(one, self._colours)) for one in taken)


@pytest.mark.parametrize(("theme", "colours"), [("16", ColorSystem.STANDARD), ("grey", ColorSystem.TRUECOLOR)])
def test_differences_give_the_picture_that_textual_would_give(theme: str, colours: ColorSystem) -> None:
    size = (100, 30)
    system = {ColorSystem.STANDARD: "standard", ColorSystem.TRUECOLOR: "truecolor"}[colours]
    console = Console(width=size[0], height=size[1], force_terminal=True, color_system=system)

    async def play(stage: Stage) -> None:
        stage.charger.answers |= Engine().calls()
        tap = Tap(stage, colours, size)
        ours, textuals = pyte.Screen(*size), pyte.Screen(*size)
        day = believable_day()
        for key in WALK:
            stage.clock.now_s += 1
            await stage.tell(status=next(day))
            await stage.press(key)
            updates = list(tap.updates)
            pyte.Stream(ours).feed("\x1b[?7l" + tap.drain())
            pyte.Stream(textuals).feed("\x1b[?7l" + "".join(one.render_segments(console) for one in updates))

            assert ours.display == textuals.display, key
            for y in range(size[1]):
                assert dict(ours.buffer[y]) == dict(textuals.buffer[y]), (key, y)

    on_stage(play, size=size, theme=theme)


def test_a_serial_line_of_115200_baud_is_fast_enough() -> None:
    """At 11,520 bytes a second: first screen in 1 s, another workspace in 0.4 s, steady 2.5 kB a second at most."""

    async def play(stage: Stage) -> None:
        tap = Tap(stage, ColorSystem.STANDARD, (80, 24))
        await stage.settle()
        assert len(tap.drain().encode()) < 11_520
        for key in ("f4", "f5", "f12", "f3", "f1", "escape"):
            await stage.press(key)
            assert len(tap.drain().encode()) < 0.4 * 11_520, key

        for key in ("f3", "f4"):
            await stage.press(key)
            tap.drain()
            day, seconds = believable_day(), 6
            for _ in range(2 * seconds):
                stage.clock.now_s += 0.5
                await stage.tell(status=next(day))
            assert len(tap.drain().encode()) < 2_500 * seconds

    on_stage(play, theme="16")


@pytest.mark.parametrize("size", [(80, 24), (132, 43)])
def test_a_serial_line_carries_the_planner_while_everything_moves(size: tuple[int, int]) -> None:
    """Twice a second every number, sentence and move differs: harder than any day, and within 2.5 kB a second."""

    async def play(stage: Stage) -> None:
        tap = Tap(stage, ColorSystem.STANDARD, size)
        await stage.settle()
        tap.drain()
        await stage.press("f12")
        if size == (80, 24):
            assert len(tap.drain().encode()) < 0.4 * 11_520
        tap.drain()
        sharing, seconds = believable_sharing(), 6
        for _ in range(2 * seconds):
            stage.clock.now_s += 0.5
            await stage.tell(**next(sharing))
        sent = tap.drain()
        assert "Connector 1 gets" not in sent  # not drawn whole, but where it differs
        assert len(sent.encode()) < 2_500 * seconds

    on_stage(play, size=size, theme="16")


def test_what_did_not_change_is_not_drawn_again() -> None:
    async def play(stage: Stage) -> None:
        tap = Tap(stage, ColorSystem.STANDARD, (80, 24))
        await stage.settle()
        tap.drain()
        await stage.tell(status=cabinet.status())
        await asyncio.sleep(0.05)

        assert tap.drain() == ""

    on_stage(play)


def test_a_serial_line_carries_the_configuration_and_its_text() -> None:
    """Another workspace in 0.4 s; a key that moves the cursor or types in the editor is seen in a tenth of a second."""

    async def play(stage: Stage) -> None:
        stage.charger.answers |= Engine().calls()
        tap = Tap(stage, ColorSystem.STANDARD, (80, 24))
        await stage.settle()
        tap.drain()
        sizes: dict[str, list[int]] = {}
        for key in (
            "ctrl+e",
            "down",
            "end",
            "left",
            "t",
            "down",
            "pagedown",
            "enter",
            "x",
            "down",
            "pagedown",
            "ctrl+o",
        ):
            await stage.press(key)
            sizes.setdefault(key, []).append(len(tap.drain().encode()))
        assert max(size for one in sizes.values() for size in one) < 0.4 * 11_520, sizes
        assert max(*sizes["down"], *sizes["x"]) < 0.1 * 11_520, sizes
        stage.charger.tell(**cabinet.topics())
        await stage.settle()
        assert tap.drain() == ""

    on_stage(play, theme="16")


def test_what_is_typed_in_any_script_shifts_nothing_beside_it() -> None:
    """Terminals differ in how wide they draw it: the row keeps its edge, and what is typed after it its place."""

    async def play(stage: Stage) -> None:
        stage.charger.answers |= Engine().calls()
        await stage.press("ctrl+e", "right", "down", "down", "enter")
        tap, shown = Tap(stage, ColorSystem.STANDARD, (80, 24)), pyte.Screen(80, 24)
        await stage.press("ctrl+u", *"a日本🚗e\u0301 b")
        pyte.Stream(shown).feed("\x1b[?7l" + tap.drain())
        at = next(y for y, one in enumerate(shown.display) if "Value:" in one)
        assert shown.display[at].startswith("  │  Value:  a??????e b ")
        assert len({one.rstrip() and one.rindex("│") for one in shown.display[at - 1 : at + 2]}) == 1

    on_stage(play)
