"""A server's certificate: shown to each new connection as its files are then, so that a new one needs no restart."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import grpc

from pipit.errors import InvalidInput
from pipit.rpc.certificates import read_certificates, read_pair
from pipit.rpc.renewed import Renewed

if TYPE_CHECKING:
    from cryptography import x509


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """expires: seconds since 1970."""

    configuration: grpc.ServerCertificateConfiguration
    expires: float


class Certificate:
    """Connections that are open keep the certificate that they were made with."""

    def __init__(self, certificate: Path, key: Path, client_authority: Path | None = None) -> None:
        """client_authority: callers must show a certificate that leads to it; None: they need none.

        Raises InvalidInput for files that can't be read, or are no such pair.
        """
        self._files = certificate, key, client_authority
        paths = [path for path in self._files if path is not None]
        self._pair = Renewed(paths, self._read)
        self._shown = self._pair.value

    @property
    def credentials(self) -> grpc.ServerCredentials:
        """For one port."""
        return grpc.dynamic_ssl_server_credentials(
            self._shown.configuration,
            self._renew,  # type: ignore[arg-type]  # None is in grpcio's documentation, and not in its stubs
            require_client_authentication=self._files[2] is not None,
        )

    @property
    def expires(self) -> float:
        """When what is shown now holds no longer, in seconds since 1970."""
        return self._pair.value.expires

    @property
    def is_stale(self) -> bool:
        """Whether the files can't be used as they are now, so that an older pair is shown."""
        return self._pair.is_stale

    def _renew(self) -> grpc.ServerCertificateConfiguration | None:
        """GRPC asks with each connection; None: as before."""
        pair = self._pair.value
        if pair is self._shown:
            return None
        self._shown = pair
        return pair.configuration

    def _read(self) -> _Pair:
        certificate, key, authority = self._files
        chain, private = read_pair(certificate, key, "tls_certificate and tls_key")
        roots = None if authority is None else read_certificates(authority)
        expires = _certificate(certificate, chain).not_valid_after_utc.timestamp()
        if authority is not None and roots is not None:
            # gRPC would say of a broken one that the port is taken.
            _certificate(authority, roots)
        return _Pair(grpc.ssl_server_certificate_configuration([(private, chain)], roots), expires)


def _certificate(path: Path, content: bytes) -> x509.Certificate:
    from cryptography import x509  # noqa: PLC0415 (15 ms of a start, which a server in plain text has no use for)

    try:
        return x509.load_pem_x509_certificate(content)
    except ValueError as error:
        raise InvalidInput(f"{path} holds no certificate that can be read ({error})") from error
