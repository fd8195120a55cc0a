"""Environments in the store: read, and moved by compare-and-swap."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from pipit.bundle.gates import evaluate_gates
from pipit.errors import AlreadyExists, Conflict, GatesFailed, IntegrityError, InvalidInput, NotFound
from pipit.galleries import StoredGalleries
from pipit.registry.types import Environment, GateResult, Promotion
from pipit.storage import ObjectStore
from pydantic import ValidationError

from model_registry import layout
from model_registry.embedders import strangers_to
from model_registry.pointer import Pointer
from model_registry.versions import Versions

PRODUCTION = "production"
"""The environment that takes nothing synthetic."""
_ATTEMPTS = 8
_LONGEST_REASON = 1000
_HIGHEST_REVISION = 10**12


class Environments:
    """Threads, and any number of copies of the service, may share a store."""

    def __init__(
        self,
        store: ObjectStore,
        versions: Versions,
        galleries: StoredGalleries,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """now: an aware time."""
        self._store = store
        self._versions = versions
        self._galleries = galleries
        self._now = now
        self._tell: Callable[[Pointer], None] = lambda pointer: None

    def on_move(self, tell: Callable[[Pointer], None]) -> None:
        """Calls it with what stands there after each change that is made through this copy."""
        self._tell = tell

    def get(self, task: str, name: str) -> Pointer:
        """Raises NotFound, with a text that tells an unknown task from one of which nothing was promoted."""
        pointer, etag = self._read(task, name)
        if etag is None:
            if not self._versions.any(task):
                raise NotFound(f"nothing of task {task} was published; `pipit models` lists what there is")
            raise NotFound(f"no version of {task} was promoted to {name!r}; promote one, or check the name")
        return pointer

    def pointer(self, task: str, name: str) -> Pointer:
        """What stands there; one that points nowhere where nothing was promoted yet."""
        return self._read(task, name)[0]

    def list(self, task: str = "") -> tuple[Environment, ...]:
        """By task and name. task: empty for all."""
        prefix = layout.environments(task) if task else layout.MODELS
        named = (layout.environment_of_key(key) for key in self._store.list(prefix))
        return tuple(self._read(*names)[0].environment for names in named if names is not None)

    def promote(
        self,
        task: str,
        version: str,
        name: str,
        actor: str,
        reason: str = "",
        override_gates: bool = False,
        expected_revision: int | None = None,
        newer_than: int = 0,
    ) -> Promotion:
        """Points `name` to `version`; again, nothing changes. The move gets a higher revision than `newer_than`.

        Raises NotFound, GatesFailed also where it would not know people who are known today and where synthetic data
        would get into production, InvalidInput for an override without a reason, Conflict for a lost race or another
        revision than expected.
        """
        _check_reason(reason)
        if newer_than > _HIGHEST_REVISION:
            raise InvalidInput(f"no device has seen move {newer_than}; look at what it says")
        document = self._versions.get(task, version)
        manifest = self._versions.manifest(document)[1]
        gates = evaluate_gates(manifest)
        failed = [gate for gate in gates if not gate.passed]
        strangers = strangers_to(manifest, self._galleries)
        synthetic = manifest.lineage.synthetic if name == PRODUCTION else ()
        refused = bool(failed or strangers or synthetic)
        if refused:
            _check_override(document.name, failed, strangers, synthetic, override_gates, reason)

        def move(pointer: Pointer) -> Pointer:
            if expected_revision is not None and pointer.revision != expected_revision:
                raise Conflict(
                    f"{name} of {task} is at revision {pointer.revision}, not {expected_revision}: "
                    f"it points to {pointer.version or 'nothing'} now; look again and decide anew"
                )
            return pointer.promoted(document.version, document.digest, actor, self._now(), reason, refused, newer_than)

        return Promotion(self._move(task, name, move).environment, gates)

    def rollback(self, task: str, name: str, actor: str, reason: str = "") -> Environment:
        """Points `name` to the version before. Raises NotFound if there is none, Conflict for a lost race."""
        _check_reason(reason)
        seen = self.get(task, name).revision

        def move(pointer: Pointer) -> Pointer:
            # "The version before" means the one before what the caller sees: of two rollbacks at once, one is enough.
            if pointer.revision != seen:
                raise Conflict(f"{name} of {task} was moved to {pointer.version} meanwhile; look again and decide anew")
            return pointer.rolled_back(actor, self._now(), reason)

        return self._move(task, name, move).environment

    def _move(self, task: str, name: str, move: Callable[[Pointer], Pointer]) -> Pointer:
        """Reads, moves and swaps, again for as long as somebody else is quicker."""
        key = layout.environment(task, name)
        for _ in range(_ATTEMPTS):
            pointer, etag = self._read(task, name)
            moved = move(pointer)
            if moved is pointer:
                return pointer
            try:
                if etag is None:
                    self._store.create(key, moved.to_bytes())
                else:
                    self._store.replace(key, moved.to_bytes(), etag)
            except (AlreadyExists, Conflict):
                continue
            self._tell(moved)
            return moved
        raise Conflict(f"{name} of {task} is being moved by many at once; look again and decide anew")

    def _read(self, task: str, name: str) -> tuple[Pointer, str | None]:
        """The pointer and its etag; one that points nowhere, and None, where nothing was promoted yet."""
        key = layout.environment(task, name)
        try:
            stored = self._store.read(key)
        except NotFound:
            return Pointer(task=task, name=name), None
        try:
            return Pointer.model_validate_json(stored.data), stored.etag
        except ValidationError as error:
            raise IntegrityError(f"{key} in the store can't be read; restore it from a backup") from error


def _check_override(
    version: str,
    failed: list[GateResult],
    strangers: tuple[str, ...],
    synthetic: tuple[str, ...],
    override: bool,
    reason: str,
) -> None:
    if not override:
        why = []
        if failed:
            listed = "; ".join(str(gate) for gate in failed)
            why.append(f"{version} fails its quality gates ({listed}); train a better one, or override with a reason")
        if strangers:
            why.append(
                f"{version} would not know everybody: {'; '.join(strangers)}. Run `pipit faces reembed`, or override "
                "with a reason"
            )
        if synthetic:
            why.append(
                f"{version} comes from SYNTHETIC data ({', '.join(synthetic)}), which a program made, so that its "
                f"numbers say nothing about the real world, and {PRODUCTION} takes none of it; train on real data, or "
                "override with a reason"
            )
        raise GatesFailed(". ".join(why))
    if not reason.strip():
        raise InvalidInput("an override of quality gates needs a reason, which the history keeps")


def _check_reason(reason: str) -> None:
    if len(reason) > _LONGEST_REASON:
        raise InvalidInput(f"the reason has {len(reason)} characters; at most {_LONGEST_REASON} are kept")
