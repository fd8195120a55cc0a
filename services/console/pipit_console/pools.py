"""An index a task of its examples and labels, each kept up to date by a thread of its own.

    registry ──pages, with a token that may read──> index <── queues, items, counts for who may see them
       ^──────────────append──────────────── events ──┘ applied at once

An index holds all of its task, and can be made anew: what counts is at the registry. Who may see what of it is for the
routes to check.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from time import monotonic
from typing import Any

from pipit.bundle.manifest import Manifest
from pipit.cli.output import plain
from pipit.errors import NotFound, PermissionDenied, PipitError, Unauthenticated, Unavailable
from pipit.examples import Example
from pipit.files import cache_errors
from pipit.inputs.audio import LogMelParameters
from pipit.labels import Event, EventPage
from pipit.labels.index import LabelIndex
from pipit.labels.resolution import Resolution
from pipit.labels.sync import pull, pull_events, pull_examples
from pipit.locks import try_exclusive_lock
from pipit.logging import get_logger
from pipit.registry.types import Listing

from pipit_console.contents import Contents
from pipit_console.models.labels import LabelTask
from pipit_console.pictures import parameters_of
from pipit_console.sessions import Session, Sessions
from pipit_console.settings import ConsoleSettings
from pipit_console.upstream import Clients, Upstream

TRANSFER = ".transfer-"
"""How folders begin in which imports and exports lie for as long as they take."""
_FIRST_SECONDS = 10.0
"""What somebody who asks for a task waits at most for its index to be filled."""
_LOOKED_AT_SECONDS = 60.0
_QUIET_SECONDS = 30.0
"""How often the registry is asked for a task that nobody has looked at for a minute."""
_MODEL_SECONDS = 30.0
_LIKENESS_SECONDS = 0.5
"""How long likenesses of examples are looked for, before the registry is asked again."""
_log = get_logger("console.pools")


@dataclass(frozen=True, slots=True)
class Model:
    """What is served of a task: its kind of input, its labels, its spectrogram. until: asked for anew after this."""

    manifest: Manifest | None
    until: float


class Pool:
    """One task. Threads share it."""

    def __init__(self, task: str, pools: Pools) -> None:
        self.task = task
        self.index = LabelIndex(pools.folder / f"{task}.sqlite", task, lambda ids: pools.contents.forget(task, ids))
        self._pools = pools
        self._model = Model(None, 0.0)
        self._looked_at = 0.0
        self._stopped = False
        self._wake = threading.Event()
        self._filled = threading.Event()
        self._tried = threading.Event()
        self._failure: PipitError | None = None
        self._thread = threading.Thread(target=self._run, name=f"sync-{task}", daemon=True)
        self._thread.start()

    def look(self) -> None:
        """Somebody is here. Raises what keeps an index empty that was never filled."""
        quiet = monotonic() - self._looked_at > _LOOKED_AT_SECONDS
        self._looked_at = monotonic()
        if quiet:
            self._tried.clear()
            self._wake.set()
        if not self._filled.is_set():
            self._tried.wait(_FIRST_SECONDS)
        # The pool's thread may get over it meanwhile.
        failure = self._failure
        if failure is not None and not self._filled.is_set() and not self.index.progress().examples:
            raise failure

    def refresh(self) -> None:
        """Asks the registry now."""
        self._wake.set()

    def catch_up(self, session: Session) -> None:
        """Takes in at once what the registry has of events."""
        pull_events(self.index, session.clients.labels, self._is_stopped)

    def outcomes(self, events: Sequence[Event]) -> dict[str, Resolution]:
        """What the examples are now that events speak of. events: of one person."""
        wanted = {event.example for event in events if event.example} | self.index.spoken_of(events)
        found = self.index.items(sorted(wanted), events[0].by)
        return {item.example.id: item.resolution for item in found}

    def apply(self, events: Sequence[Event]) -> dict[str, Resolution]:
        """Takes in what the registry has stored, which the pool's thread may have done before; see `outcomes`."""
        # The place where the next page begins stays: the same events come again, and change nothing.
        self.index.feed_events(EventPage(tuple(events), "", False))
        return self.outcomes(events)

    def example(self, identity: str, session: Session) -> Example:
        """Raises NotFound."""
        return self.index.item(identity, session.name).example

    def input_kind(self, session: Session) -> str:
        """As in a bundle's manifest; "" where the task has no version yet."""
        manifest = self.manifest(session)
        return "" if manifest is None else manifest.input.kind

    def labels(self, session: Session) -> tuple[str, ...]:
        """Of the model and of people."""
        manifest = self.manifest(session)
        return self.index.labels(() if manifest is None else manifest.labels)

    def log_mel(self, session: Session) -> LogMelParameters:
        """The model's own."""
        return parameters_of(self.manifest(session))

    def stats(self, session: Session) -> dict[str, Any]:
        """What `pipit label stats --json` prints."""
        document: dict[str, Any] = plain(self.index.summary(self.labels(session)))
        return document

    def manifest(self, session: Session) -> Manifest | None:
        """Of the version that is served in the console's environment, or else of the newest; None: there is none.

        While the registry is away, the last one that was known.
        """
        if monotonic() < self._model.until:
            return self._model.manifest
        try:
            found = self._pools.served(self.task, session.clients)
        except NotFound:
            found = None
        except Unavailable:
            found = self._model.manifest
        self._model = Model(found, monotonic() + _MODEL_SECONDS)
        return found

    def settle(self) -> None:
        """Begins to end: what it asks the registry may break off from here on."""
        self._stopped = True
        self._wake.set()
        self._tried.set()

    def close(self) -> None:
        """Ends its thread. The index is closed once the thread is gone."""
        self.settle()
        self._thread.join()
        self.index.close()

    def _run(self) -> None:
        while not self._stopped:
            self._wake.clear()
            more = False
            try:
                more = self._pull()
            except PipitError as error:
                if not self._stopped and str(error) != str(self._failure):
                    _log.warning("sync_failed", task=self.task, reason=str(error))
                self._failure = error
            except Exception as error:
                # This thread has to look again.
                _log.exception("sync_failed", task=self.task)
                self._failure = Unavailable(f"the index of {self.task} can't be filled; the console's log says why")
                self._failure.__cause__ = error
            self._tried.set()
            if more:
                continue
            watched = monotonic() - self._looked_at < _LOOKED_AT_SECONDS
            self._wake.wait(self._pools.sync_seconds if watched else _QUIET_SECONDS)

    def _pull(self) -> bool:
        refused: PipitError = Unavailable("nobody is signed in who may see what devices kept")
        for clients in self._pools.readers(self.task):
            try:
                return self._pull_from(clients)
            except (PermissionDenied, Unauthenticated) as error:
                refused = error
            except ValueError:
                # Whoever it was has signed out meanwhile.
                if not clients.is_closed:
                    raise
        raise refused

    def _pull_from(self, clients: Clients) -> bool:
        """Gives whether there is more to do at once. Who waits for the index need not wait for likenesses too."""
        pull_examples(self.index, clients.examples, self._is_stopped)
        pull_events(self.index, clients.labels, self._is_stopped)
        self._failure = None
        self._filled.set()
        self._tried.set()
        return pull(self.index, clients.examples, clients.labels, self._is_stopped, _LIKENESS_SECONDS)

    def _is_stopped(self) -> bool:
        return self._stopped


class Pools:
    """Those of all tasks. Threads share it. One at a time holds a folder: `open` it first."""

    def __init__(
        self, settings: ConsoleSettings, upstream: Upstream, sessions: Sessions, own: Clients, contents: Contents
    ) -> None:
        """own: with the console's own token. contents: forgets what is deleted."""
        self.contents = contents
        self.folder = settings.cache_dir.expanduser()
        self.sync_seconds = settings.sync_seconds
        self._environment = settings.environment
        self._upstream = upstream
        self._sessions = sessions
        self._own = own
        self._lock = threading.Lock()
        self._pools: dict[str, Pool] = {}
        self._held = ExitStack()

    def open(self) -> None:
        """Raises Unavailable where another console has the folder, or it can't be made."""
        with cache_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            free = self._held.enter_context(try_exclusive_lock(self.folder / "lock"))
        if not free:
            raise Unavailable(
                f"another console keeps its indexes in {self.folder}; end it, or name another folder "
                "(PIPIT_CONSOLE_CACHE_DIR)"
            )
        # What a console that was killed left may be of examples that were deleted since.
        for left in self.folder.glob(f"{TRANSFER}*"):
            shutil.rmtree(left, ignore_errors=True)

    def get(self, task: str, session: Session) -> Pool:
        """Raises NotFound for a task that the registry does not know, and what keeps the index from being filled."""
        with self._lock:
            pool = self._pools.get(task)
        if pool is None:
            # What was only imported, for a task without a version, is on no list.
            if task not in self._known(session) and not self._has_examples(task, session):
                raise NotFound(f"the registry knows no task {task}: nothing was published, kept or imported")
            pool = self._open(task)
        pool.look()
        return pool

    def tasks_of(self, session: Session) -> list[LabelTask]:
        """Of the tasks that this person may label: how much there is. None for who may not label."""
        self._sessions.check(session)
        if not session.may_label:
            return []
        lines = []
        for task in self._known(session):
            try:
                pool = self._open(task)
                pool.look()
            except PipitError as error:
                # One index that can't be filled hides none of the others.
                _log.warning("task_left_out", task=task, reason=str(error))
                continue
            progress = pool.index.progress()
            lines.append(
                LabelTask(
                    task=task,
                    input_kind=pool.input_kind(session),
                    examples=progress.examples,
                    labelled=progress.labelled,
                    waiting=progress.waiting,
                    disagreements=progress.disagreements,
                )
            )
        return lines

    def look_again(self, task: str) -> None:
        """Something of the task's has changed at the registry."""
        with self._lock:
            pool = self._pools.get(task)
        if pool is not None:
            pool.refresh()

    def readers(self, task: str) -> Iterable[Clients]:
        """Who may fill the index of a task: the console itself, else whoever asked last."""
        if self._own.token is not None:
            yield self._own
        for session in self._sessions.newest():
            if session.may_label and session.may_ask(task):
                yield session.clients

    def served(self, task: str, clients: Clients) -> Manifest | None:
        """See `Pool.manifest`. Raises what the registry raises."""
        listing: Listing = clients.registry.list_versions(task)
        pointed = {each.version for each in listing.environments if each.name == self._environment}
        versions = [each for each in listing.versions if each.version in pointed] or list(listing.versions)
        if not versions:
            return None
        return self._upstream.manifest(clients, task, versions[0].version, versions[0].digest)

    def settle(self) -> None:
        """Before the clients are closed, which end the calls that threads wait for."""
        with self._lock:
            pools = list(self._pools.values())
        for pool in pools:
            pool.settle()

    def close(self) -> None:
        """Ends all threads, and closes the indexes."""
        with self._lock:
            pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            pool.close()
        self._held.close()

    def _known(self, session: Session) -> list[str]:
        """Tasks that were published, that devices may keep, or that have examples here, as this person may ask them."""
        clients = session.clients
        tasks = {each.task for each in clients.registry.list_versions().versions}
        tasks |= {each.task for each in clients.examples.list_consents()}
        tasks |= {each.task for each in clients.examples.departures()}
        with self._lock:
            tasks |= self._pools.keys()
        return sorted(task for task in tasks if session.may_ask(task))

    def _has_examples(self, task: str, session: Session) -> bool:
        return session.may_ask(task) and bool(session.clients.examples.list_examples(task, page_size=1).examples)

    def _open(self, task: str) -> Pool:
        with self._lock:
            if task not in self._pools:
                self._pools[task] = Pool(task, self)
            return self._pools[task]
