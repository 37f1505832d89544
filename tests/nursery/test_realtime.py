"""Real-time scheduling is for one thread: nothing that it starts inherits it. Each claim in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from jp_firmware.nursery import realtime
from jp_firmware.nursery.realtime import Scheduling

# In a process of its own: the test run itself must not become real time.
ENTER = """
import os, subprocess, sys, threading
from jp_firmware.nursery import realtime
{before}
print(realtime.enter({priority}))
def other():
    print("thread:", realtime.current())
thread = threading.Thread(target=other); thread.start(); thread.join()
print("process:", subprocess.check_output(
    [sys.executable, "-c", "from jp_firmware.nursery import realtime; print(realtime.current())"], text=True).strip())
"""


def told(priority: int, before: str = "") -> list[str]:
    code = ENTER.format(priority=priority, before=before)
    return subprocess.check_output([sys.executable, "-c", code], text=True, timeout=60).splitlines()


@pytest.fixture
def permitted() -> None:
    code = "import os; os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))"
    if subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode:
        pytest.skip("real-time scheduling is not permitted here")


@pytest.mark.usefixtures("permitted")
def test_the_thread_enters_and_neither_threads_nor_processes_inherit() -> None:
    assert told(3) == [
        "real time: SCHED_RR 3",
        "thread: normal scheduling",
        "process: normal scheduling",
    ]


@pytest.mark.usefixtures("permitted")
def test_what_the_service_manager_has_given_stays_and_is_not_handed_on() -> None:
    given = "os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(2))"

    assert told(0, given) == [
        "real time: SCHED_FIFO 2",
        "thread: normal scheduling",
        "process: normal scheduling",
    ]


@pytest.mark.usefixtures("permitted")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may lose its privileges")
def test_not_permitted_is_said_with_what_to_do_and_nothing_changes() -> None:
    lose = "import resource; resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0)); os.setuid(65534)"
    code = ENTER.partition("print(")[0].format(before=lose) + "print(realtime.enter(10)); print(realtime.current())"
    lines = subprocess.check_output([sys.executable, "-c", code], text=True, timeout=60).splitlines()

    assert lines[0] == "normal: SCHED_RR 10 is not permitted; give the service LimitRTPRIO=10"
    assert lines[1] == "normal scheduling"


def test_by_default_nothing_changes() -> None:
    assert told(0)[0] == "normal scheduling"
    assert not realtime.current().is_real_time


def test_a_priority_that_there_is_not_is_refused_in_words() -> None:
    assert told(1000)[0].startswith("normal: SCHED_RR 1000")


def test_scheduling_is_told_in_a_few_words() -> None:
    assert str(Scheduling("SCHED_RR", 10)) == "real time: SCHED_RR 10"
    assert str(Scheduling("normal")) == "normal scheduling"
