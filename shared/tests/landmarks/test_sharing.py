"""Tasks that see the same picture look at it once, and find what each would have found alone."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pipit.errors import InvalidInput
from pipit.inputs import EncodedImage
from pipit.landmarks import FaceAndBody, Found
from pipit.landmarks.body import BodyFinder
from pipit.landmarks.face import FaceFinder
from pipit.landmarks.memory import Findings
from pipit.landmarks.networks import network_paths
from pipit.runtimes import Runtime, load_runtime

Picture = NDArray[np.uint8]
ONCE = {"FaceFinder.detect": 1, "FaceFinder.look": 1, "BodyFinder.detect": 1, "BodyFinder.look": 1}


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often networks were run, by what for."""
    counts: Counter[str] = Counter()

    def count(finder: type, name: str) -> None:
        method = getattr(finder, name)

        def counted(self: Any, *arguments: Any, **options: Any) -> Any:
            counts[f"{finder.__name__}.{name}"] += 1
            return method(self, *arguments, **options)

        monkeypatch.setattr(finder, name, counted)

    for finder in (FaceFinder, BodyFinder):
        count(finder, "detect")
        count(finder, "look")
    return counts


@pytest.fixture(scope="module")
def opened(networks_folder: Path) -> Iterator[dict[str, Runtime]]:
    loaded = {name: load_runtime(path, "litert", instances=2) for name, path in network_paths(networks_folder).items()}
    yield loaded
    for runtime in loaded.values():
        runtime.close()


@pytest.fixture
def tasks(opened: dict[str, Runtime], monkeypatch: pytest.MonkeyPatch) -> tuple[FaceAndBody, FaceAndBody]:
    """Two that share what they find, and nothing with other tests. Nothing is forgotten, however long a test takes."""
    begun, findings = monotonic(), Findings()
    monkeypatch.setattr(findings, "_clock", lambda: begun)
    return FaceAndBody(opened, findings=findings), FaceAndBody(opened, findings=findings)


def encoded(picture: Picture) -> EncodedImage:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return EncodedImage(file.getvalue())


def assert_same(one: list[Found], other: list[Found]) -> None:
    assert len(one) == len(other)
    for mine, theirs in zip(one, other, strict=True):
        np.testing.assert_array_equal(mine.features, theirs.features)
        assert (mine.box, mine.presence, mine.body_presence) == (theirs.box, theirs.presence, theirs.body_presence)


def test_one_picture_for_two_tasks_is_looked_at_once(
    tasks: tuple[FaceAndBody, FaceAndBody], networks: FaceAndBody, photograph: Picture, runs: Counter[str]
) -> None:
    item = encoded(photograph)
    first = tasks[0].open_stream(None, body=False).find_encoded(item)
    assert runs == {"FaceFinder.detect": 1, "FaceFinder.look": 1}
    second = tasks[1].open_stream(1).find_encoded(item)
    assert runs == ONCE
    assert_same(first.found, networks.find(photograph, None, body=False))
    assert_same(second.found, networks.find(photograph))
    np.testing.assert_array_equal(second.pixels, photograph)
    assert second.found[0].body_presence > 0.9


def test_at_the_same_moment_too(
    tasks: tuple[FaceAndBody, FaceAndBody], photograph: Picture, runs: Counter[str]
) -> None:
    item = encoded(photograph)
    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(lambda task: task.open_stream().find_encoded(item).found, tasks))
    assert runs == ONCE
    assert_same(*found)


def test_who_asks_again_and_another_picture_are_looked_at_again(
    tasks: tuple[FaceAndBody, FaceAndBody], photograph: Picture, runs: Counter[str]
) -> None:
    item = encoded(photograph)
    for _ in range(3):
        tasks[0].open_stream(body=False).find_encoded(item)
    assert runs["FaceFinder.look"] == 3
    mirrored = encoded(np.ascontiguousarray(photograph[:, ::-1]))
    tasks[1].open_stream(body=False).find_encoded(mirrored)
    assert runs["FaceFinder.look"] == 4


def test_several_faces_are_each_tasks_own_choice(
    tasks: tuple[FaceAndBody, FaceAndBody], networks: FaceAndBody, photograph: Picture, runs: Counter[str]
) -> None:
    head = photograph[40:240, 120:320]
    pair = np.concatenate([head, head[:, ::-1]], axis=1)
    one = tasks[0].open_stream(1, body=False).find_encoded(encoded(pair)).found
    assert runs == {"FaceFinder.detect": 1, "FaceFinder.look": 1}
    everybody = tasks[1].open_stream(None, body=False).find_encoded(encoded(pair)).found
    assert runs == {"FaceFinder.detect": 1, "FaceFinder.look": 2}
    assert (len(one), len(everybody)) == (1, 2)
    assert_same(one, networks.find(pair, 1, body=False))
    assert_same(everybody, networks.find(pair, None, body=False))


def test_streams_of_one_camera_share_what_is_equal_and_keep_their_own_past(
    tasks: tuple[FaceAndBody, FaceAndBody], networks: FaceAndBody, photograph: Picture, made: Any, runs: Counter[str]
) -> None:
    frames = made.frames(photograph)
    alone = [networks.open_stream(None, body=False), networks.open_stream(1)]
    expected = [[tracker.find(frame, seconds=0.1) for frame in frames] for tracker in alone]
    before = Counter(runs)
    streams = [tasks[0].open_stream(None, body=False), tasks[1].open_stream(1)]
    found: list[list[list[Found]]] = [[], []]
    for frame in frames:
        for stream, answers in zip(streams, found, strict=True):
            answers.append(stream.find_encoded(encoded(frame), seconds=0.1).found)
    for answers, wanted in zip(found, expected, strict=True):
        for mine, theirs in zip(answers, wanted, strict=True):
            assert_same(mine, theirs)
    # One face in each picture, at one place: two streams look at it as often as one.
    assert runs["FaceFinder.look"] - before["FaceFinder.look"] == len(frames)
    assert before["FaceFinder.look"] == 2 * len(frames)


def test_a_stream_that_begins_later_has_its_own_past(
    tasks: tuple[FaceAndBody, FaceAndBody], networks: FaceAndBody, photograph: Picture, made: Any
) -> None:
    frames = made.frames(photograph)
    early, late = tasks[0].open_stream(), tasks[1].open_stream()
    alone = networks.open_stream()
    early.find_encoded(encoded(frames[0]), seconds=0.1)
    for frame in frames[1:4]:
        early.find_encoded(encoded(frame), seconds=0.1)
        assert_same(late.find_encoded(encoded(frame), seconds=0.1).found, alone.find(frame, seconds=0.1))


def test_what_tasks_share_can_not_be_changed(tasks: tuple[FaceAndBody, FaceAndBody], photograph: Picture) -> None:
    (found,) = tasks[0].open_stream().find_encoded(encoded(photograph)).found
    with pytest.raises(ValueError, match="read-only"):
        found.face.points[0] = 0.0


def test_a_picture_itself_is_not_kept(opened: dict[str, Runtime], photograph: Picture) -> None:
    findings = Findings(seconds=600.0)
    FaceAndBody(opened, findings=findings).open_stream().find_encoded(encoded(photograph))
    assert len(findings) == 4
    assert findings._bytes < 10_000
    arrays = [value.points for kept in findings._kept.values() if hasattr(value := kept.value, "points")]
    assert sorted(array.shape for array in arrays) == [(39, 4), (468, 3)]
    assert all(array.base is None for array in arrays)


def test_networks_by_name(opened: dict[str, Runtime], photograph: Picture) -> None:
    faces = {name: opened[name] for name in ("face_detector", "face_landmarks")}
    only_faces = FaceAndBody(faces)
    assert not only_faces.finds_bodies
    assert len(only_faces.find(photograph, body=False)) == 1
    with pytest.raises(InvalidInput, match="body's networks are not here"):
        only_faces.find(photograph)
    with pytest.raises(InvalidInput, match="the networks face_landmarks are missing"):
        FaceAndBody({"face_detector": opened["face_detector"]})
    with pytest.raises(InvalidInput, match="the networks body_landmarks are missing"):
        FaceAndBody({**faces, "body_detector": opened["body_detector"]})
