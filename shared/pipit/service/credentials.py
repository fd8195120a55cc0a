"""The files that settings name: certificate and key, the callers that are let in, the keys that sign bundles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipit.bundle.signing import load_public_key
from pipit.rpc.auth import TokenFile, Tokens
from pipit.service.certificate import Certificate
from pipit.service.settings import ServiceSettings

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def read_callers(settings: ServiceSettings) -> Tokens:
    """Who is let in. Raises InvalidInput."""
    return Tokens(None) if settings.tokens is None else TokenFile(settings.tokens)


def read_trusted_keys(settings: ServiceSettings) -> tuple[Ed25519PublicKey, ...]:
    """The keys of which one must have signed a bundle; none: nobody needs to. Raises NotFound, InvalidInput."""
    return tuple(load_public_key(path) for path in settings.trusted_keys)


def read_certificate(settings: ServiceSettings) -> Certificate | None:
    """For TLS; None for plain text. Raises InvalidInput for files that can't be read, or are no such pair."""
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    return Certificate(settings.tls_certificate, settings.tls_key, settings.tls_client_ca)
