"""Unknown faces by likeness: when they are one, when they are forgotten, and what is never kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipit.errors import NotFound
from pipit.faces.gallery import Vector
from pipit.faces.likeness import Likeness
from pipit.faces.quality import Quality
from pipit.faces.strangers import Stranger, Strangers

NOW = datetime(2026, 11, 28, 19, 0, tzinfo=UTC)
LIKENESS = Likeness(duplicate=0.95, alike=0.4, known=0.6)
Met = tuple[int, int]


def vector(person: int, picture: int) -> Vector:
    """Two of one person have a cosine of 0.72, those of two people about 0."""
    center = np.eye(256)[person]
    noise = np.random.default_rng(1000 * person + picture).normal(size=256)
    noise[:100] = 0
    return np.asarray(0.85 * center + 0.527 * noise / np.linalg.norm(noise), np.float32)


def of(score: float) -> Quality:
    return Quality(box=150, eyes=60, sharpness=0.3, yaw=0, exposure=0.5, score=score)


def stranger(person: int, picture: int, minutes: float = 0.0, quality: float = 0.5, embedder: str = "e") -> Stranger:
    at = NOW + timedelta(minutes=minutes)
    identity = f"{person}-{picture}"
    return Stranger(identity, f"c{identity}", at, at, embedder, vector(person, picture), of(quality), b"png")


def meet(*strangers: Stranger, before: Strangers | None = None) -> Strangers:
    kept = before or Strangers()
    for one in strangers:
        kept = kept.met(one, LIKENESS)
    return kept


def test_three_faces_of_one_person_are_a_cluster_and_two_are_none() -> None:
    kept = meet(stranger(1, 0), stranger(2, 0, 1), stranger(1, 1, 2), stranger(2, 1, 3))
    assert (kept.clusters, kept.single) == ((), 4)
    kept = meet(stranger(1, 2, 4, quality=0.9), before=kept)
    (cluster,) = kept.clusters
    assert cluster.id == "c1-0"
    assert [one.id for one in cluster.strangers] == ["1-2", "1-0", "1-1"]
    assert (cluster.first, cluster.last) == (NOW, NOW + timedelta(minutes=4))
    assert kept.single == 2


def test_somebody_who_stands_before_the_door_is_one_face_and_the_best_picture_stays() -> None:
    first = stranger(1, 0, quality=0.4)
    again = replace(stranger(1, 0, 5, quality=0.8), id="x", cluster="y", crop=b"better")
    kept = meet(first, again)
    (one,) = kept.everybody
    assert (one.id, one.cluster, one.crop, one.first, one.last) == ("1-0", "c1-0", b"better", NOW, again.last)
    (one,) = meet(replace(again, quality=of(0.1), crop=b"worse"), before=kept).everybody
    assert one.crop == b"better"


def test_a_face_is_forgotten_a_day_after_it_was_seen_first_however_often_it_comes() -> None:
    kept = meet(stranger(1, 0), stranger(1, 0, 60 * 23), stranger(1, 1, 60))
    assert [one.id for one in kept.without_old(NOW + timedelta(hours=24, seconds=-1)).everybody] == ["1-0", "1-1"]
    assert [one.id for one in kept.without_old(NOW + timedelta(hours=24)).everybody] == ["1-1"]


def test_what_a_wrong_clock_has_kept_for_the_future_is_forgotten() -> None:
    assert meet(stranger(1, 0)).without_old(NOW - timedelta(days=20000)).everybody == ()


def test_an_ignored_cluster_loses_its_pictures_and_takes_in_no_more() -> None:
    kept = meet(*(stranger(1, i) for i in range(3)), stranger(2, 0)).ignoring("c1-0")
    assert (kept.clusters, kept.single) == ((), 1)
    assert [one.crop for one in kept.everybody] == [b"", b"", b"", b"png"]
    assert meet(stranger(1, 3), before=kept).everybody == kept.everybody
    again = meet(replace(stranger(1, 0, 9, quality=1.0), crop=b"new"), before=kept).everybody[0]
    assert (again.crop, again.ignored) == (b"", True)
    with pytest.raises(NotFound, match="no cluster 'c1-0'"):
        kept.cluster("c1-0")


def test_faces_like_those_of_somebody_are_found() -> None:
    kept = meet(stranger(1, 0), stranger(2, 0), stranger(1, 1), stranger(1, 2, embedder="other"))
    found = kept.like([vector(1, 9)], "e", LIKENESS)
    assert [one.id for one in found] == ["1-0", "1-1"]
    assert [one.id for one in kept.without(one.id for one in found).everybody] == ["2-0", "1-2"]


def test_faces_of_two_embedders_are_not_compared() -> None:
    kept = meet(stranger(1, 0), replace(stranger(1, 0, embedder="other"), id="x", cluster="y"))
    assert [one.cluster for one in kept.everybody] == ["c1-0", "y"]


def test_of_too_many_the_oldest_go() -> None:
    kept = Strangers()
    for person in range(5):
        kept = kept.met(stranger(person, 0, person), LIKENESS, most=3)
    assert [one.id for one in kept.everybody] == ["2-0", "3-0", "4-0"]


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 6)), max_size=30))
def test_no_cluster_mixes_people_and_none_is_lost(met: list[Met]) -> None:
    kept = meet(*(stranger(person, picture) for person, picture in met))
    assert len(kept.everybody) == len(set(met))
    for cluster in kept.clusters:
        assert len({one.id.split("-")[0] for one in cluster.strangers}) == 1
    assert kept.single + sum(len(cluster.strangers) for cluster in kept.clusters) == len(kept.everybody)
