"""The client's side of a call: a channel that keeps itself alive, a token on each call, statuses as errors."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

import grpc

from pipit.errors import (
    AlreadyExists,
    Conflict,
    DeadlineExceeded,
    GatesFailed,
    InputTooLarge,
    IntegrityError,
    InvalidInput,
    NotFound,
    PermissionDenied,
    PipitError,
    QueueFull,
    RolloutOpen,
    Unauthenticated,
    Unavailable,
    UntrustedSignature,
)
from pipit.logging import get_logger
from pipit.rpc.certificates import channel_credentials
from pipit.rpc.reasons import UNREACHABLE, why_unreachable
from pipit.rpc.server import MEBIBYTE, REASON
from pipit.rpc.targets import is_loopback, names_replicas, with_brackets

_ERRORS: dict[grpc.StatusCode, type[PipitError]] = {
    # RESOURCE_EXHAUSTED has two meanings; a server of Pipit says which. Of others it is taken for the one that passes.
    grpc.StatusCode[error.status]: error
    for error in (
        InvalidInput,
        QueueFull,
        NotFound,
        Unavailable,
        AlreadyExists,
        GatesFailed,
        Conflict,
        IntegrityError,
        DeadlineExceeded,
        Unauthenticated,
        PermissionDenied,
    )
}
_BY_REASON: dict[str, type[PipitError]] = {
    error.reason: error for error in (InputTooLarge, RolloutOpen, UntrustedSignature)
}
_Options = list[tuple[str, int | str]]
_CHANNEL_OPTIONS: _Options = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 10_000),
]
_REPLICA_OPTIONS: _Options = [
    ("grpc.service_config", json.dumps({"loadBalancingConfig": [{"round_robin": {}}]})),
    # A connection that ends makes the channel look the name up again, but by default at most twice a minute.
    ("grpc.dns_min_time_between_resolutions_ms", 5_000),
]
_MESSAGE_TOO_LARGE = re.compile(r"message larger than max \((\d+) vs\. (\d+)\)")
_PING_TIMEOUT_MS = 20_000
_Item = TypeVar("_Item")
_log = get_logger("rpc.client")


def open_channel(
    address: str,
    token: str | None = None,
    ca: Path | None = None,
    certificate: Path | None = None,
    key: Path | None = None,
    *,
    ping_seconds: float | None = None,
    name: str = "",
) -> grpc.Channel:
    """A channel to `host:port`; it connects with the first call. Close it after use.

    address: `dns:///name:port` connects to every address that the name has, as a headless service of Kubernetes has
    one for each replica, and calls take turns; `dns://127.0.0.1:53/name:port` asks that name server, where
    GRPC_DNS_RESOLVER is `ares`.
    token: goes as `authorization: Bearer …` with each call. ca: PEM file that the server's certificate must lead to;
    None: plain text, which is for loopback and networks one trusts. certificate, key: PEM files of the caller's own
    pair, for servers that ask for one. ping_seconds: how often a server is asked for a sign of life while a call is
    open, at least 10; only for servers that allow it, the others hang up on it. name: that the server's certificate is
    for, where it isn't the address's.
    Raises InvalidInput for a file that can't be read or is no PEM certificate, and for what can be no token.
    """
    address = with_brackets(address)
    options = [*_CHANNEL_OPTIONS, *_ping_options(ping_seconds)]
    if names_replicas(address):
        options += _REPLICA_OPTIONS
    if name:
        options.append(("grpc.ssl_target_name_override", name))
    if is_loopback(address):
        # A proxy's own loopback is another machine's.
        options.append(("grpc.enable_http_proxy", 0))
    credentials = channel_credentials(ca, certificate, key)
    if credentials is None:
        if token:
            warn_of_plain_text(address)
        channel = grpc.insecure_channel(address, options=options)
    else:
        channel = grpc.secure_channel(address, credentials, options=options)
    return _TokenChannel(channel, token) if token else channel


def clean_token(token: str) -> str:
    """Without the space and line ends around it, which a file or a Windows shell leaves there.

    Raises InvalidInput for what no token holds: a line end inside, letters that are not of ASCII.
    """
    token = token.strip()
    if not token or not all(" " <= letter <= "~" for letter in token):
        raise InvalidInput(
            "the token is empty, or holds a line end or a letter that no token has; copy it again (PIPIT_TOKEN)"
        )
    return token


def warn_of_plain_text(address: str) -> None:
    """To be called where a token goes without TLS."""
    if not is_loopback(address):
        _log.warning("token_in_plain_text", address=address)


def _ping_options(ping_seconds: float | None) -> _Options:
    if ping_seconds is None:
        return []
    return [
        ("grpc.keepalive_time_ms", round(ping_seconds * 1000)),
        # Whichever of the two ends first decides; the second one's default is a minute.
        ("grpc.keepalive_timeout_ms", _PING_TIMEOUT_MS),
        ("grpc.http2.ping_timeout_ms", _PING_TIMEOUT_MS),
        # A stream on which nothing is said for hours is just what the pings are for.
        ("grpc.http2.max_pings_without_data", 0),
    ]


def to_pipit_error(error: grpc.RpcError, server: str = "the server") -> PipitError:
    """What a failed call says, as an error of the tree.

    server: how the text calls it where it gives no reason itself; its address, or words that end in it.
    """
    call: Any = error  # every RpcError of a call is a grpc.Call as well, which its type does not say
    code: grpc.StatusCode = call.code()
    text: str = call.details() or code.name
    if code is grpc.StatusCode.UNAVAILABLE and text.startswith(UNREACHABLE):
        return Unavailable(why_unreachable(text, server))
    if code is grpc.StatusCode.DEADLINE_EXCEEDED and text == "Deadline Exceeded":
        return DeadlineExceeded(f"{server} did not answer in time; try again, or allow more time")
    if code is grpc.StatusCode.CANCELLED:
        return Unavailable(f"the call to {server} was cancelled")
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return PipitError(f"{server} does not know this call; is the address right, and is it as new as this client?")
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and (sizes := _MESSAGE_TOO_LARGE.search(text)):
        sent, limit = (int(size) / MEBIBYTE for size in sizes.groups())
        return InputTooLarge(f"{server} takes {limit:.0f} MiB in one call, this has {sent:.1f}; send less, or a stream")
    trailer = {entry.key: entry.value for entry in call.trailing_metadata() or ()}
    return error_of(code.value[0], text, str(trailer.get(REASON, "")))


def error_of(code: int, text: str, reason: str = "") -> PipitError:
    """The error of the tree that a canonical gRPC status code stands for. reason: what a server of Pipit adds to it."""
    if reason in _BY_REASON:
        return _BY_REASON[reason](text)
    return next((kind for status, kind in _ERRORS.items() if status.value[0] == code), PipitError)(text)


def is_unknown_call(error: PipitError) -> bool:
    """Whether the server is older than the call, or another one."""
    cause: Any = error.__cause__
    return isinstance(cause, grpc.RpcError) and cause.code() is grpc.StatusCode.UNIMPLEMENTED


@contextmanager
def call_errors(server: str) -> Iterator[None]:
    """Within it, a failed call raises an error of the tree."""
    try:
        yield
    except grpc.RpcError as error:
        raise to_pipit_error(error, server) from error


class ServerStream(Generic[_Item]):
    """Iterates over what a server sends until it is closed or the server goes away, which raises Unavailable."""

    def __init__(self, call: Any, server: str, convert: Callable[[Any], _Item]) -> None:
        """server: how errors call it. convert: what is made of each response."""
        self._call = call
        self._server = server
        self._convert = convert
        self._closed = False

    def __iter__(self) -> Iterator[_Item]:
        try:
            with call_errors(self._server):
                for response in self._call:
                    yield self._convert(response)
        except PipitError:
            if not self._closed:
                raise

    def close(self) -> None:
        """Ends the iteration, from any thread."""
        self._closed = True
        self._call.cancel()


class _TokenChannel(grpc.Channel):
    """Adds a token to each call of a channel.

    With `grpc.intercept_channel` each call would look its method up in the channel first, and where another thread has
    closed that meanwhile, grpcio ends the process by a segmentation fault. Here it is looked up once, by the stub; a
    call on a closed channel then raises ValueError.
    """

    def __init__(self, channel: grpc.Channel, token: str) -> None:
        self._channel = channel
        self._entry = ("authorization", f"Bearer {clean_token(token)}")

    def _make(self, make: Callable[..., Any], *method: Any, **more: Any) -> Any:
        return _TokenCall(make(*method, **more), self._entry)

    def unary_unary(self, *method: Any, **more: Any) -> Any:
        return self._make(self._channel.unary_unary, *method, **more)

    def unary_stream(self, *method: Any, **more: Any) -> Any:
        return self._make(self._channel.unary_stream, *method, **more)

    def stream_unary(self, *method: Any, **more: Any) -> Any:
        return self._make(self._channel.stream_unary, *method, **more)

    def stream_stream(self, *method: Any, **more: Any) -> Any:
        return self._make(self._channel.stream_stream, *method, **more)

    def subscribe(self, callback: Any, try_to_connect: bool = False) -> None:
        self._channel.subscribe(callback, try_to_connect=try_to_connect)

    def unsubscribe(self, callback: Any) -> None:
        self._channel.unsubscribe(callback)

    def close(self) -> None:
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class _TokenCall:
    """One method of it, as grpcio's multi-callables are."""

    def __init__(self, call: Any, entry: tuple[str, str]) -> None:
        self._call = call
        self._entry = entry

    def __call__(self, request: Any, timeout: float | None = None, metadata: Any = None, **more: Any) -> Any:
        return self._call(request, timeout=timeout, metadata=self._with_token(metadata), **more)

    def with_call(self, request: Any, timeout: float | None = None, metadata: Any = None, **more: Any) -> Any:
        return self._call.with_call(request, timeout=timeout, metadata=self._with_token(metadata), **more)

    def future(self, request: Any, timeout: float | None = None, metadata: Any = None, **more: Any) -> Any:
        return self._call.future(request, timeout=timeout, metadata=self._with_token(metadata), **more)

    def _with_token(self, metadata: Any) -> list[Any]:
        return [*(metadata or ()), self._entry]
