"""Structured logs on standard error: lines for people on a terminal, JSON for machines elsewhere.

A line is written as a whole, also where several processes and threads write to one pipe or file.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import threading
from contextlib import suppress
from typing import Literal, TextIO

import structlog

from pipit.locks import record_lock
from pipit.printable import printable

LogFormat = Literal["auto", "json", "console"]


class LineLogger:
    """Writes each message as one line. Threads share it."""

    def __init__(self, stream: TextIO) -> None:
        """stream: its file descriptor is written to; itself, if it has none."""
        self._stream = stream
        self._lock = threading.Lock()
        try:
            self._descriptor: int | None = stream.fileno()
        except (io.UnsupportedOperation, AttributeError):
            self._descriptor = None

    def msg(self, message: str) -> None:
        """Writes a line. One that nobody takes any more is dropped: a log must not end what it tells of."""
        with self._lock, suppress(OSError, ValueError):
            if self._descriptor is None:
                self._stream.write(message + "\n")
                self._stream.flush()
                return
            self._stream.flush()
            rest = memoryview(f"{message}\n".encode("utf-8", "backslashreplace"))
            # A pipe takes no more than 4 KiB without a break; a trace of a stack is longer.
            with record_lock(self._descriptor):
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]

    # What structlog calls, by level.
    log = debug = info = warn = warning = error = err = fatal = critical = exception = failure = msg


def configure_logging(level: str = "INFO", form: LogFormat = "auto") -> None:
    """Called once by a process's `__main__`. `auto` is `console` on a terminal and `json` elsewhere."""
    console = form == "console" or (form == "auto" and sys.stderr.isatty())
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer()
    )
    logger = LineLogger(sys.stderr)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            *([_shown] if console else [structlog.processors.format_exc_info]),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=lambda *_: logger,
        cache_logger_on_first_use=True,
    )


def _shown(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Facts may come from elsewhere; what a terminal would take for commands stays text. JSON escapes it by itself."""
    return {name: printable(value) if isinstance(value, str) else value for name, value in event.items()}


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """A logger that says where it is; events are short names, facts are keyword arguments."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(component=name)
    return logger
