"""Valid TOML texts in whatever form a person may have left them in, for property tests."""

from __future__ import annotations

import tomllib
from typing import Any

from hypothesis import strategies as st

from jp_firmware.config.text import written

Draw = Any  # what Hypothesis gives a composite strategy to draw with

words = st.text("abcXYZ_- .\"'#[]=é", min_size=1, max_size=4) | st.sampled_from(["name", "id", "uid", "a", "b", "c"])
scalars = (
    st.integers(-99, 99)
    | st.integers(10**4, 10**7)
    | st.booleans()
    | st.floats(allow_nan=False)
    | st.text("ab\"'\\#[]{},=\n\r\té", max_size=8)
    | st.datetimes()
    | st.dates()
    | st.times()
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
tables = st.dictionaries(words, values, max_size=4)
named_tables = st.lists(
    st.builds(
        lambda name, rest: {**rest, "name": name},
        st.sampled_from(["p", "q", "r", "s", "1", 1, 2]),
        st.dictionaries(st.sampled_from(["x", "y", "z"]), values, max_size=3),
    ),
    max_size=4,
)
nested_tables = st.dictionaries(words, st.dictionaries(words, values, min_size=1, max_size=2), min_size=1, max_size=3)
documents = st.dictionaries(
    words,
    st.one_of(values, tables, nested_tables, named_tables, st.lists(tables | nested_tables, max_size=3)),
    max_size=5,
)

comments = st.sampled_from(["# a comment", '# [table] = "x" \'y', "#", '# """'])


@st.composite
def texts(draw: Draw) -> tuple[str, dict[str, Any]]:
    """A text, and the data that it says."""
    data = draw(documents)
    text = _Untidy(draw).document(data)
    assert written.same(tomllib.loads(text), data), text
    return text, data


@st.composite
def changed(draw: Draw, value: Any) -> Any:
    """`value` with something put, removed, added or moved, somewhere in it."""
    match value:
        case dict():
            made = {}
            for name, inner in value.items():
                fate = draw(st.sampled_from(["stay", "stay", "change", "change", "replace", "go"]))
                if fate == "change":
                    inner = draw(changed(inner))
                elif fate == "replace":
                    inner = draw(values | tables | named_tables)
                if fate != "go":
                    made[name] = inner
            return made | (draw(tables) if draw(st.booleans()) else {})
        case list():
            items = list(value)
            for _ in range(draw(st.integers(0, 3))):
                at = draw(st.integers(0, len(items)))
                fate = draw(st.sampled_from(["add", "change", "change", "go", "move"]))
                if fate == "add":
                    like = draw(tables | values) if not items else draw(changed(items[0]))
                    items.insert(at, like)
                elif fate == "change":
                    items[at : at + 1] = [draw(changed(item)) for item in items[at : at + 1]]
                elif fate == "go":
                    del items[at : at + 1]
                else:
                    items.append(items.pop(at) if at < len(items) else draw(values))
            return items
    return draw(values) if draw(st.booleans()) else value


class _Untidy:
    """Writes data in one of the many ways in which it may be written."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self._newline: str = draw(st.sampled_from(["\n", "\n", "\r\n"]))
        self._tidy = draw(st.booleans())
        self._later: list[str] = []  # tables that stand apart from the one they are in
        self._in_array = 0

    def document(self, data: dict[str, Any]) -> str:
        text = self._between() + self._body((), data) + "".join(self._later)
        if self._maybe() and not text.endswith(("\\" + self._newline, "#" + self._newline)):
            text = text.removesuffix(self._newline)
        return text

    def _maybe(self) -> bool:
        return not self._tidy and bool(self._draw(st.integers(0, 3)) == 0)

    def _body(self, names: tuple[str, ...], data: dict[str, Any]) -> str:
        pairs: list[str] = []
        sections: list[str] = []
        for name, value in data.items():
            form = self._draw(st.sampled_from(["section", "section", "dotted", "inline"]))
            if isinstance(value, dict) and value and form == "dotted":
                pairs += self._dotted((name,), value)
            elif isinstance(value, dict) and form != "inline":
                sections.append(self._table((*names, name), value))
            elif written.is_tables(value) and form == "section":
                sections.append("".join(self._table((*names, name), item, many=True) for item in value))
            else:
                pairs.append(self._pair((name,), value))
        if not self._in_array:
            apart = {section for section in sections if self._maybe()}
            self._later += [section for section in sections if section in apart]
            sections = [section for section in sections if section not in apart]
        return "".join(pairs) + "".join(sections)

    def _table(self, names: tuple[str, ...], data: dict[str, Any], many: bool = False) -> str:
        self._in_array += many
        body = self._body(names, data)
        self._in_array -= many
        open_, close = ("[[", "]]") if many else ("[", "]")
        only_tables = bool(data) and all(isinstance(value, dict) and value for value in data.values())
        if not many and only_tables and self._implied(body) and self._draw(st.booleans()):
            return body
        space = " " if self._maybe() else ""
        return f"{self._indent()}{open_}{space}{self._key(names)}{space}{close}{self._end()}{body}"

    def _implied(self, body: str) -> bool:
        """Whether all tables of `body` are written with headers."""
        return body.lstrip().startswith("[")

    def _dotted(self, names: tuple[str, ...], data: dict[str, Any]) -> list[str]:
        lines = []
        for name, value in data.items():
            if isinstance(value, dict) and value and self._draw(st.booleans()):
                lines += self._dotted((*names, name), value)
            else:
                lines.append(self._pair((*names, name), value))
        return lines

    def _pair(self, names: tuple[str, ...], value: Any) -> str:
        equals = self._draw(st.sampled_from(["=", " = ", "  =\t"])) if not self._tidy else " = "
        return f"{self._indent()}{self._key(names)}{equals}{self._value(value)}{self._end()}"

    def _key(self, names: tuple[str, ...]) -> str:
        return (" . " if self._maybe() else ".").join(written.key(name) for name in names)

    def _value(self, value: Any, in_table: bool = False) -> str:
        match value:
            case dict():
                space = " " if self._maybe() else ""
                pairs = f",{space}".join(f"{written.key(k)}={space}{self._value(v, True)}" for k, v in value.items())
                return f"{{{space}{pairs}{space}}}"
            case list():
                return self._list(value, in_table)
            case str() if "'" not in value and value.isprintable() and self._maybe():
                return f"'{value}'"
            case str() if "'''" not in value and not value.endswith("'") and "\r" not in value and self._maybe():
                return f"'''{self._newline}{value}'''" if not in_table else written.inline(value)
        return written.inline(value)

    def _list(self, items: list[Any], in_table: bool) -> str:
        out = "["
        for number, item in enumerate(items):
            out += self._space(in_table) + self._value(item, in_table) + self._space(in_table)
            if number < len(items) - 1 or self._maybe():
                out += ","
        return out + self._space(in_table) + "]"

    def _space(self, in_table: bool) -> str:
        if self._tidy or in_table:
            return " " if self._maybe() else ""
        one = self._draw(st.sampled_from(["", "", " ", "newline", "comment"]))
        if one == "newline":
            return self._newline + "    "
        if one == "comment":
            return " " + str(self._draw(comments)) + self._newline + "  "
        return str(one)

    def _end(self) -> str:
        comment = "  " + str(self._draw(comments)) if self._maybe() else ""
        return comment + self._newline + self._between()

    def _between(self) -> str:
        out = ""
        while self._maybe():
            out += (str(self._draw(comments)) if self._maybe() else "") + self._newline
        return out

    def _indent(self) -> str:
        return "  " if self._maybe() else ""
