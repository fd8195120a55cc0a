"""Faces that are nobody's, gathered by likeness for a day, so that somebody can say who that was.

    unknown face ──> nearly the same as one that is kept ──> only its time is noted
                ──> ignored, or like one that is         ──> nothing
                ──> like a cluster's mean                ──> joins it
                ──> like none                            ──> waits alone

A cluster is shown once it has three faces. Each face is forgotten when it is older than a day, and the oldest sooner
where there are many. Pure: whoever keeps them, sealed, is `pipit.serving`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from pipit.errors import NotFound
from pipit.faces.gallery import Vector
from pipit.faces.likeness import Likeness
from pipit.faces.quality import Quality

KEPT = timedelta(hours=24)
FEWEST = 3
"""Faces of a cluster that is shown."""
MOST = 300
"""Faces that are kept."""


@dataclass(frozen=True, slots=True, eq=False)
class Stranger:
    """One face. id: random. cluster: of whoever it belongs to. first, last: aware times; it is kept from `first` on.

    embedder: digest. crop: PNG. ignored: kept only so that faces like it are not.
    """

    id: str
    cluster: str
    first: datetime
    last: datetime
    embedder: str
    vector: Vector
    quality: Quality
    crop: bytes = b""
    ignored: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Cluster:
    """Faces that are alike; the best first."""

    id: str
    strangers: tuple[Stranger, ...]

    @property
    def first(self) -> datetime:
        """When the first of them was seen."""
        return min(stranger.first for stranger in self.strangers)

    @property
    def last(self) -> datetime:
        """When one of them was seen last."""
        return max(stranger.last for stranger in self.strangers)


@dataclass(frozen=True, slots=True, eq=False)
class Strangers:
    """All that are kept, the oldest first. Immutable: a change gives another one."""

    everybody: tuple[Stranger, ...] = ()

    def met(self, stranger: Stranger, likeness: Likeness, most: int = MOST) -> Strangers:
        """With a face that was seen now. Its cluster's id is taken where it begins one."""
        comparable = [kept for kept in self.everybody if kept.embedder == stranger.embedder]
        nearest = max(comparable, key=lambda kept: float(kept.vector @ stranger.vector), default=None)
        if nearest is not None and likeness.of(float(nearest.vector @ stranger.vector)) > likeness.duplicate:
            return self._seen_again(nearest, stranger)
        cluster, cosine = _nearest_cluster(comparable, stranger.vector)
        if cluster and likeness.of(cosine) >= likeness.known:
            if any(kept.ignored for kept in comparable if kept.cluster == cluster):
                return self
            stranger = replace(stranger, cluster=cluster)
        return Strangers((*self.everybody, stranger)[-most:])

    def _seen_again(self, kept: Stranger, now: Stranger) -> Strangers:
        """The better picture stays; the day counts from the first time."""
        best = now if now.quality.score > kept.quality.score and not kept.ignored else kept
        again = replace(best, id=kept.id, cluster=kept.cluster, first=kept.first, last=now.last, ignored=kept.ignored)
        return Strangers(tuple(again if one is kept else one for one in self.everybody))

    def without_old(self, now: datetime) -> Strangers:
        """Without those who were first seen more than a day ago, or, as a wrong clock has it, in the future."""
        return Strangers(tuple(one for one in self.everybody if timedelta() <= now - one.first < KEPT))

    def without(self, ids: Iterable[str]) -> Strangers:
        """Without these."""
        gone = frozenset(ids)
        return Strangers(tuple(one for one in self.everybody if one.id not in gone))

    def ignoring(self, cluster: str) -> Strangers:
        """With a cluster's faces, and those to come that are like them, shown no more. Raises NotFound."""
        ids = {stranger.id for stranger in self.cluster(cluster).strangers}
        return Strangers(
            tuple(replace(one, ignored=True, crop=b"") if one.id in ids else one for one in self.everybody)
        )

    def like(self, vectors: Iterable[Vector], embedder: str, likeness: Likeness) -> tuple[Stranger, ...]:
        """Those who may be of one person with any of these."""
        rows = list(vectors)
        return tuple(
            one
            for one in self.everybody
            if one.embedder == embedder and any(likeness.of(float(row @ one.vector)) >= likeness.alike for row in rows)
        )

    @property
    def clusters(self) -> tuple[Cluster, ...]:
        """Those of three faces or more that nobody ignores, the largest first."""
        found: dict[str, list[Stranger]] = {}
        for one in self.everybody:
            if not one.ignored:
                found.setdefault(one.cluster, []).append(one)
        clusters = [
            Cluster(identity, tuple(sorted(members, key=lambda one: -one.quality.score)))
            for identity, members in found.items()
            if len(members) >= FEWEST
        ]
        return tuple(sorted(clusters, key=lambda cluster: (-len(cluster.strangers), cluster.id)))

    @property
    def single(self) -> int:
        """Faces in no cluster that is shown."""
        shown = sum(len(cluster.strangers) for cluster in self.clusters)
        return sum(not one.ignored for one in self.everybody) - shown

    def cluster(self, identity: str) -> Cluster:
        """Raises NotFound for one that is not shown."""
        for cluster in self.clusters:
            if cluster.id == identity:
                return cluster
        raise NotFound(
            f"there is no cluster {identity[:40]!r}; `pipit faces unknown` shows those of the last 24 hours, each with "
            f"at least {FEWEST} faces"
        )


def _nearest_cluster(strangers: Iterable[Stranger], vector: Vector) -> tuple[str, float]:
    sums: dict[str, Vector] = {}
    for one in strangers:
        sums[one.cluster] = sums[one.cluster] + one.vector if one.cluster in sums else one.vector
    best, highest = "", -1.0
    for cluster, total in sums.items():
        length = float(np.linalg.norm(total))
        cosine = float(total @ vector) / length if length else -1.0
        if cosine > highest:
            best, highest = cluster, cosine
    return best, highest
