"""What is typed for the configuration: a key's value, a new item, a secret, and the terms of a change."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Final

from jp_firmware.tui import formatters as fmt
from jp_firmware.tui.configuration.entry import shown, typed_of, value_of
from jp_firmware.tui.configuration.keys import Declared, Kind, Parts, key_text
from jp_firmware.tui.configuration.told import PlanView
from jp_firmware.tui.screens.dialogs import MakeScene
from jp_firmware.tui.screens.forms import Field, FormScreen, PickScreen
from jp_firmware.tui.text import BLANK, Line, cell, cut, line, span, wrap
from jp_firmware.tui.views.configuration import RELOAD_TEXT
from jp_firmware.tui.views.scene import Scene

_LONGEST: Final = 2000  # characters of a value: ours, as much as one can still look over here
DEFAULT: Final = "(default)"


def choose_value(make_scene: MakeScene, parts: Parts, key: Declared, now: Any, is_set: bool) -> PickScreen:
    """Which of a key's choices; the default is one more where the key need not be given."""
    choices = ["true", "false"] if key.kind is Kind.FLAG else [typed_of(one) for one in key.one_of]
    items: list[tuple[Hashable, str]] = [(one, one) for one in choices]
    if is_set and not key.required:
        items.append((DEFAULT, f"back to the default, {shown(key.default)}"))

    def row(scene: Scene, text: str, width: int) -> Line:
        mark = "  now" if text == typed_of(now) else ""
        unit = f" {key.unit}" if key.unit and text in choices else ""
        return cut(line(span(f"  {text}{unit}"), span(mark, "label")), width, scene.symbols.ellipsis)

    def header(_scene: Scene, width: int) -> list[Line]:
        return [*_about(key, width), BLANK]

    return PickScreen(make_scene, key_text(parts), lambda _scene: items, row, header, at=typed_of(now))


def _about(key: Declared, width: int) -> list[Line]:
    change = f"{key.reload}: {RELOAD_TEXT.get(key.reload, '')}"
    unit = f" {key.unit}" if key.unit else ""
    return [*wrap(key.text, width), *wrap(f"{key.type}{unit}; {change}", width, "label")]


class ValueScreen(FormScreen):
    """Takes the value of one key; `value` is what it is then."""

    def __init__(self, make_scene: MakeScene, parts: Parts, key: Declared, now: Any) -> None:
        typed = "" if now is None else typed_of(now)
        prompt = f"In {key.unit}:" if key.unit else "Value:"
        super().__init__(make_scene, key_text(parts), [Field(name="value", prompt=prompt, most=_LONGEST, typed=typed)])
        self._key = key
        self.value: Any = None

    def about(self, _scene: Scene, width: int) -> list[Line]:
        key = self._key
        default = "It must be given." if key.required else f"Default: {shown(key.default)}."
        rows = [*_about(key, width), *wrap(default, width, "label")]
        if key.kind is Kind.LIST:
            rows += wrap("Items one after the other, with commas between.", width, "label")
        return [*rows, BLANK]

    def why_not(self, typed: Mapping[str, str], _scene: Scene) -> str:
        try:
            self.value = value_of(typed["value"], self._key)
        except ValueError as wrong:
            return str(wrong)
        return ""


class SecretScreen(FormScreen):
    """Takes a secret twice, unseen; `value` is what it is then."""

    def __init__(self, make_scene: MakeScene, parts: Parts, key: Declared) -> None:
        fields = [
            Field(name="first", prompt="New secret:", most=_LONGEST, masked=True),
            Field(name="again", prompt="Once more:", most=_LONGEST, masked=True),
        ]
        super().__init__(make_scene, key_text(parts), fields)
        self._key = key
        self.value = ""

    def about(self, _scene: Scene, width: int) -> list[Line]:
        return [*_about(self._key, width), *wrap("It is never shown again.", width, "label"), BLANK]

    def why_not(self, typed: Mapping[str, str], _scene: Scene) -> str:
        if typed["first"] != typed["again"]:
            return "the two are not the same; type both again"
        self.value = typed["first"]
        return ""


class ItemScreen(FormScreen):
    """Takes a new item of a list, as far as its keys must be given; `item` is what it is then."""

    def __init__(self, make_scene: MakeScene, parts: Parts, declared: Declared, keys: Sequence[Declared]) -> None:
        self._keys = [one for one in keys if one.required and not one.is_group]
        self._lists = [one for one in keys if one.required and one.kind is Kind.TABLES]
        fields = [
            Field(name=one.path[-1], prompt=f"{one.path[-1]}{f' in {one.unit}' if one.unit else ''}:", most=_LONGEST)
            for one in self._keys
        ]
        super().__init__(make_scene, f"Add one: {key_text(parts)}", fields)
        self._declared = declared
        self.item: dict[str, Any] = {}

    def about(self, _scene: Scene, width: int) -> list[Line]:
        rows = wrap(self._declared.text, width)
        width_of_names = max((len(one.path[-1]) for one in self._keys), default=0) + 2
        for one in self._keys:
            rows.append(line(cell(one.path[-1], width_of_names, "label"), span(f"{one.text} ({one.type})", "label")))
        return [
            *rows,
            *wrap("What else it has stands at its default, and is changed in the tree.", width, "label"),
            BLANK,
        ]

    def why_not(self, typed: Mapping[str, str], _scene: Scene) -> str:
        item: dict[str, Any] = {}
        for one in self._keys:
            name = one.path[-1]
            try:
                item[name] = value_of(typed[name], one)
            except ValueError as wrong:
                return f"{name}: {wrong}"
            if one.kind is Kind.TEXT and not item[name]:
                return f"{name} must be given"
        self.item = item | {one.path[-1]: [] for one in self._lists}
        return ""


class ApplyScreen(FormScreen):
    """Takes why a draft is applied, and on which terms; `params` is what the call is told besides the draft."""

    def __init__(
        self, make_scene: MakeScene, title: str, plan: PlanView, effect: str, still_possible: Callable[[Scene], str]
    ) -> None:
        self._plan = plan
        self._effect = effect
        self._still_possible = still_possible
        self.params: dict[str, Any] = {}
        confirm = f"{plan.confirm_s:g}" if plan.confirm_s else ""
        fields = [
            Field(name="why", prompt="Why:", most=200),
            Field(name="confirm", prompt="Undone unless confirmed in s:", most=6, typed=confirm),
        ]
        if plan.waits_for:
            fields.append(Field(name="force", prompt='"force" ends sessions:', most=5))
        super().__init__(make_scene, title, fields)

    def about(self, _scene: Scene, width: int) -> list[Line]:
        changes = fmt.counted(len(self._plan.changes), "changed value", "changed values")
        parts = fmt.counted(len(self._plan.steps), "part touched", "parts touched")
        rows: list[Line] = [line(span(f"{changes}, {parts}", "strong"))]
        if self._plan.waits_for:
            numbers = ", ".join(map(str, self._plan.waits_for))
            rows += wrap(f"It waits for the sessions at {numbers} to end, unless it is forced.", width, "warn")
        return [*rows, *wrap(self._effect, width), *wrap("No seconds: for good at once.", width, "label"), BLANK]

    def why_not(self, typed: Mapping[str, str], scene: Scene) -> str:
        why = typed["why"].strip()
        if not why:
            return "say why: it is kept with the version"
        confirm = typed["confirm"].strip()
        if confirm and not confirm.isdecimal():
            return f"the time is a whole number of seconds, not {confirm}"
        if confirm and int(confirm) > 3600:
            return "the time lies between 0 and 3600 s"
        force = typed.get("force", "").strip().lower()
        if force not in ("", "force"):
            return 'type "force", or leave it empty to wait'
        self.params = {"why": why, "confirm_s": float(confirm or 0)}
        if force:
            self.params["force"] = True
        return self._still_possible(scene)
