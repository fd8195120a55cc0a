"""How this process shows itself to servers, and knows them: one set of settings for whatever it calls."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from pipit.rpc.certificates import Access
from pipit.settings import Settings


class ConnectionSettings(Settings):
    """The same for the registry and for inference servers. A server that follows a registry has them too."""

    token: SecretStr | None = None
    """Bearer token that goes with each call; none: servers ask for none."""
    ca: Path | None = None
    """PEM file that servers' certificates must lead to; none: calls are not encrypted."""
    certificate: Path | None = None
    """PEM file of the caller's own certificate, for servers that ask for one (`tls_client_ca`); with `key` and `ca`."""
    key: Path | None = None
    """PEM file of that certificate's key."""

    @property
    def access(self) -> Access:
        """As keywords of a client."""
        token = (self.token.get_secret_value() or None) if self.token is not None else None
        return Access(token=token, ca=self.ca, certificate=self.certificate, key=self.key)
