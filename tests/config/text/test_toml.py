"""Whatever keeps a text from being read is one error, in plain words, with its place."""

from __future__ import annotations

import time
import tomllib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jp_firmware.config.text import toml
from tests.config.odd_texts import texts


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(texts())
def test_texts_that_people_write_are_read_as_tomllib_reads_them(found: tuple[str, object]) -> None:
    text, _ = found

    assert repr(toml.loads(text)) == repr(tomllib.loads(text))


@given(st.text() | st.text("[]{}=.\"'#a1\n\\-_ ", max_size=60))
def test_any_text_is_read_or_refused_as_no_toml(text: str) -> None:
    try:
        tomllib.loads(text.removeprefix("\ufeff"))
    except (tomllib.TOMLDecodeError, RecursionError):
        with pytest.raises(toml.TomlError) as caught:
            toml.loads(text)

        assert 1 <= caught.value.line <= text.count("\n") + 1
        assert "; " in caught.value.what


@pytest.mark.parametrize(
    "value",
    [
        "[" * 5000 + "]" * 5000,
        "[" * 200 + "]" * 200,
        "[\n" * 33 + "]" * 33,
        "{a=" * 3000 + "1" + "}" * 3000,
        "9" * 5000,
        "0x" + "f" * 5000,
    ],
    ids=lambda value: f"{value[:4]}…",
)
def test_values_without_end_are_refused_where_they_stand(value: str) -> None:
    with pytest.raises(toml.TomlError) as caught:
        toml.loads(f'a = "]"  # [\nb = {value}\n')

    assert 2 <= caught.value.line <= 34


@pytest.mark.parametrize("line", ["{} = 1", "[{}]", "[[{}]]", "b = {{ {} = 1 }}"])
def test_keys_without_end_are_refused_at_once(line: str) -> None:
    """tomllib keeps each beginning of such a key: 28 000 parts take gigabytes."""
    began_s = time.process_time()
    with pytest.raises(toml.TomlError) as caught:
        toml.loads("a = 1\n" + line.format(".".join(["a", '"b"', "'c'"] * 9000)))

    assert caught.value.line == 2
    assert time.process_time() - began_s < 1


def test_what_nobody_counts_is_not_counted() -> None:
    """Brackets and dots in texts and in comments, and beside each other."""
    text = f'a = "{"[" * 50}"\n# {"{" * 50}\nb = "{"x" * 5000}"\nc = [{"[1], " * 50}]\nd = """\n{"[" * 50}"""\n'

    assert toml.loads(text) == tomllib.loads(text)


@pytest.mark.parametrize(
    ("text", "place", "told"),
    [
        ("\ufeffa = 1", (1, 1), "byte order mark"),
        ("a = 1\n[b]\n[b]\n", (3, 3), "twice"),
        ("a = 1\na = 2\n", (2, 6), "twice"),
        ("a = { b = 1, b = 2 }\n", (1, 19), "twice"),
        ("a = []\n[[a]]\n", (2, 4), "another way"),
        ("name = Yard\n", (1, 8), "quotes"),
        ("on = True\n", (1, 6), "small"),
        ("a = 1,5\n", (1, 6), "point"),
        ('a = "b\n', (1, 7), "correct the TOML syntax there"),
        ("a = [1,\n", (2, None), "close what is open"),
    ],
)
def test_mistakes_are_told_in_plain_words(text: str, place: tuple[int, int | None], told: str) -> None:
    with pytest.raises(toml.TomlError) as caught:
        toml.loads(text)

    assert told in caught.value.what
    assert (caught.value.line, caught.value.column) == place
