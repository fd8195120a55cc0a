"""The registry, as one person's token sees it, and the console's own."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Event, Lock

from pipit.audit.client import AuditClient
from pipit.bundle.manifest import Manifest
from pipit.bundle.manifest_file import parse_manifest
from pipit.examples.client import ExampleClient
from pipit.fleet.client import FleetClient
from pipit.labels.client import LabelClient
from pipit.registry import RegistryClient

from pipit_console.settings import ConsoleSettings

_SECONDS = 15.0
_MANIFESTS = 256
_REPORT_BYTES = 16 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Clients:
    """All of one registry's services by one connection and one token. Threads share them."""

    registry: RegistryClient
    fleet: FleetClient
    examples: ExampleClient
    labels: LabelClient
    audit: AuditClient
    token: str | None = field(default=None, repr=False)
    _closed: Event = field(default_factory=Event, repr=False)

    @property
    def is_closed(self) -> bool:
        """Whether calls raise ValueError, as grpcio has it."""
        return self._closed.is_set()

    def close(self) -> None:
        """Ends every call that is still running."""
        self._closed.set()
        self.registry.close()


class Upstream:
    """Makes clients, and remembers what can't change: manifests and reports, by their digests. Threads share it."""

    def __init__(self, settings: ConsoleSettings) -> None:
        self._settings = settings
        self._lock = Lock()
        self._manifests: OrderedDict[str, Manifest] = OrderedDict()
        self._reports: OrderedDict[str, bytes] = OrderedDict()

    def connect(self, token: str | None) -> Clients:
        """It connects with the first call. Raises InvalidInput for what can be no token."""
        access = self._settings.connection.access
        address = self._settings.registry
        registry = RegistryClient(
            address, token, _SECONDS, access["ca"], access["certificate"], access["key"], ping_seconds=60.0
        )
        channel = registry.channel
        return Clients(
            registry,
            FleetClient(address, timeout=_SECONDS, channel=channel),
            ExampleClient(address, timeout=_SECONDS, channel=channel),
            LabelClient(address, timeout=_SECONDS, channel=channel),
            AuditClient(address, channel=channel),
            token,
        )

    def manifest(self, clients: Clients, task: str, version: str, digest: str) -> Manifest:
        """Of a version that this person was told of with its digest. Raises NotFound."""
        with self._lock:
            known = self._manifests.get(digest)
        if known is None:
            known = parse_manifest(clients.registry.get_version(task, version).manifest)
            with self._lock:
                self._manifests[digest] = known
                if len(self._manifests) > _MANIFESTS:
                    self._manifests.popitem(last=False)
        return known

    def blob(self, clients: Clients, digest: str) -> bytes:
        """A small file of a bundle. Raises NotFound."""
        with self._lock:
            known = self._reports.get(digest)
        if known is None:
            known = b"".join(clients.registry.download(digest))
            with self._lock:
                self._reports[digest] = known
                while sum(map(len, self._reports.values())) > _REPORT_BYTES:
                    self._reports.popitem(last=False)
        return known
