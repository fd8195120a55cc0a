"""The files that settings name: certificate and key, the callers that are let in, the keys that sign bundles."""

from __future__ import annotations

import ssl

import grpc
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from pipit.bundle.signing import load_public_key
from pipit.errors import InvalidInput
from pipit.rpc.auth import Tokens, read_tokens
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
    try:
        content = certificate.read_bytes(), key.read_bytes()
    except OSError as error:
        raise InvalidInput(
            f"{error.filename} can't be read ({error.strerror}); set tls_certificate and tls_key"
        ) from error
    try:
        # gRPC would say no more of it than that the port can't be opened. A key with a password is none of use here.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=lambda: "")
    except (OSError, ValueError) as error:
        raise InvalidInput(
            f"{certificate} and {key} are not a certificate and its key, both in PEM and without a password ({error})"
        ) from error
    return server_credentials(*content)
