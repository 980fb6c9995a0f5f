"""Measures in a process of its own, so that memory and the time to start are those of one measurement."""

import json
import subprocess
import sys
import time
from collections.abc import Callable


def measured(script: str, **arguments) -> dict:
    """Runs a script anew, which measures with these arguments and the time at which the process began.

    Raises:
        RuntimeError: if it fails; the message is the last line of its errors.
    """
    command = [sys.executable, script, "--child", json.dumps({"begun": time.time(), **arguments})]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError("".join(done.stderr.splitlines()[-1:]))
    return json.loads(done.stdout.splitlines()[-1])


def run(measure: Callable[..., dict], main: Callable[[], None]) -> None:
    """Measures, in a process that `measured` began, or else runs the command."""
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(measure(**json.loads(sys.argv[2]))))
    else:
        main()
