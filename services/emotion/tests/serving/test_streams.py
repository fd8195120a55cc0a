"""ClassifyStream: a video as pictures, through a real server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from emotion.expression.synthetic import synthesise
from numpy.typing import NDArray
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb

pytestmark = pytest.mark.slow

Pixels = NDArray[np.uint8]
Walk = Callable[..., list[Pixels]]
Encode = Callable[..., pb.Input]
Items = list[tuple[pb.Input, float | None]]
EMOTION, STRESS = "emotion.expression", "emotion.stress"


def _scores(prediction: pb.Prediction) -> dict[str, float]:
    return {score.label: score.score for score in prediction.scores}


def _film(pictures: list[pb.Input], rate: float = 10.0) -> Items:
    return [(item, number / rate) for number, item in enumerate(pictures)]


def _answered(answers: list[pb.ClassifyStreamResponse]) -> list[list[pb.Prediction]]:
    assert {answer.WhichOneof("result") for answer in answers} <= {"response"}
    return [list(answer.response.predictions) for answer in answers]


@pytest.fixture(scope="module")
def films(people: tuple[Pixels, Pixels], walk: Walk, picture: Encode) -> tuple[list[pb.Input], list[pb.Input]]:
    """Eight pictures each of two different faces that move."""
    one, other = ([picture(pixels) for pixels in walk(person, 8)] for person in people)
    return one, other


def test_each_picture_gives_an_emotion_and_a_smoothed_one(served: Any, films: Any) -> None:
    answers = served.stream(_film(films[0]))
    assert [answer.response.request_id for answer in answers] == [str(number) for number in range(8)]
    now = []
    for number, predictions in enumerate(_answered(answers)):
        face, smooth = predictions
        assert face.WhichOneof("region") == "box"
        expected = (max(0, number - 1) / 10, number / 10)
        assert (smooth.span.start_seconds, smooth.span.end_seconds) == pytest.approx(expected)
        now.append((_scores(face), _scores(smooth)))
    lefts = [answer.response.predictions[0].box.left for answer in answers]
    assert lefts == sorted(lefts, reverse=True)  # The film moves to the side.
    assert lefts[0] - lefts[-1] == pytest.approx(28, abs=4)
    mean = now[0][0]
    kept = float(np.exp(-0.1 / 1.0))
    for scores, smooth in now[1:]:
        mean = {label: kept * mean[label] + (1 - kept) * score for label, score in scores.items()}
        assert smooth == pytest.approx(mean, abs=1e-5)


def test_smoothing_goes_by_the_time_that_passed_and_not_by_pictures(served: Any) -> None:
    happy, sad = (
        pb.Input(landmarks=pb.Landmarks(values=synthesise(label, 1, np.random.default_rng(1))))
        for label in ("happy", "sad")
    )

    def smoothed(seconds: float | None) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
        first, second = _answered(served.stream([(happy, None if seconds is None else 0.0), (sad, seconds)]))
        return _scores(first[0]), _scores(second[0]), _scores(second[1])

    for seconds, elapsed in ((0.1, 0.1), (None, 0.1), (5.0, 5.0)):
        before, now, mean = smoothed(seconds)
        kept = float(np.exp(-elapsed))
        expected = {label: kept * before[label] + (1 - kept) * score for label, score in now.items()}
        assert mean == pytest.approx(expected, abs=1e-5)


def test_a_face_that_is_lost_begins_anew(served: Any, films: Any, picture: Encode) -> None:
    nobody = picture(np.full((288, 288, 3), 90, np.uint8))
    answers = _answered(served.stream(_film([films[0][0], films[0][1], nobody, films[0][2]])))
    assert [len(predictions) for predictions in answers] == [2, 2, 0, 2]
    face, smooth = answers[3]
    assert _scores(face) == pytest.approx(_scores(smooth), abs=1e-6)


def test_stress_comes_once_its_window_is_full(served: Any, films: Any) -> None:
    pictures = [films[0][number % 8] for number in range(11)]
    answers = served.stream(_film(pictures, rate=2.0), STRESS)
    spans = [[(p.span.start_seconds, p.span.end_seconds) for p in predictions] for predictions in _answered(answers)]
    # Steps of a second, two pictures each: the third is over when the seventh picture comes.
    assert spans == [[(0, 3)], [(1, 4)], [(2, 5)], [(3, 6)]]
    assert [answer.response.request_id for answer in answers] == ["6", "8", "10", "10"]
    whole = served.ask(
        pb.Input(sequence=pb.InputSequence(items=[pictures[number] for number in (1, 3, 5)])), STRESS
    ).predictions[0]
    assert _scores(answers[0].response.predictions[0]) == pytest.approx(_scores(whole), abs=0.05)
    known = served.stream(_film(pictures[:6], rate=2.0), STRESS, answer_always=True)
    assert [len(predictions) for predictions in _answered(known)] == [0, 0, 0, 0, 0, 0, 1]


def _side_by_side(served: Any, films: list[Items], task: str) -> list[list[pb.ClassifyStreamResponse]]:
    """Streams open at the same time, whose messages take turns: none ends before every other one was answered too."""
    turn = threading.Barrier(len(films))

    def messages(items: Items) -> Iterator[pb.ClassifyStreamRequest]:
        for message in served.messages(items, task):
            turn.wait(300)
            yield message

    calls = [served.calls.ClassifyStream(messages(items)) for items in films]
    heard: list[list[pb.ClassifyStreamResponse]] = [[] for _ in films]
    readers = [
        threading.Thread(target=lambda call=call, into=into: into.extend(call), daemon=True)
        for call, into in zip(calls, heard, strict=True)
    ]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(300)
        assert not reader.is_alive()
    return heard


@pytest.mark.parametrize("task", [EMOTION, STRESS])
def test_streams_of_different_faces_give_side_by_side_just_what_they_give_alone(
    served: Any, films: Any, task: str
) -> None:
    rate = 10.0 if task == EMOTION else 2.0
    sent = [_film(film, rate) for film in films]
    alone = [_answered(served.stream(items, task)) for items in sent]
    assert alone[0] != alone[1]
    # Each face twice: streams of one face must be alike too.
    together = [_answered(answers) for answers in _side_by_side(served, [*sent, *sent], task)]
    assert together == [*alone, *alone]


def test_a_film_that_changes_its_size_goes_on(served: Any, people: tuple[Pixels, Pixels], picture: Encode) -> None:
    small, large = people[0], people[0].repeat(2, axis=0).repeat(2, axis=1)
    answers = _answered(served.stream(_film([picture(small), picture(large), picture(small)])))
    widths = [predictions[0].box.width for predictions in answers]
    assert widths[1] == pytest.approx(2 * widths[0], rel=0.1)
    assert widths[2] == pytest.approx(widths[0], rel=0.1)
