"""Tab completion offers what the parser knows, in the shells themselves where they are at hand."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from jp_firmware import cli
from jp_firmware.cli_completion import SHELLS, script, words_of


def offered_by_bash(line: str) -> set[str]:
    words = line.split(" ")
    quoted = " ".join(f"'{word}'" for word in words)
    program = (
        f"{script('bash', cli.parser(['sim', 'csms']))}\n"
        f"COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; COMPREPLY=(); _jp\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("jp st", {"status", "start", "stop"}),
        ("jp --socket /run/x st", {"status", "start", "stop"}),
        ("jp session ", {"list", "show", "--help"}),
        ("jp session list --", {"--help", "--limit", "--json", "--socket"}),
        ("jp status --w", {"--watch"}),
        ("jp completion ", {"bash", "zsh", "fish", "--help"}),
        ("jp csms ctl st", {"stations"}),
        ("jp nonsense ", set()),
    ],
)
def test_bash_offers_what_may_follow(line: str, offered: set[str]) -> None:
    if line == "jp nonsense ":
        assert "status" in offered_by_bash(line), "an unknown word counts as none"
    else:
        assert offered_by_bash(line) == offered


def test_bash_offers_files_where_a_file_is_wanted() -> None:
    assert "pyproject.toml" in offered_by_bash("jp config check pyproj")


@pytest.mark.parametrize("shell", SHELLS)
def test_every_command_stands_in_every_script(shell: str) -> None:
    parser = cli.parser(["sim", "csms"])
    made = script(shell, parser)

    for words in words_of(parser):
        for name, _ in words.subcommands:
            assert name in made
        for option in words.options:
            assert option.removeprefix("--") in made


@pytest.mark.parametrize(("shell", "check"), [("zsh", "-n"), ("fish", "--no-execute")])
def test_the_other_shells_can_read_their_scripts(shell: str, check: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    made = script(shell, cli.parser(["sim", "csms"]))
    done = subprocess.run([shell, check, "/dev/stdin"], input=made, capture_output=True, text=True, check=False)

    assert (0, "") == (done.returncode, done.stderr)
