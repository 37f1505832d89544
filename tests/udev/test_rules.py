"""Claims about the udev rules: they can be read, name everything once, and name what the cabinets ask for."""

from __future__ import annotations

import fnmatch
import shutil
import subprocess
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from tests.udev.rules import RuleError, read

CHECKOUT = Path(__file__).parents[2]
RULES = CHECKOUT / "udev" / "70-jp.rules"
CABINETS = sorted((CHECKOUT / "profiles" / "cabinets").glob("*.toml"))


@pytest.fixture(scope="module")
def symlinks() -> list[str]:
    return [name for rule in read(RULES.read_text()) for value in rule.assigned("SYMLINK") for name in value.split()]


def test_every_name_is_given_once_and_below_jp(symlinks: list[str]) -> None:
    assert symlinks
    assert [name for name, count in Counter(symlinks).items() if count > 1] == []
    assert all(name.startswith("jp/") for name in symlinks)


def test_every_named_device_is_matched_by_its_socket_and_given_to_the_firmware() -> None:
    rules = read(RULES.read_text())
    paths = [
        token.value
        for rule in rules
        if rule.assigned("SYMLINK")
        for token in rule.tokens
        if (token.key, token.attribute) == ("ENV", "ID_PATH")
    ]
    [granted] = [rule.tokens[0].value for rule in rules if rule.assigned("GROUP")]

    assert len(paths) == len(set(paths)) == sum(bool(rule.assigned("SYMLINK")) for rule in rules)
    assert all(fnmatch.fnmatchcase(path.replace("*", "platform-xhci-hcd.0.auto"), granted) for path in paths)


@pytest.mark.parametrize("path", CABINETS, ids=lambda path: path.stem)
def test_every_tty_of_a_shipped_cabinet_has_its_name(path: Path, symlinks: list[str]) -> None:
    cabinet = tomllib.loads(path.read_text())
    wires = [wire["port"] for wire in cabinet.get("wires", []) if wire["kind"] in ("slcan", "modbus-rtu")]
    readers = [reader["port"] for reader in cabinet.get("readers", [])]

    assert [port for port in (*wires, *readers) if port not in symlinks] == []


def test_there_is_a_cabinet() -> None:
    assert CABINETS


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('KERNEL=="a" SYMLINK+="b"', "cannot be read from"),
        ('KERNEL=="a", SYMLINK+="b', "cannot be read from"),
        ('KERNEL=="a", SYMLINK+=b', "cannot be read from"),
        ('KERNEL=="a", SYMLINK+="b",', "comma with nothing after it"),
        ('KERNAL=="a", SYMLINK+="b"', "no key KERNAL"),
        ('ATTRS=="a", SYMLINK+="b"', "ATTRS needs {attribute}"),
        ('KERNEL="a", SYMLINK+="b"', "KERNEL= is not possible"),
        ('GROUP=="a", SYMLINK+="b"', "GROUP== is not possible"),
        ('KERNEL=="a", MODE="rw"', "no file mode"),
        ('KERNEL=="a"', "does nothing"),
        ('LABEL="x"\nKERNEL=="a", GOTO="x"', "no such label follows"),
        ('KERNEL=="a", \\', "in the middle of a rule"),
    ],
)
def test_the_reader_finds_mistakes(text: str, said: str) -> None:
    with pytest.raises(RuleError, match=said):
        read(text)


def test_the_reader_reads_what_udev_reads() -> None:
    [rule] = read('# words\n\nKERNEL=="a*", ATTRS{x}!="\\"y\\"", \\\n  SYMLINK+="b", ENV{K}="v"\n')

    assert (3, ["b"], 4) == (rule.line, rule.assigned("SYMLINK"), len(rule.tokens))


def test_udev_itself_takes_the_rules() -> None:
    udevadm = shutil.which("udevadm")
    if udevadm is None:
        pytest.skip("no udevadm on this machine")
    known = subprocess.run([udevadm, "verify", "--help"], capture_output=True, check=False)
    if known.returncode != 0:
        pytest.skip("this udevadm has no verify (systemd 254 and newer have it)")
    verified = subprocess.run(
        [udevadm, "verify", "--resolve-names=never", str(RULES)], capture_output=True, text=True, check=False
    )

    assert verified.returncode == 0, verified.stderr
