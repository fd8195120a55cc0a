"""What went wrong, as HTTP says it.

    InvalidInput 400        AlreadyExists, Conflict, GatesFailed, RolloutOpen 409    QueueFull 429
    Unauthenticated 401     InputTooLarge 413                                        Unavailable 503
    PermissionDenied 403    IntegrityError 422                                       DeadlineExceeded 504
    NotFound 404            anything else 500, a constant text and an id that the log has too

Each body is {"error": {"code": "not_found", "message": "a sentence that says what to do"}}.
"""

from __future__ import annotations

import secrets
import traceback
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pipit.errors import InputTooLarge, PipitError, Unauthenticated
from pipit.logging import get_logger
from starlette.exceptions import HTTPException

STATUS = {
    "INVALID_ARGUMENT": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "ABORTED": 409,
    "FAILED_PRECONDITION": 409,
    "DATA_LOSS": 422,
    "RESOURCE_EXHAUSTED": 429,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
"""By canonical gRPC status."""
_TRY = "/api/v1/try/"
_log = get_logger("console")


def status_of(error: PipitError) -> int:
    """The HTTP status of an error of the tree."""
    return 413 if isinstance(error, InputTooLarge) else STATUS.get(error.status, 500)


def error_response(status: int, code: str, message: str) -> JSONResponse:
    """The one shape of all that is no success."""
    headers = {"Retry-After": "2"} if status in (429, 503) else None
    return JSONResponse({"error": {"code": code, "message": message}}, status, headers)


def answer_error(error: PipitError) -> JSONResponse:
    """An error of the tree; one that is nobody's fault but ours keeps its text to itself."""
    status = status_of(error)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return _unexpected(error)
    return error_response(status, (error.reason or error.status).lower(), str(error))


def add_error_handlers(app: FastAPI) -> None:
    """From here on every error has that shape."""
    app.add_exception_handler(PipitError, _pipit)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ValueError, _value)
    app.add_exception_handler(Exception, _other)


async def _pipit(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, PipitError)
    session = getattr(request.state, "session", None)
    if isinstance(error, Unauthenticated) and session is not None and not request.url.path.startswith(_TRY):
        # The registry knows the token no longer. Inference servers have tokens of their own.
        request.app.state.console.sessions.end(session.id)
    return answer_error(error)


async def _validation(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    problems = [
        f"{'.'.join(str(part) for part in problem['loc'][1:]) or 'the body'}: {problem['msg']}"
        for problem in error.errors()[:8]
    ]
    return error_response(400, "invalid_argument", f"this can't be used as it is; {'; '.join(problems)}")


async def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    phrase = HTTPStatus(error.status_code).phrase.lower()
    response = error_response(error.status_code, phrase.replace(" ", "_"), f"{phrase}; look at /api/v1/openapi.json")
    response.headers.update(error.headers or {})
    return response


async def _value(request: Request, error: Exception) -> JSONResponse:
    session = getattr(request.state, "session", None)
    if session is not None and session.clients.is_closed:
        # So grpcio says that the connection was closed: the session ended while this was answered.
        request.app.state.console.sessions.end(session.id)
        return answer_error(Unauthenticated("you were signed out meanwhile; sign in again"))
    return _unexpected(error)


async def _other(_: Request, error: Exception) -> JSONResponse:
    return _unexpected(error)


def _unexpected(error: Exception) -> JSONResponse:
    identity = secrets.token_hex(6)
    # As text: a log for people would show local variables, of which one may be a token.
    _log.error("request_failed", id=identity, trace="".join(traceback.format_exception(error)))
    return error_response(500, "internal", f"something went wrong here; the console's log has it under {identity}")
