"""Handlers of the signals by which the system asks a process to stop."""

import contextlib
import signal
import threading
from collections.abc import Callable, Collection, Iterator
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
