"""What a report may hold: it is kept in memory, and written into the store, for each device."""

from __future__ import annotations

from math import isfinite

from pipit._pb.pipit.fleet.v1 import fleet_pb2 as pb
from pipit.errors import InputTooLarge, InvalidInput
from pipit.fleet import SCORE_BINS
from pipit.rpc.callers import caller

from model_registry import layout

_LARGEST_BYTES = 256 * 1024
_MOST_PROCESSES = 64
_MOST_TASKS = 100
_MOST_WINDOWS = 400
_MOST_ERRORS = 32
_MOST_LABELS = 2000
_LONGEST_NAME = 200
_LONGEST_REASON = 500


def check_report(request: pb.ReportRequest) -> None:
    """Cuts sentences that are too long. Raises InvalidInput, InputTooLarge, PermissionDenied for others' tasks."""
    if request.ByteSize() > _LARGEST_BYTES:
        raise InputTooLarge(f"a report of {request.ByteSize()} bytes; {_LARGEST_BYTES} at most are taken")
    layout.device(request.device_id)
    layout.check_environment(request.environment)
    if not request.boot_id:
        raise InvalidInput("a report needs a boot_id, a random text that is new at each start of the process")
    _check_count(request.process + 1, _MOST_PROCESSES, "processes")
    _check_count(len(request.tasks), _MOST_TASKS, "tasks")
    _check_count(len(request.windows), _MOST_WINDOWS, "windows")
    _check_names(request.boot_id, request.board, request.software)
    _check_numbers(request.up_seconds, request.cpu_temperature)
    for told in request.tasks:
        _check_task(told)
    for window in request.windows:
        _check_window(window)


def _check_task(told: pb.TaskReport) -> None:
    caller().check_task(layout.check_task(told.task))
    _check_names(told.desired_version, told.active_version, told.active_digest, told.candidate_version)
    _check_names(told.failed_step, told.candidate_failed_step)
    _check_numbers(told.active_seconds, told.golden_deviation)
    # A device that has much to say about why it fails must be heard all the same.
    told.reason = told.reason[:_LONGEST_REASON]
    told.candidate_reason = told.candidate_reason[:_LONGEST_REASON]


def _check_window(window: pb.Window) -> None:
    caller().check_task(layout.check_task(window.task))
    _check_names(window.version, window.rollout, *window.errors, *window.label_counts)
    _check_count(len(window.errors), _MOST_ERRORS, "kinds of errors")
    _check_count(len(window.label_counts), _MOST_LABELS, "labels")
    _check_numbers(window.seconds, window.latency_sum, window.latency_squares)
    if len(window.score_counts) not in {0, SCORE_BINS}:
        raise InvalidInput(f"a window has {len(window.score_counts)} counts of scores; send {SCORE_BINS}, or none")


def _check_count(count: int, most: int, what: str) -> None:
    if count > most:
        raise InvalidInput(f"a report with {count} {what}; {most} at most are taken")


def _check_names(*texts: str) -> None:
    for text in texts:
        if len(text) > _LONGEST_NAME:
            raise InvalidInput(f"{text[:40]!r}… has {len(text)} characters; names in reports have {_LONGEST_NAME}")


def _check_numbers(*numbers: float) -> None:
    if not all(isfinite(number) for number in numbers):
        raise InvalidInput("a report holds a number that is none; send finite ones")
