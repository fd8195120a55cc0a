"""The console's certificate, shown to each new connection as its files are then."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

import uvicorn
from pipit.logging import get_logger
from pipit.metrics import Metrics
from pipit.service.credentials import read_certificate

from pipit_console.settings import ConsoleSettings

LOOK_SECONDS = 2
"""How often the files are looked at."""
_log = get_logger("console.tls")


class Tls:
    """Of one server; does nothing where the settings name no certificate."""

    def __init__(self, settings: ConsoleSettings) -> None:
        """Raises InvalidInput for files that can't be read, or are no pair."""
        self._settings = settings
        self._certificate = read_certificate(settings)
        self._context: ssl.SSLContext | None = None

    def report(self, metrics: Metrics) -> None:
        """Lets metrics say when the certificate ends, and whether new files are broken."""
        certificate = self._certificate
        metrics.gauge("pipit_certificate_expires_timestamp_seconds").set_function(
            lambda: 0.0 if certificate is None else certificate.expires
        )
        metrics.gauge("pipit_credentials_stale").labels("certificate").set_function(
            lambda: float(certificate is not None and certificate.is_stale)
        )

    def options(self) -> dict[str, Any]:
        """For `uvicorn.Config`."""
        settings = self._settings
        if self._certificate is None:
            return {}
        required = settings.tls_client_ca is not None
        return {
            "ssl_keyfile": settings.tls_key,
            "ssl_certfile": settings.tls_certificate,
            "ssl_ca_certs": settings.tls_client_ca,
            "ssl_cert_reqs": ssl.CERT_REQUIRED if required else ssl.CERT_NONE,
            "ssl_context_factory": self._make,
            "callback_notify": self._look,
            "timeout_notify": LOOK_SECONDS,
        }

    def _make(self, _: uvicorn.Config, default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
        self._context = default()
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        return self._context

    async def _look(self) -> None:
        certificate, key, context = self._settings.tls_certificate, self._settings.tls_key, self._context
        if self._certificate is None or certificate is None or context is None:
            return
        # To ask for it looks at the files.
        seen = await asyncio.to_thread(getattr, self._certificate, "expires")
        if not self._certificate.is_stale:
            try:
                # A context that was given half of a pair would show no certificate at all until the other half comes.
                ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
                # Never on another thread: a connection that begins then would see half of a pair, or crash OpenSSL.
                context.load_cert_chain(certificate, key)
            except (OSError, ssl.SSLError) as error:
                _log.error("not_renewed", reason=str(error), expires=seen)
