"""Signing in and out."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pipit.errors import InvalidInput, PermissionDenied, PipitError, Unauthenticated, Unavailable
from pipit.rpc.callers import ANYBODY
from pipit.rpc.client import is_unknown_call

from pipit_console.access import Asking, Parts
from pipit_console.models.base import Done, SessionAnswer, SignIn
from pipit_console.sessions import COOKIE, FailedSignIns, Session

router = APIRouter(tags=["session"])
_NAME_LENGTH = 100


@router.post("/session")
def sign_in(asked: SignIn, request: Request, response: Response, parts: Parts) -> SessionAnswer:
    """By a token of the registry, or by a name where the registry asks for no tokens."""
    address = request.client.host if request.client is not None else ""
    parts.failures.check(address)
    clients = parts.upstream.connect(asked.token.get_secret_value().strip() or None)
    try:
        caller = clients.registry.who_am_i()
        anonymous = caller is ANYBODY
        name = _name(asked, parts.settings.may_sign_in_by_name) if anonymous else caller.name
    except BaseException as error:
        clients.close()
        raise _why(error, asked, parts.failures, address) from error
    session = parts.sessions.add(name, caller.roles, caller.tasks, clients, anonymous=anonymous)
    response.set_cookie(
        COOKIE,
        session.id,
        httponly=True,
        samesite="strict",
        secure=parts.settings.tls_certificate is not None,
        path="/",
    )
    return _answer(session)


@router.get("/session")
async def who(session: Asking) -> SessionAnswer:
    """Who is signed in; 401 if nobody is."""
    return _answer(session)


@router.delete("/session")
async def sign_out(session: Asking, response: Response, parts: Parts) -> Done:
    """Forgets the session, and the token with it; the browser forgets what it has fetched."""
    parts.sessions.end(session.id)
    # Who signs in next may not be allowed to see it. Browsers heed it under TLS and on this machine.
    response.headers["Clear-Site-Data"] = '"cache"'
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return Done()


def _why(error: BaseException, asked: SignIn, failures: FailedSignIns, address: str) -> BaseException:
    if isinstance(error, Unauthenticated):
        failures.failed(address)
        why = "the registry does not know this token" if asked.token else "the registry asks for a token"
        return Unauthenticated(f"{why}; whoever runs it makes them (pipit registry token)")
    if isinstance(error, PipitError) and is_unknown_call(error):
        return Unavailable("the registry is older than this console, and can't say who calls; update it")
    return error


def _name(asked: SignIn, allowed: bool) -> str:
    if not allowed:
        raise PermissionDenied(
            "the registry asks for no tokens, and other machines can reach this console: give the registry tokens "
            "(PIPIT_REGISTRY_TOKENS), or set PIPIT_CONSOLE_ALLOW_ANONYMOUS=true where whoever reaches it may do all"
        )
    name = " ".join(asked.name.split())
    if not name or len(name) > _NAME_LENGTH or not name.isprintable():
        raise InvalidInput("say who you are: a name of 1 to 100 letters, which goes with what you label")
    return name


def _answer(session: Session) -> SessionAnswer:
    return SessionAnswer(
        name=session.name,
        roles=session.roles,
        anonymous=session.anonymous,
        csrf=session.csrf,
        tasks=None if session.tasks is None else sorted(session.tasks),
    )
