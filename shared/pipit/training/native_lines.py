"""Lines that libraries written in C++ put on standard error, past Python: which of them a user need not see.

TensorFlow's say at each start what it found of the processor, and no level of its own logging silences them all.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

CHATTER = re.compile(
    rb"^(?:[IW]\d{4} |WARNING: All log messages before absl::InitializeLog"
    rb"|INFO: Created TensorFlow Lite XNNPACK delegate)"
)
"""Of TensorFlow and LiteRT: notes and warnings of absl's form, the words before the first of them, LiteRT's own."""
_STANDARD_ERROR = 2


@contextmanager
def without_chatter() -> Iterator[None]:
    """Drops the lines of CHATTER that are written meanwhile, by any thread; all others follow when the context ends."""
    try:
        kept = os.dup(_STANDARD_ERROR)
    except OSError:  # A process without standard error has nobody to spare.
        yield
        return
    with tempfile.TemporaryFile() as written:
        _flush()
        os.dup2(written.fileno(), _STANDARD_ERROR)
        try:
            yield
        finally:
            _flush()
            os.dup2(kept, _STANDARD_ERROR)
            os.close(kept)
            written.seek(0)
            for line in written:
                if not CHATTER.match(line):
                    os.write(_STANDARD_ERROR, line)


def _flush() -> None:
    if sys.stderr is not None:
        sys.stderr.flush()
