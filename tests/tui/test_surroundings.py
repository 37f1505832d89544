"""What the terminal makes of its environment, and what it does not let through to Textual."""

import subprocess
import sys

import pytest

from jp_firmware.tui.surroundings import Unsuitable, look_around, settle


@pytest.mark.parametrize(
    ("environment", "theme", "symbols", "mouse"),
    [
        ({"TERM": "xterm-256color", "LANG": "C.UTF-8"}, "grey", "full", True),
        ({"TERM": "tmux-256color"}, "grey", "full", True),
        ({"TERM": "xterm", "LANG": "en_US.ISO-8859-1"}, "grey", "ascii", True),
        ({"TERM": "xterm", "LANG": "C.UTF-8", "LC_ALL": "C"}, "grey", "ascii", True),
        ({"TERM": "linux", "LANG": "C.UTF-8"}, "16", "console", False),
        ({"TERM": "vt220"}, "16", "ascii", False),
        ({"TERM": "vt220", "LANG": "de_DE.utf8"}, "16", "full", False),
        ({"TERM": "vt220", "LC_CTYPE": "C.UTF-8"}, "16", "ascii", False),  # Python's own doing
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, "mono", "full", True),
        ({"TERM": "linux", "NO_COLOR": "1"}, "mono", "console", False),
        ({"TERM": "xterm", "JP_THEME": "16", "JP_SYMBOLS": "ascii"}, "16", "ascii", True),
    ],
)
def test_theme_and_signs_fit_the_terminal(environment: dict[str, str], theme: str, symbols: str, mouse: bool) -> None:
    found = look_around(environment, is_tty=True)
    assert (found.theme, found.symbols.name, found.mouse) == (theme, symbols, mouse)


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {}, {"TERM": "xterm", "JP_THEME": "pink"}])
def test_what_cannot_be_drawn_on_is_refused(environment: dict[str, str]) -> None:
    with pytest.raises(Unsuitable):
        look_around(environment, is_tty=True)
    with pytest.raises(Unsuitable, match="jp status --watch"):
        look_around({"TERM": "xterm"}, is_tty=False)


def test_what_would_disturb_textual_is_settled() -> None:
    environment = {"TERM": "vt220", "COLUMNS": "80", "LINES": "24", "NO_COLOR": "1", "TEXTUAL_FPS": "1", "HOME": "/"}
    settle(environment, look_around(environment, is_tty=True))

    assert {"COLUMNS", "LINES", "NO_COLOR", "TEXTUAL_FPS"} & set(environment) == set()
    assert environment["TEXTUAL_ANIMATIONS"] == "none"
    assert environment["TEXTUAL_DISABLE_KITTY_KEY"] == "1"
    assert environment["ESCDELAY"] == "250"


def test_an_escape_delay_that_someone_chose_is_kept() -> None:
    environment = {"TERM": "linux", "ESCDELAY": "40"}
    settle(environment, look_around(environment, is_tty=True))
    assert environment["ESCDELAY"] == "40"


def modules_after(statement: str) -> set[str]:
    """The top-level packages, and those of ours, that a fresh interpreter has after `statement`."""
    code = f"{statement}; import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_way_in_imports_neither_trio_nor_textual() -> None:
    loaded = modules_after("import jp_firmware.tui.app")
    assert not {"trio", "textual"} & loaded


def test_the_application_imports_no_trio_and_no_other_room() -> None:
    loaded = modules_after("import jp_firmware.tui.application")
    rooms = {name.split(".")[1] for name in loaded if name.startswith("jp_firmware.")}

    assert "trio" not in loaded
    assert rooms == {"tui", "console", "model"}
    assert "jp_firmware.console.server" not in loaded


def test_the_consoles_client_imports_no_textual() -> None:
    assert not {"textual", "rich"} & modules_after("import jp_firmware.console.client")
