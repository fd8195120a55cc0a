"""The files that settings name: certificate and key, the callers that are let in, the keys that sign bundles."""

from __future__ import annotations

import grpc
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from pipit.bundle.signing import load_public_key
from pipit.rpc.auth import Tokens, read_tokens
from pipit.rpc.certificates import read_certificates, read_pair
from pipit.rpc.server import server_credentials
from pipit.service.settings import ServiceSettings


def read_callers(settings: ServiceSettings) -> Tokens:
    """Who is let in. Raises InvalidInput."""
    return Tokens(None) if settings.tokens is None else read_tokens(settings.tokens)


def read_trusted_keys(settings: ServiceSettings) -> tuple[Ed25519PublicKey, ...]:
    """The keys of which one must have signed a bundle; none: nobody needs to. Raises NotFound, InvalidInput."""
    return tuple(load_public_key(path) for path in settings.trusted_keys)


def read_credentials(settings: ServiceSettings) -> grpc.ServerCredentials | None:
    """For TLS; None for plain text. Raises InvalidInput for files that can't be read, or are no such pair."""
    certificate, key = settings.tls_certificate, settings.tls_key
    if certificate is None or key is None:
        return None
    authority = None if settings.tls_client_ca is None else read_certificates(settings.tls_client_ca)
    return server_credentials(*read_pair(certificate, key, "tls_certificate and tls_key"), authority)
