"""What to do when the system asks a process to stop."""

import contextlib
import signal
import threading


@contextlib.contextmanager
def handled(names, handler):
    """Within it, signals of these names call a handler `(number, frame)`.

    Those that this system does not have are passed over, and what the process was told to ignore, as by `nohup`, stays
    ignored. Python handles signals in the main thread only: in another one, nothing is changed.
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
