"""A proposal beside others: the keys that it touches, and the same proposal brought onto another version. Pure."""

from __future__ import annotations

from jp_firmware.config.draft import Draft, FurtherCheck, InForce, Secrets, draft, is_secret, without_secrets
from jp_firmware.config.text import toml
from jp_firmware.config.text.difference import changes
from jp_firmware.config.text.document import edited
from jp_firmware.config.text.edits import Data, Key, edits_between, key_of, parts_of


def meeting(one: Draft, other: Draft) -> tuple[str, ...]:
    """The keys that both touch, as `one` has them: the same key, or one that the other's item or order is about."""
    theirs = touched(other)
    return tuple(key_of(key) for key in sorted(touched(one)) if any(_meet(key, each) for each in theirs))


def touched(one: Draft) -> frozenset[Key]:
    """The keys whose value a proposal changes, in the text or in force; that of a secret too."""
    in_text = changes(_said(one.base.text), _said(one.text), is_secret)
    return frozenset(
        (*(each.parts for each in in_text), *(each.parts for each in one.changes), *map(parts_of, new_secrets(one)))
    )


def carried_over(one: Draft, onto: InForce, further: FurtherCheck = lambda _: ()) -> Draft:
    """The same change, proposed once more to another version, and examined again with it.

    What it changed of its own version is put into the text of the other one. A whole text keeps its comments instead:
    what has changed since its version is put into it. Raises ConfigError for what cannot be put there any more.
    """
    ours, former, now = _said(one.text), _said(one.base.text), _said(onto.text)
    if one.is_text:
        text = edited(one.text, edits_between(former, now))
        return draft(onto, text=text, secrets=new_secrets(one), further=further)
    return draft(onto, edits=edits_between(former, ours), secrets=new_secrets(one), further=further)


def new_secrets(one: Draft) -> Secrets:
    """The secrets that a proposal changes, by key."""
    return {key: value for key, value in (one.secrets or {}).items() if one.base.secrets.get(key) != value}


def _said(text: str) -> Data:
    """What a valid text says, without its secrets: those are kept elsewhere once it is changed."""
    return toml.loads(without_secrets(text))


def _meet(one: Key, other: Key) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]
