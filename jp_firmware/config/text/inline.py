"""Changes a value within its own text: a list keeps its lines and comments, an inline table its order.

Works on the text of one value; where it stands in the file is the business of `document`.
"""

from __future__ import annotations

from typing import Any

import attrs

from jp_firmware.config.text import written
from jp_firmware.config.text.layout import BLANK, SPACE, inner_of
from jp_firmware.config.text.matching import matches


@attrs.define
class _Item:
    """One item of a list: space and comments before it, its value, and what follows in its line, around the comma."""

    lead: str
    value: str
    gap: str  # before the comma
    after: str  # behind it, to the end of the line


def changed(text: str, old: Any, new: Any, indent: str, newline: str) -> str:
    """`text`, which is the value `old`, as the value `new`. `indent` is that of the line on which it starts."""
    if written.same(old, new):
        return text
    if isinstance(old, list) and isinstance(new, list) and (old or "#" in text):
        return _changed_list(text, old, new, newline)
    if isinstance(old, dict) and isinstance(new, dict) and old:
        return _changed_table(text, old, new)
    if isinstance(new, list | dict):
        return written.inline(new, written.WIDTH, indent, newline)
    return written.scalar(new, text)


# --- lists ---------------------------------------------------------------------------------------------------------


def _changed_list(text: str, old: list[Any], new: list[Any], newline: str) -> str:
    items, tail, ends_with_comma = _items(text)
    first_lead = items[0].lead if items else ""
    lines = "\n" in first_lead
    lead = newline + first_lead.rpartition("\n")[2] if lines else " "
    made: list[_Item] = []
    carried = ""  # comments that stood above an item that is gone
    for match in matches(old, new):
        if match.before is not None and match.after is not None:
            item = items[match.before]
            item.value = changed(item.value, old[match.before], new[match.after], "", newline)
        elif match.after is not None:
            item = _Item(lead, written.inline(new[match.after]), "", "")
        else:
            gone = items[match.before or 0].lead
            carried += gone.rstrip() if "#" in gone else ""
            continue
        if not made and not lines and "\n" not in item.lead:
            item.lead = first_lead
        item.lead, carried = carried + item.lead, ""
        made.append(item)
    return _joined(made, carried + tail, ends_with_comma, newline)


def _joined(items: list[_Item], tail: str, ends_with_comma: bool, newline: str) -> str:
    if not items and "#" not in tail:
        return "[]"
    made = _Joined("[", newline)
    for number, item in enumerate(items, 1):
        comma = "," if number < len(items) or ends_with_comma else ""
        made.space(item.lead)
        made.add(item.value)
        if "#" not in item.gap:
            made.space(item.gap)
            made.add(comma)
        else:  # the comma must come before the comment
            made.add(comma)
            made.space(item.gap)
        made.space(item.after)
    made.space(tail)
    made.add("]")
    return made.text


@attrs.define
class _Joined:
    """Joins values and what stands between them, so that no value comes to stand in a comment."""

    text: str
    newline: str
    in_comment: bool = False

    def space(self, space: str) -> None:
        self.in_comment = "#" in space.rpartition("\n")[2] or (self.in_comment and "\n" not in space)
        self.text += space

    def add(self, what: str) -> None:
        if what and self.in_comment:
            self.text += self.newline
            self.in_comment = False
        self.text += what


def _items(text: str) -> tuple[list[_Item], str, bool]:
    """The items of a list, what stands before the closing bracket, and whether a comma ends the last one."""
    found, close = inner_of(text, 0)
    items: list[_Item] = []
    at, comma = 1, False
    for one in found:
        item = _Item(text[at : one.start], text[one.start : one.value_end], "", "")
        comma_at = _past(SPACE, text, one.value_end)
        comma = text[comma_at] == ","
        if comma:
            item.gap = text[one.value_end : comma_at]
            item.after = _comment(text, comma_at + 1)
            at = comma_at + 1 + len(item.after)
        else:
            item.gap = _comment(text, one.value_end)
            at = one.value_end + len(item.gap)
        items.append(item)
    return items, text[at:close], comma


def _comment(text: str, at: int) -> str:
    """The comment behind an item, in its line."""
    start = _past(BLANK, text, at)
    if not text.startswith("#", start):
        return ""
    return text[at : text.index("\n", start)].removesuffix("\r")


# --- inline tables -------------------------------------------------------------------------------------------------


def _changed_table(text: str, old: dict[str, Any], new: dict[str, Any]) -> str:
    pairs, _ = inner_of(text, 0)
    if any(len(pair.names) > 1 for pair in pairs):  # dotted; there is no comment that could be lost
        return written.inline(new)
    made = []
    for pair in pairs:
        (name,) = pair.names
        if name in new:
            value = text[pair.value_start : pair.value_end]
            made.append(text[pair.start : pair.value_start] + changed(value, old[name], new[name], "", "\n"))
    made += [f"{written.key(name)} = {written.inline(new[name])}" for name in new if name not in old]
    if not made:
        return "{}"
    space = " " if text[1] in " \t" else ""
    return f"{{{space}{', '.join(made)}{space}}}"


def _past(pattern: Any, text: str, at: int) -> int:
    return int(pattern.match(text, at).end())
