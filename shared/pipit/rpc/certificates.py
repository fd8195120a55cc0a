"""PEM files on either side of a call: the authority that is trusted, and a pair of certificate and key."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TypedDict

import grpc

from pipit.errors import InvalidInput


class Access(TypedDict):
    """What every client of Pipit takes under these names; see `open_channel`."""

    token: str | None
    ca: Path | None
    certificate: Path | None
    key: Path | None


def channel_credentials(ca: Path | None, certificate: Path | None, key: Path | None) -> grpc.ChannelCredentials | None:
    """None without a certificate authority: plain text. The files are read once.

    Raises InvalidInput for a file that can't be read or is none of PEM, and for half of a pair.
    """
    if (certificate is None) != (key is None):
        raise InvalidInput(
            "a caller's certificate needs its key, and the other way round (PIPIT_CERTIFICATE, PIPIT_KEY)"
        )
    if ca is None:
        if certificate is not None:
            raise InvalidInput(
                "a caller's certificate is shown by TLS alone; give the certificate authority (PIPIT_CA)"
            )
        return None
    chain = private = None
    if certificate is not None and key is not None:
        chain, private = read_pair(certificate, key, "PIPIT_CERTIFICATE, PIPIT_KEY")
    return grpc.ssl_channel_credentials(read_certificates(ca), private, chain)


def read_certificates(path: Path) -> bytes:
    """A file of certificates. Raises InvalidInput for one that can't be read, or holds none."""
    roots = _read(path)
    if b"-----BEGIN CERTIFICATE-----" not in roots:
        raise InvalidInput(
            f"{path} is no PEM certificate; if it is one in DER, convert it: "
            f"openssl x509 -inform der -in {path.name} -out {path.stem}.pem"
        )
    return roots


def read_pair(certificate: Path, key: Path, settings: str) -> tuple[bytes, bytes]:
    """A certificate chain and its key. settings: their names, for errors.

    Raises InvalidInput for files that can't be read, or are no such pair.
    """
    try:
        content = _read(certificate), _read(key)
    except InvalidInput as error:
        raise InvalidInput(f"{error}; set {settings}") from error
    try:
        # gRPC would say no more of it than that the port can't be opened. A key with a password is none of use here.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=lambda: "")
    except (OSError, ValueError) as error:
        raise InvalidInput(
            f"{certificate} and {key} are not a certificate and its key, both in PEM and without a password ({error})"
        ) from error
    return content


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path} can't be read: {error.strerror}") from error
