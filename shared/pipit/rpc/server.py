"""What every gRPC server of Pipit has in common: threads, limits, a port, and errors that become statuses."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

import grpc

from pipit.errors import InputTooLarge, InvalidInput, PipitError, Unavailable
from pipit.logging import get_logger
from pipit.rpc.handlers import Behavior, Deserializer, Handler, Interceptor, WrappedOnce, wrap_handler
from pipit.rpc.places import Share, everything
from pipit.rpc.pools import BoundedPool, Pools
from pipit.rpc.wire import check_fields

Option = tuple[str, int | str]
MEBIBYTE = 1024 * 1024
REASON = "pipit-reason"
"""Key of the trailing metadata that says what a status of two meanings means: a `PipitError`'s reason."""
# A status text longer than a client's limit on metadata would reach it as another status.
_LONGEST_MESSAGE = 600

_log = get_logger(__name__)


class ErrorInterceptor(Interceptor):
    """Turns what a servicer, or an interceptor inside of this one, raises into a gRPC status.

    PipitError         its own status with its own text
    context.abort()    passes through
    client has gone    CANCELLED, which nobody receives; not logged as an error
    anything else      INTERNAL with a constant text and an id; the stack goes to the log under the same id
    """

    def __init__(self, refusals: BoundedPool | None = None) -> None:
        """refusals: threads for calls that an interceptor refuses; None: the server's."""
        self._refusals = refusals
        self._wrapped = WrappedOnce(_wrap_with_errors)

    def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Handler | None], details: grpc.HandlerCallDetails
    ) -> Handler | None:
        """grpc.ServerInterceptor's one method."""
        try:
            handler = continuation(details)
        except Exception as error:
            return _wrap_with_errors(_refusal(error, self._refusals), details.method)
        return None if handler is None else self._wrapped(handler, details.method)


def _refusal(error: Exception, pool: BoundedPool | None) -> Handler:
    """A handler that raises `error`. It fits every shape of call, for it never reads a request."""

    def refuse(request: Any, context: grpc.ServicerContext) -> Any:
        raise error

    refuse.experimental_thread_pool = pool  # type: ignore[attr-defined]
    return grpc.stream_stream_rpc_method_handler(refuse)


def _wrap_with_errors(handler: Handler, method: str) -> Handler:
    def wrap(behavior: Behavior, response_streaming: bool) -> Behavior:
        def answer_one(request: Any, context: grpc.ServicerContext) -> Any:
            try:
                return behavior(_decoded(request), context)
            except Exception as error:
                abort_with(context, error, method)

        if not handler.request_streaming and not response_streaming:
            return answer_one

        def answer(request: Any, context: grpc.ServicerContext, *send: Any) -> Any:
            try:
                argument = _decoded_stream(request) if handler.request_streaming else _decoded(request)
                response = behavior(argument, context, *(_ending(each, context, method) for each in send))
            except Exception as error:
                abort_with(context, error, method)
            if response_streaming and response is not None:
                return _guarded(response, context, method)
            return response

        return answer

    return wrap_handler(handler, wrap, _lenient(handler.request_deserializer))


class _Undecodable:
    """Stands for a message that can't be parsed. grpcio itself would answer INTERNAL, and log a stack."""

    def __init__(self, error: PipitError) -> None:
        self.error = error


def _lenient(deserialize: Deserializer | None) -> Deserializer | None:
    if deserialize is None:
        return None

    descriptor = getattr(getattr(deserialize, "__self__", None), "DESCRIPTOR", None)

    def decode(data: bytes) -> Any:
        try:
            if descriptor is not None:
                check_fields(data, descriptor)
            return deserialize(data)
        except InputTooLarge as error:
            return _Undecodable(error)
        except Exception:
            text = "the bytes are no message of this method; is the client made for the same protocol?"
            return _Undecodable(InvalidInput(text))

    return decode


def _decoded(request: Any) -> Any:
    if isinstance(request, _Undecodable):
        raise request.error
    return request


def _decoded_stream(requests: Iterator[Any]) -> Iterator[Any]:
    for request in requests:
        yield _decoded(request)


def _guarded(responses: Iterator[Any], context: grpc.ServicerContext, method: str) -> Iterator[Any]:
    try:
        yield from responses
    except Exception as error:
        abort_with(context, error, method)


def abort_with(context: grpc.ServicerContext, error: Exception, method: str) -> NoReturn:
    """Ends the call with the status that `error` stands for. Always raises."""
    if _is_abort(error, context) or (isinstance(error, grpc.RpcError) and not context.is_active()):
        raise error
    code, message = status_of(error, method, client_gone=not context.is_active())
    if isinstance(error, PipitError) and error.reason:
        context.set_trailing_metadata(((REASON, error.reason),))
    context.abort(code, message)
    raise AssertionError("context.abort returned")


def _ending(send: Callable[[Any], None], context: grpc.ServicerContext, method: str) -> Callable[[Any], None]:
    """`send` of a behavior that does not block, which may be given an error too: it ends the call as raising does."""

    def send_or_end(response: Any) -> None:
        if isinstance(response, Exception):
            code, message = status_of(response, method, client_gone=not context.is_active())
            context.set_code(code)
            context.set_details(message)
            if isinstance(response, PipitError) and response.reason:
                context.set_trailing_metadata(((REASON, response.reason),))
            response = None
        send(response)

    return send_or_end


def status_of(error: BaseException, method: str, client_gone: bool = False) -> tuple[grpc.StatusCode, str]:
    """Status and text for the client. What is not a PipitError is logged with its stack, under the id in the text."""
    if isinstance(error, PipitError) and error.status != PipitError.status:
        return grpc.StatusCode[error.status], str(error)[:_LONGEST_MESSAGE]
    if client_gone:
        return grpc.StatusCode.CANCELLED, "the client has gone"
    error_id = uuid.uuid4().hex[:12]
    _log.error("internal_error", error_id=error_id, method=method, exc_info=error)
    return grpc.StatusCode.INTERNAL, f"internal error {error_id}; the server's log has more under this id"


def _is_abort(error: Exception, context: grpc.ServicerContext) -> bool:
    # grpcio's context.abort sets the code and raises a bare Exception().
    return type(error) is Exception and not error.args and code_of(context) is not None


def code_of(context: grpc.ServicerContext) -> grpc.StatusCode | None:
    """What set_code or abort left there. None: nothing yet, which ends as OK."""
    code: grpc.StatusCode | None = context.code()  # type: ignore[attr-defined]  # missing in the stubs
    return code


def build_server(
    interceptors: Sequence[Interceptor] = (),
    observers: Sequence[Interceptor] = (),
    max_workers: int = 16,
    eager: int | None = None,
    max_waiting: int = 1024,
    apart: Mapping[str, BoundedPool] | None = None,
    share: Share = everything,
    options: Sequence[Option] = (),
    max_message_bytes: int = 4 * MEBIBYTE,
    max_connection_age_seconds: float = 0.0,
    max_connection_age_grace_seconds: float | None = None,
) -> grpc.Server:
    """Make a threaded server whose errors become statuses; add servicers, `bind` it and start it.

    interceptors: outermost first; what these raise becomes a status as well.
    observers: outside of all others, so that they see each call's final status.
    eager: threads at work that begin at once, of a server that computes; None: all. See `BoundedPool`.
    max_waiting: calls that may wait for a thread; one more gets RESOURCE_EXHAUSTED.
    apart: services whose calls have threads of their own, by full name. share: of one caller, in what others wait for.
    max_message_bytes: a larger request gets RESOURCE_EXHAUSTED.
    max_connection_age_seconds: a connection takes no new call after that time, give or take a tenth, so that the client
    looks for servers anew; no call fails by it. 0: no limit.
    max_connection_age_grace_seconds: calls on such a connection that last for longer are cut, with UNAVAILABLE. None:
    they may last.
    options: grpc channel arguments that come after, and win over, those set here.
    """
    defaults: list[Option] = [
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.max_send_message_length", -1),
        # Without this a second server on the same port starts in silence and takes half of the calls.
        ("grpc.so_reuseport", 0),
        # A client that lost its power says nothing: what its streams hold is free again after these.
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        # Clients look after us in the same way, however quiet a stream is.
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
    ]
    if max_connection_age_seconds:
        defaults.append(("grpc.max_connection_age_ms", _milliseconds(max_connection_age_seconds)))
        if max_connection_age_grace_seconds is not None:
            defaults.append(("grpc.max_connection_age_grace_ms", _milliseconds(max_connection_age_grace_seconds)))
    named = dict(defaults) | dict(options)
    pool = BoundedPool(max_workers, max_waiting, "rpc", share, eager=eager)
    refusals = BoundedPool(1, 0, "refusals")
    return grpc.server(
        pool,
        interceptors=[*observers, ErrorInterceptor(refusals), Pools(pool, apart or {}), *interceptors],
        options=list(named.items()),
    )


def _milliseconds(seconds: float) -> int:
    # grpc's core counts in 32 bits.
    return min(max(1, round(seconds * 1000)), 2**31 - 1)


def bind(server: grpc.Server, address: str, credentials: grpc.ServerCredentials | None = None) -> int:
    """Binds `host:port` and gives the port, which the system chooses for port 0. Raises Unavailable if it is taken."""
    try:
        port: int = (
            server.add_insecure_port(address) if credentials is None else server.add_secure_port(address, credentials)
        )
    except RuntimeError as error:
        raise Unavailable(f"can't listen on {address}: the port is taken, or not allowed; choose another") from error
    return port
