"""Settings of the `pipit` command; options on the command line win over them."""

from __future__ import annotations

from pathlib import Path

from pipit.rpc.connection import ConnectionSettings


class CliSettings(ConnectionSettings):
    """Where servers listen, and where things are kept."""

    registry: str = "127.0.0.1:50050"
    """host:port of the registry."""
    server: str = "127.0.0.1:50051"
    """host:port of an inference server."""
    data: Path | None = None
    """Folder with one sub-folder per data set."""
    data_mirror: str | None = None
    """Base URL of a server that keeps the public archives under their file names; none: their authors' servers."""
    runs: Path = Path("runs")
    """Folder of training runs."""
    signing_key: Path | None = None
    """PEM file of the Ed25519 key that bundles are signed with; none: ~/.config/pipit/signing.pem, when they are
    published."""
