"""What stands between a port and the servicers, the same for every server: who may come in, and who has which threads.

observers ──> errors become statuses ──> threads ──> token, role ──> places for streams ──> progress ──> servicer
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import grpc
from grpc_health.v1 import health
from grpc_reflection.v1alpha import reflection

from pipit.rpc.auth import AuthInterceptor, Tokens
from pipit.rpc.callers import Role
from pipit.rpc.handlers import Interceptor
from pipit.rpc.pools import BoundedPool
from pipit.rpc.progress import MinimumProgress
from pipit.rpc.server import Option, build_server
from pipit.rpc.streams import StreamBudget
from pipit.service.settings import ServiceSettings

OPEN_SERVICES = (health.SERVICE_NAME,)
"""Probes ask these without a token."""
_REFLECTION = {f"/{reflection.SERVICE_NAME}/ServerReflectionInfo": frozenset(Role)}
_REFLECTIONS = 4
"""Streams at once. Who asks what there is asks for a moment."""
_HANDSHAKE_MS = 15_000
_IDLE_MS = 300_000
"""A connection without a call is closed after this, and a client that calls again connects again by itself."""
_STREAMS_OF_A_CONNECTION = 1024


def build_guarded(
    settings: ServiceSettings,
    tokens: Tokens,
    methods: Mapping[str, frozenset[Role]],
    streams: StreamBudget,
    observers: Sequence[Interceptor],
    *,
    threads: int,
    waiting: int,
    eager: int | None = None,
    receiving: Collection[str] = (),
    apart: Mapping[str, BoundedPool] | None = None,
    options: Sequence[Option] = (),
    max_message_bytes: int | None = None,
    cut_seconds: float | None = None,
) -> grpc.Server:
    """A server without servicers yet.

    methods: who may call what. threads: for calls that are no streams; waiting: how many may wait for one of them;
    eager: how many of them are at work before calls wait, of a server that computes.
    receiving: methods whose clients must keep sending. apart: services, or `service/method`, with threads of their own.
    cut_seconds: that a call has when its connection is too old; None: as long as it takes.
    """
    pools = {
        **(apart or {}),
        health.SERVICE_NAME: BoundedPool(2, 256, "health"),
        reflection.SERVICE_NAME: BoundedPool(_REFLECTIONS, 0, "reflection"),
    }
    limits: list[Option] = [
        ("grpc.max_allowed_incoming_connections", settings.max_connections),
        ("grpc.max_connection_idle_ms", _IDLE_MS),
        ("grpc.server_handshake_timeout_ms", _HANDSHAKE_MS),
        ("grpc.max_concurrent_streams", _STREAMS_OF_A_CONNECTION),
    ]
    sizes = {} if max_message_bytes is None else {"max_message_bytes": max_message_bytes}
    return build_server(
        [
            AuthInterceptor(tokens, dict(methods) | _REFLECTION, OPEN_SERVICES),
            streams,
            MinimumProgress(settings.stall_seconds, receiving),
        ],
        observers,
        max_workers=threads,
        eager=eager,
        max_waiting=waiting,
        apart=pools,
        share=tokens.share,
        options=[*limits, *options],
        max_connection_age_seconds=settings.max_connection_age_seconds,
        max_connection_age_grace_seconds=cut_seconds,
        **sizes,
    )


def stream_budget(streams: int, tokens: Tokens) -> StreamBudget:
    """Places for all streams but those of reflection."""
    return StreamBudget(streams, tokens.share, without=(reflection.SERVICE_NAME,))
