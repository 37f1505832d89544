"""A change that is proposed: what the configuration would be, what would differ, and what that would take. Pure.

What differs is told by what is in force, defaults included: a key that is written down with the value it has anyway
changes the text and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs

from jp_firmware.config.effects import Effects, effects
from jp_firmware.config.examine import Examined, Finding, Severity, examine, findings_of
from jp_firmware.config.schema import Cabinet, ConfigError
from jp_firmware.config.structure import Mistake
from jp_firmware.config.text import toml
from jp_firmware.config.text.difference import SECRET, Change, changes
from jp_firmware.config.text.document import edited
from jp_firmware.config.text.edits import Data, Edit, Key, Remove, key_of, parts_of
from jp_firmware.config.text.keys import name_of
from jp_firmware.config.text.lines import KeyPath, line_of, lines_of
from jp_firmware.config.told.explain import all_keys

Secrets = Mapping[str, str]
FurtherCheck = Callable[[Cabinet], Iterable[Mistake]]


@attrs.frozen(kw_only=True)
class InForce:
    """The configuration that a charger runs. `overrides` are those of its command line: they stand above every text."""

    number: int
    text: str
    cabinet: Cabinet
    secrets: Secrets = attrs.field(factory=dict, repr=False)
    overrides: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Draft:
    """One proposal. Without errors it has a cabinet, and could be applied."""

    base: InForce
    text: str
    secrets: Secrets | None = attrs.field(repr=False)  # all of them, if they change
    examined: Examined = attrs.field(repr=False)
    changes: tuple[Change, ...] = ()
    effects: Effects = attrs.field(factory=lambda: Effects(()))
    is_text: bool = False  # somebody's own text, not edits of the one in force

    @property
    def cabinet(self) -> Cabinet | None:
        return self.examined.cabinet

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self.examined.findings

    @property
    def without_mistakes(self) -> Draft:
        """Itself. Raises ConfigError with the first of its mistakes."""
        if errors := self.examined.errors:
            raise ConfigError(f"{errors[0].key}: {errors[0].text}")
        return self

    @property
    def says_the_same(self) -> bool:
        """Whether not even the text differs."""
        return self.text == self.base.text and self.secrets is None


def draft(
    base: InForce,
    *,
    text: str | None = None,
    edits: Sequence[Edit] = (),
    secrets: Secrets | None = None,
    further: FurtherCheck = lambda _: (),
) -> Draft:
    """The proposal of another text, or of the present one with `edits`; `secrets` are those that change.

    Secrets that stand in the text are taken out of it, to where they are kept; one that stands there as it is shown to
    people is the one in force.

    `further` is asked of a cabinet that is good so far. Raises ConfigError for edits that cannot be made.
    """
    proposed = base.text if text is None else text
    if edits:
        proposed = edited(proposed, edits)
    proposed, written = _without_secrets(proposed, base)
    laid = {**base.secrets, **written, **(secrets or {})}
    all_secrets = laid if laid != dict(base.secrets) else None
    examined = examine(proposed, base.overrides, laid)
    if examined.cabinet is not None and (more := list(further(examined.cabinet))):
        findings = (*examined.findings, *findings_of(more, proposed, examined.data))
        is_good = not any(one.severity is Severity.ERROR for one in findings)
        examined = attrs.evolve(examined, findings=findings, cabinet=examined.cabinet if is_good else None)
    if examined.cabinet is None:
        return Draft(base=base, text=proposed, secrets=all_secrets, examined=examined, is_text=text is not None)
    differing = changes(effective(base.cabinet), effective(examined.cabinet), is_secret)
    overridden = _overridden(base, proposed, examined.data)
    examined = attrs.evolve(examined, findings=(*examined.findings, *overridden))
    return Draft(
        base=base,
        text=proposed,
        secrets=all_secrets,
        examined=examined,
        changes=differing,
        effects=effects([one.key for one in differing], base.cabinet),
        is_text=text is not None,
    )


def _without_secrets(text: str, base: InForce) -> tuple[str, dict[str, str]]:
    """The text without those, and what they are, by key. A text that is no TOML is left as it is."""
    try:
        data, former = toml.loads(text), toml.loads(base.text)
    except toml.TomlError:
        return text, {}
    found = _secrets_in(data)
    values = {path: _at(former, path) if value == SECRET else value for path, value in found.items()}
    kept = {key_of(path): value for path, value in values.items() if isinstance(value, str)}
    return edited(text, [Remove(path) for path in found]) if found else text, kept


def without_secrets(text: str) -> str:
    """A valid text without the secrets that stand in it."""
    return edited(text, [Remove(path) for path in _secrets_in(toml.loads(text))])


def _secrets_in(data: Data) -> dict[Key, str]:
    return {path: value for path in _SECRETS if isinstance(value := _at(data, path), str)}


def _overridden(base: InForce, text: str, data: Mapping[str, Any]) -> Iterable[Finding]:
    """What changes in the text and not in the charger, since its command line says otherwise."""
    if not base.overrides:
        return
    keys = dict.fromkeys(parts_of(one.partition("=")[0].strip()) for one in base.overrides)
    for change in changes(toml.loads(base.text), dict(data), is_secret):
        for key in keys:
            if key[: len(change.parts)] == change.parts and change.after is not None:
                yield Finding(
                    severity=Severity.WARNING,
                    line=line_of(_path(data, key), lines_of(text)),
                    key=key_of(key),
                    text=f"is overridden by the command line (--set {key_of(key)}=…); it takes effect when the charger "
                    "is started without it",
                )


def _path(data: Any, key: Key) -> KeyPath:
    """A key with the numbers of items in place of their names, as far as it leads."""
    path: KeyPath = ()
    for word in key:
        if isinstance(data, list):
            names = [str(name_of(item, number)) for number, item in enumerate(data)]
            if word not in names:
                break
            path, data = (*path, names.index(word)), data[names.index(word)]
        else:
            path, data = (*path, word), data.get(word) if isinstance(data, Mapping) else None
    return path


def _at(data: Any, path: Key) -> Any:
    for name in path:
        data = data.get(name) if isinstance(data, dict) else None
    return data


def effective(cabinet: Cabinet) -> Data:
    """The whole configuration as data, defaults included; what is absent is left out."""
    made: Data = _plain(attrs.asdict(cabinet))
    return made


def is_secret(key: Key) -> bool:
    """Whether the value of this key is told to nobody."""
    return key in _SECRETS


_SECRETS = frozenset(one.path for one in all_keys() if one.key.secret)  # none of them in a list


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {name: _plain(inner) for name, inner in value.items() if inner is not None}
        case list() | tuple():
            return [_plain(inner) for inner in value]
    return value
