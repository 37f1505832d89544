"""Tab completion offers what the parser knows, in the shells themselves where they are at hand."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from jp_firmware.cli import command as cli
from jp_firmware.cli.completion import SHELLS, script, words_of

from .configured import Configured
from .conftest import served

CHECKOUT = Path(__file__).parents[2]
JP = f'jp() {{ {sys.executable} -m jp_firmware "$@"; }}'


def offered_by_bash(line: str) -> set[str]:
    words = line.split(" ")
    quoted = " ".join(f"'{word}'" for word in words)
    program = (
        f"{JP}\n{script('bash', cli.parser(list(cli.ROOMS)))}\n"
        f"COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; COMPREPLY=(); _jp\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(["bash", "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=True)
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
        ("jp modules i", {"identify"}),
        ("jp modules accept --", {"--help", "--socket"}),
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


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("jp config set site.p", {"site.phase_voltage_v=", "site.phases="}),
        ("jp config set --unset site.p", {"site.phase_voltage_v", "site.phases"}),
        ("jp config explain site.l", {"site.limit_w"}),
        ("jp config set --add conn", {"connectors="}),
        ("jp config secret b", {"backend.password"}),
        ("jp config set wires.can0.bitrate=12", {"wires.can0.bitrate=125000"}),
        ("jp config set wires.can0.parity = E", {"E"}),  # bash's own words: three
        ("jp config set wires.can0.stop_bits =", {"1", "2"}),
        ("jp config set planner.borrowing=", {"planner.borrowing=true", "planner.borrowing=false"}),
        ("jp config set backend.password=", set()),
        ("jp config set nonsense=", set()),
        ("jp config show --at ", set()),
        ("jp config off", set()),
    ],
)
def test_bash_offers_the_keys_there_may_be_where_no_charger_runs(
    line: str, offered: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JP_SOCKET", str(tmp_path / "none.sock"))

    assert offered_by_bash(line) == offered


def test_of_a_charger_that_runs_its_own_keys_and_versions_are_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    charger = Configured(tmp_path / "console.sock")
    charger.add(charger.now.text, "anna")
    monkeypatch.setenv("JP_SOCKET", str(charger.path))
    with served(charger.server()):
        assert offered_by_bash("jp config set connectors.2.w") == {"connectors.2.weight="}
        assert offered_by_bash("jp config show modules.module-8.a") == {"modules.module-8.address"}
        assert offered_by_bash("jp config set site.limit_w=") == {"site.limit_w=150000"}
        assert offered_by_bash("jp config set charger.name=") == set(), "two words"
        assert "1" in offered_by_bash("jp config rollback ")
        assert offered_by_bash("jp config show --at ") == {"1", "2"}


@pytest.mark.parametrize("shell", SHELLS)
def test_every_command_stands_in_every_script(shell: str) -> None:
    parser = cli.parser(list(cli.ROOMS))
    made = script(shell, parser)

    for words in words_of(parser):
        for name, _ in words.subcommands:
            assert name in made
        for option in words.options:
            assert option.removeprefix("--") in made


def in_shell(shell: str, program: str) -> set[str]:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    done = subprocess.run([shell, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return {line.split("\t")[0] for line in done.stdout.splitlines()}


@pytest.mark.parametrize(
    ("words", "offered"),
    [("jp ''", {"status", "session"}), ("jp session ''", {"list", "show"}), ("jp session list ''", {"--limit"})],
)
def test_zsh_offers_what_may_follow(words: str, offered: set[str]) -> None:
    made = script("zsh", cli.parser())
    program = (
        "compdef() { :; }; compadd() { shift; print -l -- $@ }\n"
        f"{made}\nwords=({words}); CURRENT=${{#words}}; _jp\n"
    )

    assert offered <= in_shell("zsh", program)
    if "session" in words:
        assert "status" not in in_shell("zsh", program)


@pytest.mark.parametrize(
    ("line", "offered", "not_offered"),
    [
        ("jp st", {"status", "start", "stop"}, {"session"}),
        ("jp session ", {"list", "show"}, {"status"}),
        ("jp session list --", {"--limit"}, {"--watch", "--token"}),
    ],
)
def test_fish_offers_what_may_follow(line: str, offered: set[str], not_offered: set[str]) -> None:
    found = in_shell("fish", f"{script('fish', cli.parser())}\ncomplete -C '{line}'")

    assert offered <= found
    assert not not_offered & found
