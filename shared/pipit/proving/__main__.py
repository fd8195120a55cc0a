"""`python -m pipit.proving`: tries one candidate, and says how far it got. For `pipit.proving.child`, not for people.

standard input:   one line of JSON, what to try and the limits; then nothing, until the server that asked is gone
standard output:  lines of JSON: {"step": …} as each begins; in the end {"deviation": …}, or {"failed": …, "message": …}

This is a fence against accidents, damaged files and networks that take too much. It is no sandbox for hostile code.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

from pipit.bundle.reader import reopen_bundle
from pipit.errors import PipitError
from pipit.proving.limits import restrict_this_process
from pipit.proving.steps import ProofRequest, prove

_PATIENCE = 5
"""Added to the niceness of a proof that nobody waits for; 19 is the most there is."""


def main() -> None:
    """Ends the process."""
    answers = os.dup(1)
    # Runtimes write to standard output as they like.
    os.dup2(2, 1)

    def say(**what: Any) -> None:
        os.write(answers, json.dumps(what).encode() + b"\n")

    asked = json.loads(sys.stdin.buffer.readline())
    sys.path[:] = asked["path"]
    threading.Thread(target=_end_with_server, daemon=True).start()
    restrict_this_process(asked["memory_bytes"], asked["cpu_seconds"])
    if asked["patient"]:
        os.nice(_PATIENCE)
    try:
        bundle = reopen_bundle(Path(asked["bundle"]), asked["digest"])
        request = ProofRequest(bundle, asked["variant"], asked["threads"], asked["instances"])
        say(deviation=prove(request, lambda step: say(step=step)))
    except PipitError as error:
        say(failed=type(error).__name__, message=str(error)[:2000])
    except MemoryError:
        say(failed="MemoryError", message="")
    except Exception:
        say(failed="", message=traceback.format_exc()[-8000:])
    # What threads of a runtime still do is of no use to anybody.
    os._exit(0)


def _end_with_server() -> None:
    """Its end closes the pipe, whatever ended it."""
    while sys.stdin.buffer.read(1):
        continue
    os._exit(1)


if __name__ == "__main__":
    main()
