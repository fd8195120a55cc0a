"""Where the versions come from: bundle directories, or a registry with a cache on disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pipit.bundle.keyring import Keyring
from pipit.bundle.manifest import MANIFEST_FILE, Manifest
from pipit.bundle.manifest_file import parse_manifest
from pipit.errors import Conflict, InvalidInput, NotFound, PipitError
from pipit.files import sha256_bytes
from pipit.logging import get_logger
from pipit.rpc.server import MEBIBYTE
from pipit.serving.attempts import Desired, Part
from pipit.serving.host import ModelHost
from pipit.serving.loaded import tell
from pipit.serving.settings import ServingSettings

if TYPE_CHECKING:
    from pipit.registry.types import Assignment

_log = get_logger(__name__)


class Source(Protocol):
    """Says which version each host should run."""

    tasks: tuple[str, ...]
    environment: str

    def start(self, hosts: Mapping[str, ModelHost]) -> None:
        """Begins to tell the hosts, which are those of `tasks`."""
        ...

    def stop(self) -> None:
        """Tells them no more."""
        ...

    def close(self) -> None:
        """Frees what the hosts needed; once they have stopped."""
        ...


class DirectorySource:
    """Bundles that lie in directories; they do not change while the server runs."""

    environment = ""

    def __init__(self, directories: Sequence[Path]) -> None:
        """Raises NotFound for a directory without a bundle, InvalidInput for two of one task or a wrong manifest."""
        self._desired: dict[str, Desired] = {}
        for directory in directories:
            manifest, digest = _read_manifest(directory)
            if manifest.task in self._desired:
                raise InvalidInput(f"two bundles of the task {manifest.task}; a server answers with one")
            self._desired[manifest.task] = Desired(str(manifest.version), digest, partial(Path, directory))
        self.tasks = tuple(sorted(self._desired))

    def start(self, hosts: Mapping[str, ModelHost]) -> None:
        """Tells the hosts once."""
        for task, desired in self._desired.items():
            hosts[task].desire(desired)

    def stop(self) -> None:
        """Has nothing to end."""

    def close(self) -> None:
        """Has nothing to free."""


def _read_manifest(directory: Path) -> tuple[Manifest, str]:
    try:
        data = (directory / MANIFEST_FILE).read_bytes()
    except OSError as error:
        raise NotFound(f"{directory} is not a bundle: its {MANIFEST_FILE} can't be read ({error.strerror})") from error
    return parse_manifest(data), sha256_bytes(data)


class RegistrySource:
    """Follows a registry. What it said last is remembered on disk, and holds while it is away."""

    def __init__(self, settings: ServingSettings, keyring: Keyring) -> None:
        # A server of bundle directories has no use for these; they take time and memory.
        from pipit.registry import AssignmentFollower, BundleCache, RegistryClient, SeenRevisions  # noqa: PLC0415

        self.tasks = tuple(dict.fromkeys(settings.tasks))
        self.environment = settings.environment
        self.client = RegistryClient(settings.registry, **settings.connection.access)
        self._cache = BundleCache(settings.cache_dir.expanduser(), settings.cache_mib * MEBIBYTE, keyring)
        self._keyring = keyring
        self._seen = SeenRevisions(settings.cache_dir.expanduser() / "seen")
        self._follower = AssignmentFollower(
            self.client,
            self.tasks,
            self.environment,
            settings.device_id,
            self._told,
            on_away=self._explain,
            on_keys=keyring.follow,
        )
        self._hosts: Mapping[str, ModelHost] = {}
        self.on_assigned: Callable[[Assignment], None] = lambda _: None
        """Told each assignment that is followed, before the hosts are."""

    def start(self, hosts: Mapping[str, ModelHost]) -> None:
        """Tells the hosts what the disk remembers, then what the registry says."""
        self._hosts = hosts
        for task, host in hosts.items():
            host.explain(
                f"the registry at {self.client.address} has not answered, or no version is promoted to "
                f"{self.environment!r} yet"
            )
            host.start_with(*map(self._desired, self._cache.remembered(task, self.environment)))
        self._follower.start()

    def stop(self) -> None:
        """Leaves the registry."""
        self._follower.stop()
        self.client.close()

    def close(self) -> None:
        """Lets other processes clear the cache; only once the hosts have stopped."""
        self._cache.close()

    def _explain(self, error: PipitError) -> None:
        """What people are told of a server that never learnt what to serve."""
        for host in self._hosts.values():
            host.explain(f"{error} (or no version is promoted to {self.environment!r} yet)")

    def _told(self, assignment: Assignment) -> None:
        """Follows the registry forwards only, where it matters who says what: where keys are trusted."""
        if self._keyring.required:
            try:
                self._seen.check(assignment)
            except Conflict as error:
                _log.error("assignment_refused", task=assignment.task, reason=str(error))
                self._hosts[assignment.task].refuse(str(error))
                return
        self._assigned(assignment)

    def _assigned(self, assignment: Assignment) -> None:
        targets = [target for target in (assignment.candidate, assignment.standby) if target is not None]
        # What is desired, too: what was a candidate or stood by is in nobody's use until it's fetched once more.
        self._cache.hold(assignment.task, {assignment.digest, *(target.digest for target in targets)})
        # Before the host is: who counts begins a stage before anything is done in it. Whatever becomes of that, the
        # registry is followed.
        tell(partial(self.on_assigned, assignment), assignment.task, assignment.version)
        self._hosts[assignment.task].desire(self._desired(assignment), self._part(assignment))

    def _part(self, assignment: Assignment) -> Part:
        candidate, standby = assignment.candidate, assignment.standby
        return Part(
            assignment.revision,
            assignment.rollout,
            assignment.stage,
            None if candidate is None else self._fetched(assignment.task, candidate.version, candidate.digest),
            assignment.shadow and candidate is not None,
            "" if standby is None else standby.digest,
        )

    def _desired(self, assignment: Assignment) -> Desired:
        return replace(
            self._fetched(assignment.task, assignment.version, assignment.digest),
            on_active=partial(self._cache.remember, assignment),
            on_good=partial(self._cache.remember_good, assignment),
            renewed=partial(self._desired, assignment),
        )

    def _fetched(self, task: str, version: str, digest: str) -> Desired:
        from pipit.registry import Cancellation  # noqa: PLC0415 (as above)

        cancellation = Cancellation()
        return Desired(
            version,
            digest,
            partial(self._cache.fetch, self.client, task, version, digest, cancellation),
            on_freed=partial(self._cache.release, digest),
            cancel=cancellation.cancel,
            renewed=partial(self._fetched, task, version, digest),
        )
