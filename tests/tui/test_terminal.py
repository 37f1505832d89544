"""The terminal as a process on a pseudo-terminal: what it leaves behind, and what it refuses to start on.

Real clock: signals, terminals and processes know no other. Every wait ends as soon as what it waits for is there.
"""

import contextlib
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyte
import pytest

PATIENCE_S = 60.0
CHECKOUT = Path(__file__).parents[2]

START = """
import fcntl, sys, termios
from pathlib import Path
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from jp_firmware.tui.app import run
sys.exit(run(Path(sys.argv[1])))
"""

# From the second time on, the terminal's name is asked for when the terminal has gone. A short queue of Textual's
# writer stands for the pictures that filled it.
GOES_MEANWHILE = (
    """
import os, time
from textual.drivers import _writer_thread
_writer_thread.MAX_QUEUED_WRITES = 8
name_of, asked = os.ttyname, []
def late(descriptor):
    asked.append(descriptor)
    if len(asked) > 1:
        os.write(descriptor, b"taken up")
        while os.isatty(descriptor):
            time.sleep(0.01)
    return name_of(descriptor)
os.ttyname = late
"""
    + START
)

# The second key of a route may come late, on a machine that does something else meanwhile.
UNHURRIED = (
    """
from jp_firmware.tui import application
application.ROUTE_WAITS_S = 600.0
"""
    + START
)


class Terminal:
    """A pseudo-terminal of `size` with the application on it; `screen` is what a person would see."""

    def __init__(
        self, socket_path: Path, *, size: tuple[int, int] = (80, 24), start: str = START, **environment: str
    ) -> None:
        self.screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self.screen)
        self.received = b""
        self.master, self._slave = os.openpty()
        self.resize(*size)
        self.before = termios.tcgetattr(self._slave)
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "VIRTUAL_ENV") if name in os.environ}
        self.process = subprocess.Popen(
            [sys.executable, "-c", start, str(socket_path)],
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            start_new_session=True,
            env=kept | {"TERM": "xterm-256color", "LANG": "C.UTF-8"} | environment,
        )

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.screen.resize(rows, columns)

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def read(self, wait_s: float) -> bool:
        """Takes what the application wrote. False if there was nothing."""
        if not select.select([self.master], [], [], wait_s)[0]:
            return False
        data = os.read(self.master, 65536)
        self.received += data
        self._stream.feed(data)
        return True

    def until(self, true: Callable[[], bool]) -> None:
        give_up_at_s = time.monotonic() + PATIENCE_S
        while not true():
            assert time.monotonic() < give_up_at_s, "\n".join(self.screen.display)
            self.read(0.05)

    def until_text(self, text: str) -> None:
        self.until(lambda: text in "\n".join(self.screen.display))

    def wait(self) -> int:
        """Reads to the end, and returns the exit status."""
        self.until(lambda: self.process.poll() is not None)
        while self.read(0.0):
            pass
        return self.process.returncode

    def attributes(self) -> list[object]:
        return termios.tcgetattr(self._slave)

    def modes(self) -> dict[int, str]:
        """The private modes that were told, with the last word on each: `h` is on, `l` is off."""
        return {int(mode): word for mode, word in re.findall(r"\x1b\[\?(\d+)([hl])", self.received.decode())}

    def hang_up(self) -> None:
        os.close(self._slave)
        os.close(self.master)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for descriptor in (self.master, self._slave):
            with contextlib.suppress(OSError):
                os.close(descriptor)


@pytest.fixture
def nowhere(tmp_path: Path) -> Path:
    """A socket where no charger answers."""
    return tmp_path / "console.sock"


@contextlib.contextmanager
def opened(path: Path, **options: object) -> Iterator[Terminal]:
    terminal = Terminal(path, **options)  # type: ignore[arg-type]
    try:
        yield terminal
    finally:
        terminal.close()


def assert_restored(terminal: Terminal) -> None:
    """The terminal is as it was found: own screen, cursor, wrapping, no mouse, cooked."""
    modes = terminal.modes()
    assert modes[1049] == "l"
    assert {mode: word for mode, word in modes.items() if word == "h"} == {25: "h", 7: "h"}
    assert re.findall(r"\x1b\[[\d;]*m", terminal.received.decode())[-1] == "\x1b[0m"
    assert terminal.attributes() == terminal.before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_with_the_terminal_restored(nowhere: Path, number: signal.Signals) -> None:
    with opened(nowhere) as terminal:
        terminal.until_text("F10 Leave")
        assert terminal.modes()[1049] == "h"
        assert terminal.attributes() != terminal.before

        terminal.process.send_signal(number)

        assert terminal.wait() == 0
        assert_restored(terminal)


@pytest.mark.parametrize("keys", ["\x1b[21~", "\x11"], ids=["F10", "Ctrl-Q"])
def test_leaving_restores_the_terminal(nowhere: Path, keys: str) -> None:
    with opened(nowhere, TERM="linux") as terminal:
        terminal.until_text("F10 Leave")
        assert 1000 not in terminal.modes()  # no mouse on a console
        terminal.press(keys)

        assert terminal.wait() == 0
        assert_restored(terminal)


def test_a_hang_up_ends_it(nowhere: Path) -> None:
    with opened(nowhere) as terminal:
        terminal.until_text("F10 Leave")
        terminal.hang_up()
        terminal.process.wait(PATIENCE_S)


def test_a_terminal_that_goes_while_it_is_taken_up_again_cannot_hold_it(nowhere: Path) -> None:
    """SIGCONT comes with a hang-up, from tmux and the kernel: the terminal may go at any step of what that begins."""
    with opened(nowhere, start=GOES_MEANWHILE) as terminal:
        terminal.until_text("F10 Leave")
        terminal.process.send_signal(signal.SIGCONT)
        terminal.until(lambda: b"taken up" in terminal.received)
        terminal.hang_up()
        terminal.process.wait(PATIENCE_S)


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGTSTP])
def test_a_process_that_was_stopped_goes_on_and_leaves_the_terminal_as_it_was_at_first(
    nowhere: Path, number: signal.Signals
) -> None:
    """SIGSTOP leaves no time to give anything back: what the terminal is like then is not what is to be restored."""
    with opened(nowhere) as terminal:
        terminal.until_text("F10 Leave")
        for _ in range(3):
            terminal.process.send_signal(number)
            os.waitid(os.P_PID, terminal.process.pid, os.WSTOPPED)
            while terminal.read(0.0):
                pass
            terminal._stream.feed(b"\x1b[2J")
            terminal.process.send_signal(signal.SIGCONT)
            terminal.until_text("F10 Leave")  # all of it is drawn again
        terminal.press("\x1b[21~")

        assert terminal.wait() == 0
        assert_restored(terminal)


def test_a_call_to_go_on_while_it_leaves_does_not_take_the_terminal_up_again(nowhere: Path) -> None:
    with opened(nowhere) as terminal:
        terminal.until_text("F10 Leave")
        terminal.process.send_signal(signal.SIGTERM)

        def goes_on() -> bool:
            terminal.process.send_signal(signal.SIGCONT)
            return terminal.process.poll() is not None

        terminal.until(goes_on)
        assert terminal.wait() == 0
        assert_restored(terminal)


def test_a_terminal_that_does_not_read_cannot_hold_it(nowhere: Path) -> None:
    with opened(nowhere) as terminal:
        terminal.until_text("F10 Leave")
        for _ in range(40):  # each a whole picture, far more together than a terminal buffers
            terminal.press("\x0c")
            time.sleep(0.01)  # so that they are not taken for one; nothing is asserted about it
        terminal.process.send_signal(signal.SIGTERM)

        assert terminal.process.wait(PATIENCE_S) == 0
        assert terminal.attributes() == terminal.before


def test_a_terminal_that_reads_late_is_shown_the_newest_picture(nowhere: Path) -> None:
    with opened(nowhere) as terminal:
        terminal.until_text("F10 Leave")
        terminal.press("\x0c" * 40)
        terminal.press("\x1b[15~")  # F5, which nobody sees until somebody reads
        terminal.until_text("RECENT")
        terminal.until_text("DETAIL")
        terminal.until(lambda: "SITE POWER" not in "\n".join(terminal.screen.display))
        while terminal.read(0.3):  # whatever else comes, it is no older picture
            pass

        assert "RECENT" in "\n".join(terminal.screen.display)
        assert "SITE POWER" not in "\n".join(terminal.screen.display)
        assert "F1 Help" in terminal.screen.display[23]


def test_size_comes_from_the_terminal_and_follows_it(nowhere: Path) -> None:
    with opened(nowhere, COLUMNS="133", LINES="50") as terminal:
        terminal.until_text("F10 Leave")
        assert "F1 Help" in terminal.screen.display[23]
        assert "CONNECTING" in terminal.screen.display[1]

        terminal.resize(100, 30)
        terminal.until(lambda: "F1 Help" in terminal.screen.display[29])
        terminal.until(lambda: "F1 Help" not in terminal.screen.display[23])


def test_a_charger_is_shown_and_a_disturbed_screen_repainted(tmp_path: Path) -> None:
    path = tmp_path / "console.sock"
    daemon = subprocess.Popen([sys.executable, "-m", "tests.tui.fake_daemon", str(path)], cwd=CHECKOUT)
    try:
        with opened(path, TERM="vt220", LANG="", start=UNHURRIED) as terminal:
            terminal.until_text("CENTRAL SYSTEM -")
            terminal.until_text("of 150 kW")
            terminal.until(lambda: terminal.screen.display[8].startswith(" > 1 * charging"))

            terminal._stream.feed(b"\x1b[2J")
            terminal.press("\x0c")
            terminal.until_text("CENTRAL SYSTEM -")

            # The way for a terminal without function keys.
            terminal.press("g")
            terminal.until_text("1-9 connector")
            terminal.press("2")
            terminal.until_text("DIN 70121")
            terminal.press("gq")
            assert terminal.wait() == 0
    finally:
        daemon.kill()
        daemon.wait()


def test_a_limit_typed_in_one_burst_is_the_one_that_is_put(tmp_path: Path) -> None:
    """All rows of the form arrive in one read, as from a slow link: what follows Enter belongs to the next row."""
    path = tmp_path / "console.sock"
    daemon = subprocess.Popen([sys.executable, "-m", "tests.tui.fake_daemon", str(path)], cwd=CHECKOUT)
    try:
        with opened(path) as terminal:
            terminal.until_text("of 150 kW")
            terminal.press("gp")
            terminal.until_text("[modules 60]")
            terminal.press("\x10")  # Ctrl-P, the menu
            terminal.until_text("Put a limit")
            terminal.press("\r")
            terminal.until_text("connector-4")
            terminal.press("\r")
            terminal.until_text("For how many minutes")
            terminal.press("50\r2\rcable works\r")
            terminal.until_text("Put a limit: site to 50.0 kW: accepted")
    finally:
        daemon.kill()
        daemon.wait()


def test_a_key_of_the_configuration_is_changed_on_a_vt220(tmp_path: Path) -> None:
    """No function keys, no colours, plain ASCII; the value and what follows it come in one read."""
    path = tmp_path / "console.sock"
    daemon = subprocess.Popen([sys.executable, "-m", "tests.tui.fake_daemon", str(path)], cwd=CHECKOUT)
    try:
        with opened(path, TERM="vt220", LANG="") as terminal:
            terminal.until_text("of 150 kW")
            terminal.press("ge")
            terminal.until_text("no unsaved changes")
            terminal.press("/")
            terminal.until_text("Find a key")
            terminal.press("limit_w\r")
            terminal.until_text("site.limit_w -")
            terminal.press("\r")
            terminal.until_text("In W:")
            terminal.press("\x1590000\r")
            terminal.until_text("unsaved: 150_000 > 90_000")
            terminal.press("\x0f")  # Ctrl-O
            terminal.until_text("None is disturbed.")
            terminal.press("\r")
            terminal.until_text("Undone unless confirmed")
            terminal.press("night\r\r")
            terminal.until_text("version 18 is in force")
            assert terminal.received.isascii()
    finally:
        daemon.kill()
        daemon.wait()


@pytest.mark.parametrize("term", ["dumb", "", "unknown"])
def test_a_terminal_that_cannot_be_drawn_on_is_refused_in_one_line(nowhere: Path, term: str) -> None:
    with opened(nowhere, TERM=term) as terminal:
        assert terminal.wait() == 2
        text = terminal.received.decode()

        assert text.startswith("jp: ")
        assert "jp status --watch" in text
        assert text.count("\n") == 1
        assert "\x1b" not in text


def test_without_a_terminal_it_refuses_in_one_line(nowhere: Path) -> None:
    code = "import sys; from pathlib import Path; from jp_firmware.tui.app import run; sys.exit(run(Path('x')))"
    done = subprocess.run([sys.executable, "-c", code], stdin=subprocess.DEVNULL, capture_output=True, text=True)

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "jp status --watch" in done.stderr
