"""The reference of the whole configuration, in Markdown: docs/configuration.md is made by it."""

from __future__ import annotations

from collections.abc import Iterator

from jp_firmware.config.key import Known, keys_of, table_of
from jp_firmware.config.told.explain import MUST, NONE, RELOAD_TEXT, all_keys, default_text, type_text


def reference() -> str:
    """The reference of all keys, in Markdown."""
    parts = [_HEAD]
    for table in (one for one in all_keys() if one.is_table):
        kind = table_of(table.type)
        title = f"[[{table.name.replace('.*', '')}]]" if table.is_list else f"[{table.name}]"
        parts += ["", f"## `{title}`", "", " ".join((kind.__doc__ or "").split()), "", *_rows(table, kind)]
    return "\n".join(parts) + "\n"


def _rows(table: Known, kind: type) -> Iterator[str]:
    yield "| key | what it means | type | unit | default | a change | role | since |"
    yield "|---|---|---|---|---|---|---|---|"
    above = (*table.path, "*") if table.is_list else table.path
    for one in keys_of(kind, above):
        if len(one.path) == len(above) + 1 and not (one.is_table and len(above) == 0):
            marks = " **Secret.**" if one.key.secret else ""
            cells = (
                f"`{one.path[-1]}`",
                one.key.text + marks,
                type_text(one),
                one.key.unit,
                f"`{default_text(one)}`" if default_text(one) not in (MUST, NONE, "") else default_text(one),
                one.key.reload.value,
                one.key.role.value,
                one.key.since,
            )
            yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


_HEAD = """# Configuration: all keys

Made from the program's own declarations (`jp config reference`); `jp config explain KEY` says the same of one key.

*A change* says what it takes on a charger that runs:

| class | what happens |
|---|---|
""" + "\n".join(f"| {name} | {text} |" for name, text in RELOAD_TEXT.items())
