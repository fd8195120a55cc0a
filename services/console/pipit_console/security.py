"""What stands between the port and the routes, for every request alike.

Host is this machine's ──> not too large ──> not from another page, X-Pipit-CSRF ──> route ──> headers on the answer

Sources: the OWASP cheat sheets on cross-site request forgery, HTTP headers and sessions
(https://cheatsheetseries.owasp.org), and W3C's fetch metadata (https://www.w3.org/TR/fetch-metadata/).
"""

from __future__ import annotations

import hmac
from time import perf_counter
from urllib.parse import SplitResult, urlsplit

from fastapi.routing import APIRoute
from pipit.errors import InputTooLarge, InvalidInput, PermissionDenied, PipitError
from pipit.metrics import Metrics
from pipit.rpc.targets import is_loopback_host
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipit_console.errors import answer_error
from pipit_console.sessions import COOKIE, Sessions
from pipit_console.settings import ConsoleSettings

CSRF_HEADER = "x-pipit-csrf"
API = "/api/v1"
SESSION_PATH = f"{API}/session"
_SAFE = frozenset({"GET", "HEAD"})
_JSON_BYTES = 4 << 20
_TRY_BYTES = 16 << 20
_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "worker-src 'self' blob:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), geolocation=()",
}


class Guard:
    """ASGI middleware, outside of everything else."""

    def __init__(self, app: ASGIApp, settings: ConsoleSettings, sessions: Sessions, metrics: Metrics) -> None:
        self._app = app
        self._local = is_loopback_host(settings.host)
        self._import_bytes = settings.import_mib << 20
        self._secure = settings.tls_certificate is not None
        self._sessions = sessions
        self._requests = metrics.counter("pipit_console_requests_total")
        self._seconds = metrics.histogram("pipit_console_request_seconds")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the module's text."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = perf_counter()
        status = 500

        async def send_guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._add_headers(scope["path"], MutableHeaders(scope=message))
            await send(message)

        try:
            self._check(scope)
        except PipitError as error:
            await answer_error(error)(scope, receive, send_guarded)
        else:
            await self._app(scope, receive, send_guarded)
        finally:
            route = _template(scope)
            self._requests.labels(route, scope["method"], str(status)).inc()
            self._seconds.labels(route, scope["method"]).observe(perf_counter() - begun)

    def _check(self, scope: Scope) -> None:
        headers, path, method = Headers(scope=scope), scope["path"], scope["method"]
        host = headers.get("host", "")
        if self._local and not is_loopback_host(_address(f"//{host}").hostname or ""):
            # A page elsewhere may let its own name point to this machine.
            raise PermissionDenied("this console is for its own machine; open it as http://127.0.0.1 or localhost")
        if method in _SAFE:
            return
        self._check_size(path, headers)
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise PermissionDenied("this request comes from another page; open the console itself")
        origin = headers.get("origin")
        if origin is not None and _address(origin).netloc != host:
            raise PermissionDenied("this request comes from another page; open the console itself")
        if path == SESSION_PATH and method == "POST":
            return
        session = self._sessions.get(session_of(headers))
        if not hmac.compare_digest(session.csrf.encode(), headers.get(CSRF_HEADER, "").encode()):
            raise PermissionDenied("the header X-Pipit-CSRF is missing or wrong; GET /api/v1/session tells it")

    def _check_size(self, path: str, headers: Headers) -> None:
        if "transfer-encoding" in headers:
            raise InvalidInput("say with Content-Length how much is sent")
        most = _JSON_BYTES
        if path.startswith(f"{API}/try/"):
            most = _TRY_BYTES
        elif path.startswith(f"{API}/label/") and path.endswith("/import"):
            most = self._import_bytes
        # The HTTP parser has refused what is no number, and cuts what is longer than it says.
        if int(headers.get("content-length", "0")) > most:
            raise InputTooLarge(f"that is over the limit of {most >> 20} MiB; send less at once")

    def _add_headers(self, path: str, headers: MutableHeaders) -> None:
        for name, value in _HEADERS.items():
            headers[name] = value
        if self._secure:
            headers["Strict-Transport-Security"] = "max-age=31536000"
        if path.startswith("/api/"):
            headers.setdefault("Cache-Control", "no-store")


def _address(text: str) -> SplitResult:
    try:
        return urlsplit(text)
    except ValueError:
        raise PermissionDenied(f"{text[:100]!r} is no address; open the console itself") from None


def _template(scope: Scope) -> str:
    """As metrics name a route: its own path is that within the API's router."""
    route = scope.get("route")
    return f"{API}{route.path}" if isinstance(route, APIRoute) and route.include_in_schema else "other"


def session_of(headers: Headers) -> str:
    """The id that the cookie holds; "" if there is none."""
    for part in headers.get("cookie", "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE:
            return value
    return ""
