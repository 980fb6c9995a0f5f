"""Signals by which the system asks a process to stop: handlers of them, and processes that end with this one."""

import contextlib
import signal
import subprocess
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from types import FrameType
from typing import Any


@contextlib.contextmanager
def handled(names: Collection[str], handler: Callable[[int, FrameType | None], Any]) -> Iterator[None]:
    """Lets signals of these names call `handler(number, frame)` within the context.

    It skips names that this system does not have, and signals that the process was told to ignore, as by `nohup`. In a
    thread other than the main one it changes nothing, because Python handles signals only in the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {signum: signal.getsignal(signum) for signum in signal.Signals if signum.name in names}
    before = {signum: old for signum, old in before.items() if old is not signal.SIG_IGN}
    try:
        for signum in before:
            signal.signal(signum, handler)
        yield
    finally:
        for signum, old in before.items():
            signal.signal(signum, old)


def run(command: Sequence[str], **kwargs: Any) -> subprocess.CompletedProcess:
    """Runs a command as `subprocess.run` does, but no exception of a signal handler leaves its process behind.

    `subprocess.run` forgets a process that has started if the exception comes before it has returned from starting it.

    Args:
        command: the program and its arguments.
        **kwargs: arguments of `subprocess.Popen`.
    """
    process, came = None, []
    try:
        with handled(("SIGINT", "SIGTERM", "SIGHUP"), lambda number, frame: came.append(number)):
            process = subprocess.Popen(command, **kwargs)
        for number in came:
            signal.raise_signal(number)
        return subprocess.CompletedProcess(command, process.wait())
    except BaseException:
        if process:
            process.kill()
            process.wait()
        raise
