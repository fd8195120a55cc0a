"""Pictures to names, in pictures alone and in streams, with galleries that come and go."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from home_security.faces.pipeline import FacesPipeline
from home_security.faces.recipe import QualityRecipe
from home_security.faces.settings import settings_of
from home_security.faces.synthetic import draw_face, encoded
from pipit.bundle.golden import run_once
from pipit.errors import InvalidInput
from pipit.faces.contract import NamesFaces
from pipit.faces.gallery import EMPTY, Gallery, Person
from pipit.inputs import EncodedImage, PcmAudio
from pipit.pipelines.served import Served
from pipit.types import Box, Prediction

Make, Enrol, Galleries = Callable[..., Served], Callable[..., Person], Callable[..., Gallery]
ANNA, BERT, STRANGER = 101, 102, 103


@cache
def drawn(person: int, count: int, seed: int = 0) -> list[EncodedImage]:
    generator = np.random.default_rng([person, seed])
    return [encoded(draw_face(person, generator)) for _ in range(count)]


def pipeline_of(served: Served) -> FacesPipeline:
    assert isinstance(served.pipeline, FacesPipeline)
    return served.pipeline


@pytest.fixture
def known(make_served: Make, enrol: Enrol, gallery_of: Galleries) -> Served:
    """Anna and Bert are known."""
    served = make_served()
    people = (enrol(served, 1, "Anna", drawn(ANNA, 4)), enrol(served, 2, "Bert", drawn(BERT, 4)))
    pipeline_of(served).use_gallery(gallery_of(*people))
    return served


def test_it_keeps_the_contract(make_served: Make) -> None:
    pipeline = make_served().pipeline
    assert isinstance(pipeline, NamesFaces)
    assert pipeline.embedder == "5" * 64


def test_without_a_gallery_every_face_is_unknown_with_its_box(make_served: Make) -> None:
    item = drawn(ANNA, 1)[0]
    for served in (make_served(), make_served()):
        (answer,) = served.answer(item)
        pipeline_of(served).use_gallery(EMPTY)
        assert served.answer(item)[0].region == answer.region
        assert (answer.label, answer.unknown, answer.scores) == ("", True, ())
        assert isinstance(answer.region, Box)
        assert 100 < answer.region.width < 200
        assert answer.region_score is not None
        assert answer.region_score > 0.9
        assert answer.quality is not None
        assert 0.5 < answer.quality <= 1.0


def test_known_people_are_named_and_a_stranger_is_not(known: Served) -> None:
    for person, name in ((ANNA, "Anna"), (BERT, "Bert")):
        for item in drawn(person, 3, seed=1):
            (answer,) = known.answer(item)
            assert (answer.label, answer.unknown) == (name, False)
            assert answer.scores[0].label == name
            assert answer.scores[0].detected
            assert answer.scores[0].score >= 0.5 > answer.scores[1].score
    for item in drawn(STRANGER, 3):
        (answer,) = known.answer(item)
        assert (answer.label, answer.unknown) == ("", True)
        assert max(score.score for score in answer.scores) < 0.5
        assert not any(score.detected for score in answer.scores)


def test_two_faces_of_a_picture_have_a_name_each(known: Served) -> None:
    anna, bert = (draw_face(person, np.random.default_rng(3)) for person in (ANNA, BERT))
    answers = known.answer(encoded(np.concatenate([anna, bert], axis=1)))
    by_place = sorted(answers, key=lambda answer: answer.region.left if isinstance(answer.region, Box) else 0.0)
    assert [answer.label for answer in by_place] == ["Anna", "Bert"]


def test_who_is_forgotten_is_not_named_from_the_next_picture_on(
    known: Served, enrol: Enrol, gallery_of: Galleries
) -> None:
    pipeline_of(known).use_gallery(gallery_of(enrol(known, 2, "Bert", drawn(BERT, 4))))
    (answer,) = known.answer(drawn(ANNA, 1, seed=1)[0])
    assert (answer.label, answer.unknown) == ("", True)
    assert [score.label for score in answer.scores] == ["Bert"]
    assert known.answer(drawn(BERT, 1, seed=1)[0])[0].label == "Bert"


def test_two_people_of_one_name_have_one_score(make_served: Make, enrol: Enrol, gallery_of: Galleries) -> None:
    served = make_served()
    people = (enrol(served, 1, "Anna", drawn(ANNA, 4)), enrol(served, 2, "Anna", drawn(BERT, 4)))
    pipeline_of(served).use_gallery(gallery_of(*people))
    for person in (ANNA, BERT):
        (answer,) = served.answer(drawn(person, 1, seed=1)[0])
        assert answer.label == "Anna"
        assert [score.label for score in answer.scores] == ["Anna"]


def test_a_picture_without_a_face_has_no_answer(known: Served) -> None:
    assert known.answer(encoded(np.full((200, 200, 3), 128, np.uint8))) == []


def test_a_face_that_is_too_poor_is_never_named(make_served: Make, enrol: Enrol, gallery_of: Galleries) -> None:
    served = make_served(nameable=QualityRecipe(box=400.0).limits())
    pipeline_of(served).use_gallery(gallery_of(enrol(served, 1, "Anna", drawn(ANNA, 4))))
    (answer,) = served.answer(drawn(ANNA, 1, seed=1)[0])
    assert (answer.label, answer.unknown, answer.scores) == ("", True, ())


def test_other_inputs_are_refused(known: Served) -> None:
    with pytest.raises(InvalidInput, match="takes a picture"):
        known.answer(PcmAudio(np.zeros((10, 1), np.float32), 8000))
    with pytest.raises(InvalidInput):
        known.answer(EncodedImage(b"no picture"))


def names(answers: list[Prediction]) -> list[str]:
    return [answer.label for answer in answers]


def test_a_stream_names_after_three_pictures_that_agree(known: Served) -> None:
    item = drawn(ANNA, 1, seed=1)[0]
    answers = list(known.stream([item] * 4))
    assert names(answers) == ["", "", "Anna", "Anna"]
    assert [answer.unknown for answer in answers] == [True, True, False, False]
    assert answers[0].scores[0].label == "Anna"
    assert not answers[1].scores[0].detected
    assert answers[2].scores[0].detected
    assert answers[2].answer is not None
    assert answers[2].answer.score >= 0.5
    assert all(isinstance(answer.region, Box) for answer in answers)


def test_in_a_stream_one_wrong_picture_changes_no_name(known: Served) -> None:
    anna, bert = drawn(ANNA, 1, seed=1)[0], drawn(BERT, 1, seed=1)[0]
    boxes = [known.answer(item)[0].region for item in (anna, bert)]
    assert isinstance(boxes[0], Box)
    assert isinstance(boxes[1], Box)
    assert boxes[0].overlap(boxes[1]) > 0.3
    answers = list(known.stream([anna] * 3 + [bert] + [anna]))
    assert names(answers) == ["", "", "Anna", "Anna", "Anna"]
    # The picture of Bert alone says Bert; the name stays, and its score stays the best.
    assert [score.label for score in answers[3].scores] == ["Anna", "Bert"]
    assert answers[3].scores[0].score >= answers[3].scores[1].score


def test_a_stream_does_not_name_a_stranger_nor_who_was_forgotten(known: Served) -> None:
    assert names(list(known.stream(drawn(STRANGER, 1) * 5))) == [""] * 5
    stream = known.pipeline.open_stream()
    assert stream is not None
    item, said = drawn(ANNA, 1, seed=1)[0], []
    for number in range(5):
        if number == 4:
            pipeline_of(known).use_gallery(EMPTY)
        decoded = stream.push(item, number / 10)
        assert decoded is not None
        said += known.pipeline.interpret(known.runtime.run(decoded.tensors), decoded)
    assert names(said) == ["", "", "Anna", "Anna", ""]
    assert stream.seconds == pytest.approx(0.4)


def test_a_face_that_leaves_for_long_begins_anew(known: Served) -> None:
    item, empty = drawn(ANNA, 1, seed=1)[0], encoded(np.full((300, 300, 3), 90, np.uint8))
    assert names(list(known.stream([item] * 3 + [empty] * 2 + [item]))) == ["", "", "Anna", "Anna"]
    assert names(list(known.stream([item] * 3 + [empty] * 7 + [item]))) == ["", "", "Anna", ""]


def test_the_proof_is_of_boxes_points_and_vectors_whoever_is_known(known: Served, make_served: Make) -> None:
    item = drawn(ANNA, 1)[0]
    proofs = [run_once(item, ("known", "unknown"), one.pipeline, one.runtime) for one in (known, make_served())]
    np.testing.assert_array_equal(*proofs)
    (row,) = proofs[0]
    (face,) = pipeline_of(known).decode(item).faces
    np.testing.assert_allclose(row[:4] * 1000, [face.box.left, face.box.top, face.box.width, face.box.height], 1e-5)
    np.testing.assert_allclose(row[4:14] * 1000, face.points.ravel(), 1e-5)
    assert row[14] == np.float32(face.presence)
    assert np.linalg.norm(row[15:]) == pytest.approx(1.0, abs=1e-5)
    nothing = run_once(encoded(np.zeros((64, 64, 3), np.uint8)), (), known.pipeline, known.runtime)
    assert nothing.shape == (0, 15 + 128)


def test_parameters_go_to_a_bundle_and_back(make_served: Make) -> None:
    settings = pipeline_of(make_served()).settings
    parameters = settings.to_parameters()
    # Where the registry looks for it.
    assert parameters["embedder"]["digest"] == "5" * 64
    again = settings_of(parameters)
    assert (again.embedder, again.digest, again.naming) == (settings.embedder, settings.digest, settings.naming)
    assert (again.enrolment, again.nameable) == (settings.enrolment, settings.nameable)
    assert float((again.cohort * settings.cohort).sum(axis=1).min()) > 0.9999
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"cohort": 5}, "lack cohort"),
        ({"embedder": {**parameters["embedder"], "digest": "5"}}, "no digest, 64"),
        ({"embedder": {**parameters["embedder"], "colour": 1}}, "does not know: colour"),
        ({"cohort": "AAAA"}, "cohort has 1 numbers|can't be read"),
        ({"naming": {}}, "parameters of naming are wrong"),
        ({"embedder": None}, "lack embedder"),
    ]
    for change, message in wrong:
        with pytest.raises(InvalidInput, match=message):
            settings_of(parameters | change)
