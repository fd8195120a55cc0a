"""The people whom this process names: each pipeline that names faces gets them, and every change of them.

follower ──use───> keeper ──use_gallery──> each pipeline that was adopted
loader ────adopt─────┘ │                   (a new one gets the gallery before it answers)
                       └──> names, for `Feedback`; numbers, for metrics

No name goes to a metric, a log or a trace.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator

from pipit.faces.contract import NamesFaces
from pipit.faces.gallery import EMPTY, Gallery
from pipit.logging import get_logger
from pipit.metrics import Metrics

_log = get_logger(__name__)


class GalleryKeeper:
    """See the module. For any thread."""

    def __init__(self, name: str, metrics: Metrics) -> None:
        """name: of the gallery, for metrics."""
        self._lock = threading.Lock()
        self._pipelines: list[NamesFaces] = []
        self._gallery = EMPTY
        self._name = name
        self.on_names: Callable[[Collection[str]], None] = lambda names: None
        """Called with the names of everybody who is known, after each change."""
        self._people = metrics.gauge("pipit_gallery_people")
        self._revision = metrics.gauge("pipit_gallery_revision")
        self.names = PeopleNames(self)

    @property
    def gallery(self) -> Gallery:
        """Everybody who is named at present."""
        return self._gallery

    def use(self, gallery: Gallery) -> None:
        """Names these people from now on; returns once every pipeline does.

        Raises what a pipeline raises, once all others have the people; that one goes on with those before.
        """
        with self._lock:
            self._gallery = gallery
            failures = []
            for pipeline in self._pipelines:
                try:
                    pipeline.use_gallery(gallery)
                except Exception as error:
                    failures.append(error)
            self._show()
        self.on_names(frozenset(self.names))
        if failures:
            raise failures[0]
        _log.info("gallery_in_use", revision=gallery.revision, people=len(gallery.people))

    def adopt(self, pipeline: object) -> Callable[[], None]:
        """Gives the people to a pipeline that names faces, now and later; what comes back ends that.

        Any other pipeline is left alone.
        """
        if not isinstance(pipeline, NamesFaces):
            return _nothing
        with self._lock:
            if self._gallery is not EMPTY:
                _give_first(pipeline, self._gallery)
            self._pipelines.append(pipeline)
            self._show()
        return lambda: self._release(pipeline)

    def _release(self, pipeline: NamesFaces) -> None:
        with self._lock:
            self._pipelines = [one for one in self._pipelines if one is not pipeline]

    def _show(self) -> None:
        # Not before anything here names faces: a server of sounds has no gallery.
        if self._pipelines:
            self._people.labels(self._name).set(len(self._gallery.people))
            self._revision.labels(self._name).set(self._gallery.revision)


class PeopleNames(Collection[str]):
    """The names of everybody who is known at the moment one looks."""

    def __init__(self, keeper: GalleryKeeper) -> None:
        self._keeper = keeper

    def _now(self) -> frozenset[str]:
        return frozenset(person.name for person in self._keeper.gallery.people)

    def __contains__(self, name: object) -> bool:
        return name in self._now()

    def __iter__(self) -> Iterator[str]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())


def _give_first(pipeline: NamesFaces, gallery: Gallery) -> None:
    """A version that can't use the gallery answers all the same: unknown faces are worth having."""
    try:
        pipeline.use_gallery(gallery)
    except Exception as error:
        # The error's text might hold a name; its kind and place don't.
        _log.error("gallery_not_used", revision=gallery.revision, reason=type(error).__name__)


def _nothing() -> None:
    pass
