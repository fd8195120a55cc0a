"""How `pipit` ended, for scripts: one code for each class of error. `docs/command-line.md` lists them."""

from __future__ import annotations

from enum import IntEnum

from pipit import errors


class ExitCode(IntEnum):
    """The process's exit status."""

    OK = 0
    INTERNAL = 1
    USAGE = 2
    BAD_INPUT = 3
    NOT_FOUND = 4
    UNAVAILABLE = 5
    GATES_FAILED = 6
    CONFLICT = 7
    INTEGRITY = 8
    NOT_ALLOWED = 9
    DEADLINE = 10
    NOT_INSTALLED = 11
    CHECK_FAILED = 12
    ROLLOUT_STOPPED = 13
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.OK: "done",
    ExitCode.INTERNAL: "an error in Pipit itself; --debug shows where",
    ExitCode.USAGE: "wrong command or option",
    ExitCode.BAD_INPUT: "the input can't be used: not audio, too large, a wrong recipe or setting",
    ExitCode.NOT_FOUND: "no such task, version, environment or file",
    ExitCode.UNAVAILABLE: "a server can't be reached, is still loading or too busy; trying again may help",
    ExitCode.GATES_FAILED: "quality gates forbid the promotion, or fail on the data of `pipit evaluate`",
    ExitCode.CONFLICT: "the version exists with other content, somebody else was first, or a rollout is under way",
    ExitCode.INTEGRITY: "a digest or signature does not match",
    ExitCode.NOT_ALLOWED: "no or wrong credentials, or not this role",
    ExitCode.DEADLINE: "time ran out",
    ExitCode.NOT_INSTALLED: "a package that the command needs is not installed",
    ExitCode.CHECK_FAILED: "a check (data check, doctor) found something wrong",
    ExitCode.ROLLOUT_STOPPED: "the rollout that was waited for was stopped, or another took its place",
    ExitCode.INTERRUPTED: "interrupted with Ctrl-C",
}


class NotInstalled(errors.PipitError):
    """A package that one file or option needs is not installed; the others go on."""

    status = "FAILED_PRECONDITION"


_BY_ERROR: dict[type[errors.PipitError], ExitCode] = {
    errors.PipitError: ExitCode.INTERNAL,
    NotInstalled: ExitCode.NOT_INSTALLED,
    errors.InvalidInput: ExitCode.BAD_INPUT,
    errors.InputTooLarge: ExitCode.BAD_INPUT,
    errors.NotFound: ExitCode.NOT_FOUND,
    errors.Unavailable: ExitCode.UNAVAILABLE,
    errors.QueueFull: ExitCode.UNAVAILABLE,
    errors.GatesFailed: ExitCode.GATES_FAILED,
    errors.RolloutOpen: ExitCode.CONFLICT,
    errors.AlreadyExists: ExitCode.CONFLICT,
    errors.Conflict: ExitCode.CONFLICT,
    errors.IntegrityError: ExitCode.INTEGRITY,
    errors.Unauthenticated: ExitCode.NOT_ALLOWED,
    errors.PermissionDenied: ExitCode.NOT_ALLOWED,
    errors.DeadlineExceeded: ExitCode.DEADLINE,
}


def exit_code_of(error: errors.PipitError) -> ExitCode:
    """The code of the nearest class in the tree of errors."""
    return next(_BY_ERROR[cls] for cls in type(error).__mro__ if cls in _BY_ERROR)
