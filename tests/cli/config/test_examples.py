"""Each verb's help shows how it is used, and what it shows can be given as it stands."""

from __future__ import annotations

import shlex

import pytest

from jp_firmware.cli import command as cli
from jp_firmware.cli.completion import words_of
from jp_firmware.cli.config.edits import edits_of
from jp_firmware.cli.config.examples import CHANGING, EXAMPLES

VERBS = [
    " ".join(words.command[1:])
    for words in words_of(cli.parser(["config"]))
    if words.command[:1] == ("config",) and words.command[1:] not in ((), ("bundle",))
]


def test_every_verb_has_examples() -> None:
    assert sorted(VERBS) == sorted(EXAMPLES)


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_help_shows_them(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["config", *verb.split(), "--help"])

    told = capsys.readouterr().out
    assert all(f"  {line}\n" in told for line in EXAMPLES[verb])
    assert ("somebody else changed" in told) == (verb in CHANGING)


@pytest.mark.parametrize("line", [line for lines in EXAMPLES.values() for line in lines])
def test_an_example_is_a_command_line(line: str) -> None:
    words = shlex.split(line.partition(" > ")[0])
    parsed = cli.parser(words[1:]).parse_args(words[1:])

    if parsed.verb == "set":
        assert edits_of(parsed.puts, parsed.unset, parsed.add)
