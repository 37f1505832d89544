"""The configuration's workspace in tests: opened, a key found and changed, what it shows and what it asked for."""

from typing import Any

from tests.tui.engine import Engine
from tests.tui.harness import Stage, on_stage


def on_configuration(play: Any, *, engine: Engine | None = None, **options: Any) -> Engine:
    """Runs `play(stage)` with the workspace in sight, over a charger with that configuration."""
    engine = engine or Engine()

    async def there(stage: Stage) -> None:
        stage.charger.answers |= engine.calls()
        await stage.press("g", "e")
        await play(stage)

    on_stage(there, **options)
    return engine


async def find(stage: Stage, words: str) -> None:
    """Goes to a key."""
    await stage.press("/", *words, "enter")


async def put(stage: Stage, key: str, value: str) -> None:
    """Changes a key that is typed."""
    await find(stage, key)
    await stage.press("enter", "ctrl+u", *value, "enter")


def under_cursor(stage: Stage) -> str:
    return next(row for row in stage.screen() if row.startswith(" ›"))


def words(stage: Stage) -> str:
    """What is on the screen, as one running text."""
    return " ".join(stage.text().replace("│", " ").split())


def told(engine: Engine, name: str) -> list[dict[str, Any]]:
    return [params for call, params in engine.asked if call == name]
