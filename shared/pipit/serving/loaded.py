"""The loaded versions of a task: one answers, others stand by, and what was replaced is freed with its last lease.

opened ──swap──> answers ──a minute──> good
   │               │  ^
   │               v  └─swap──┐
   │           replaced ──> stands by ──rollout ends, or memory is short──> drained ──> freed
   └──to run in the shadow──────┘
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from functools import partial
from time import monotonic

from pipit.logging import get_logger
from pipit.proving import memory_is_short
from pipit.serving.attempts import Desired
from pipit.serving.beside import Kept, ModelsBeside
from pipit.serving.host_meters import HostMeters
from pipit.serving.loading import ModelLoader
from pipit.serving.model import LoadedModel
from pipit.serving.replaced import ReplacedModels

_log = get_logger(__name__)


def nothing() -> None:
    """For who has nobody to tell."""


def tell(callback: Callable[[], object], task: str, version: str) -> None:
    """Calls what belongs to somebody else, whose failure is not ours."""
    try:
        callback()
    except BaseException as error:
        _log.error("callback_failed", task=task, version=version, exc_info=error)


class LoadedVersions:
    """See the module. Its host's thread changes them, and any may look."""

    def __init__(
        self,
        task: str,
        loader: ModelLoader,
        meters: HostMeters,
        changed: threading.Condition,
        on_change: Callable[[], None],
        on_shadow: Callable[[LoadedModel | None], None],
        trial_seconds: float,
        *,
        keeps_standby: bool,
    ) -> None:
        """changed: the host's lock, which is told of what drains. on_change: another version answers or stands by.

        on_shadow: told the candidate that is to run in the shadow, and None when that is over.
        trial_seconds: how long a version must answer to count as good here.
        """
        self.current: LoadedModel | None = None
        self.since = 0.0
        """When it began to answer, of the monotonic clock."""
        self.before = ""
        """Digest of what answered before it."""
        self.on_trial: tuple[Desired, float] | None = None
        """What has yet to answer until then to count as good."""
        self.beside = ModelsBeside()
        self.replaced = ReplacedModels(changed)
        self._task = task
        self._loader = loader
        self._meters = meters
        self._changed = changed
        self._on_change = on_change
        self._on_shadow = on_shadow
        self._on_freed: Callable[[], None] = nothing
        self._trial_seconds = trial_seconds
        self._keeps_standby = keeps_standby

    @property
    def version(self) -> str:
        """That answers; empty: none does."""
        return "" if self.current is None else self.current.identity.version

    @property
    def digest(self) -> str:
        """Of what answers; empty: nothing does."""
        return "" if self.current is None else self.current.identity.digest

    def has(self, digest: str) -> bool:
        """Whether this version answers or stands beside what does."""
        return digest == self.digest or digest in self.beside

    def swap(self, model: LoadedModel | None, on_freed: Callable[[], None], standby: str) -> None:
        """From here on `model` answers. The one before serves those who hold a lease, then it is freed or stands by.

        standby: digest of what may stand by, where memory allows.
        """
        is_short = memory_is_short()
        with self._changed:
            old, self.current = self.current, model
            self.since = monotonic()
            old_files, self._on_freed = self._on_freed, on_freed
            is_other = old is not None and old.identity.digest != self.digest
            if old is not None and is_other:
                self.before = old.identity.digest
            may_stand_by = self._keeps_standby and not is_short and model is not None
            stands_by = is_other and may_stand_by and self.before == standby
        on_trial, self.on_trial = self.on_trial, None
        if on_trial is not None and is_other and model is not None and self.before == standby:
            # Too short to call it good, but a start after a crash of what follows has nothing better.
            self._tell(on_trial[0].on_good, on_trial[0].version)
        if old is not None and is_other:
            # It goes in order.
            self._leave_trial(old)
        if old is not None and stands_by:
            self.beside.put(Kept(old, old_files))
        self._tell(partial(self._meters.show_active, model), self.version)
        self._tell(self._on_change, self.version)
        if old is not None and not stands_by:
            self.replaced.add(old, old_files)

    def begin_trial(self, desired: Desired, *, opened: bool) -> None:
        """What answers now has yet to show that it is good. opened: just now, so that the disk knows it already."""
        if not opened:
            begin = partial(self._loader.trials.begin, self._task, desired.version, desired.digest)
            self._tell(begin, desired.version)
        self.on_trial = desired, monotonic() + self._trial_seconds

    def end_trial(self) -> None:
        """Says that the version that answers is good, once it has answered for long enough."""
        if self.on_trial is not None and monotonic() >= self.on_trial[1]:
            desired, self.on_trial = self.on_trial[0], None
            self._tell(partial(self._loader.confirm, self._task, desired.digest), desired.version)
            self._tell(desired.on_good, desired.version)
            _log.info("model_good", task=self._task, version=desired.version, digest=desired.digest)

    def take(self, digest: str) -> Kept | None:
        """What stands beside of a version, if it may answer."""
        kept = self.beside.take(digest)
        if kept is not None and kept.shadow:
            self._tell(partial(self._on_shadow, None), kept.model.identity.version)
        if kept is not None and not self._loader.trusts(kept.model):
            self._drop(kept)
            return None
        return kept

    def put(self, kept: Kept) -> None:
        """Keeps a version beside what answers."""
        self.beside.put(kept)
        if kept.shadow:
            self._tell(partial(self._on_shadow, kept.model), kept.model.identity.version)

    def drop_beside(self, stays: Collection[str]) -> None:
        """Frees what stands beside, but for these digests."""
        for kept in self.beside.besides(stays):
            identity = kept.model.identity
            self.beside.take(kept.digest)
            if kept.shadow:
                self._tell(partial(self._on_shadow, None), identity.version)
            self._drop(kept)
            self._tell(self._on_change, identity.version)

    def _drop(self, kept: Kept) -> None:
        if kept.shadow:
            self._leave_trial(kept.model)
        _log.info("model_not_kept", task=self._task, version=kept.model.identity.version, shadow=kept.shadow)
        self.replaced.add(kept.model, kept.on_freed)

    def close(self, model: LoadedModel) -> None:
        """Of what never answered. It is freed with its last lease, which a replay may hold still."""
        self._leave_trial(model)
        self.replaced.add(model, nothing)

    def free_drained(self) -> None:
        """Frees what nobody holds any more."""
        for replaced in self.replaced.take_drained():
            identity = replaced.model.identity
            self._tell(replaced.model.close, identity.version)
            if not self.has(identity.digest):
                self._tell(replaced.on_freed, identity.version)
            loaded = {self.version, *(kept.model.identity.version for kept in self.beside.besides(()))}
            self._meters.count_freed(identity.version, monotonic() - replaced.since, loaded)
            _log.info("model_freed", task=self._task, version=identity.version)

    def _leave_trial(self, model: LoadedModel) -> None:
        identity = model.identity
        self._tell(partial(self._loader.trials.leave, self._task, identity.digest), identity.version)

    def _tell(self, callback: Callable[[], object], version: str) -> None:
        tell(callback, self._task, version)
