"""Names over time: how much evidence a name needs, and a change of names."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from pipit.faces.voting import Followed, Sighting, VoteSettings, elect, follow
from pipit.types import Box

SETTINGS = VoteSettings()
HERE, THERE = Box(10, 10, 100, 100), Box(400, 10, 80, 80)


def seen(person: str, score: float, box: Box = HERE) -> Sighting:
    return Sighting(box, person, score)


SIGHTINGS = st.lists(
    st.builds(
        seen,
        st.sampled_from(["a", "b", "c", ""]),
        st.integers(0, 64).map(lambda number: number / 64),
        st.sampled_from([Box(0, 0, 1, 1), Box(0, 0, 2, 2), Box(0, 0, 8, 4)]),
    ),
    max_size=20,
)
PEOPLE = st.sampled_from(["a", "b", "c", ""])


def pictures(*faces: list[Sighting], settings: VoteSettings = SETTINGS) -> list[Followed]:
    state, states = Followed(), []
    for several in faces:
        state = follow(state, several, settings)
        states.append(state)
    return states


def test_a_name_needs_three_pictures_that_agree() -> None:
    states = pictures(*[[seen("a", 0.9)]] * 4)
    assert [state.tracks[0].person for state in states] == ["", "", "a", "a"]


def test_another_name_needs_more_evidence_than_the_one_before() -> None:
    states = pictures(*[[seen("a", 0.9)]] * 4, *[[seen("b", 0.9)]] * 5)
    assert [state.tracks[0].person for state in states[4:]] == ["a", "a", "a", "a", "b"]


def test_a_large_face_counts_more() -> None:
    near, far = Box(0, 0, 200, 200), Box(0, 0, 100, 100)
    votes = [seen("a", 0.9, far)] * 4 + [seen("b", 0.9, near)] * 3
    assert elect(votes, "", SETTINGS) == "b"


def test_two_faces_do_not_mix() -> None:
    states = pictures(*[[seen("a", 0.9), seen("b", 0.8, THERE)]] * 3, [seen("b", 0.8, THERE), seen("a", 0.9)])
    assert [track.person for track in states[2].tracks] == ["a", "b"]
    assert [track.person for track in states[3].tracks] == ["b", "a"]
    assert [track.number for track in states[3].tracks] == [1, 0]


def test_a_face_that_is_missed_for_a_moment_keeps_its_name() -> None:
    named = [[seen("a", 0.9)]] * 3
    assert pictures(*named, *[[]] * 5, [seen("a", 0.9)])[-1].tracks[0].person == "a"
    late = pictures(*named, *[[]] * 6, [seen("a", 0.9)])[-1]
    assert (late.tracks[0].person, late.tracks[0].number, late.lost) == ("", 1, ())


def test_who_walks_in_elsewhere_begins_anew() -> None:
    states = pictures(*[[seen("a", 0.9)]] * 3, [seen("a", 0.9, THERE)])
    assert states[-1].tracks[0].person == ""
    assert states[-1].lost[0].person == "a"


def test_doubtful_pictures_take_a_name_back() -> None:
    votes = [seen("a", 0.75)] * 3
    assert elect(votes, "", SETTINGS) == "a"
    assert elect(votes + [seen("a", 0.25)] * 3, "a", SETTINGS) == ""


@given(SIGHTINGS, PEOPLE)
def test_who_is_named_has_enough_pictures_and_the_most_evidence(sightings: list[Sighting], before: str) -> None:
    named = elect(sightings, before, SETTINGS)
    evidence: Counter[str] = Counter()
    agreeing: Counter[str] = Counter()
    for one in sightings:
        evidence[one.person] += one.box.area * (one.score - 0.5)
        agreeing[one.person] += one.score >= 0.5
    del evidence[""]
    if named:
        assert agreeing[named] >= 3
        assert evidence[named] > 0
        if named != before:
            assert all(evidence[named] >= other for other in evidence.values())


@given(SIGHTINGS, PEOPLE, st.randoms())
def test_the_order_of_pictures_and_the_camera_s_size_change_nothing(
    sightings: list[Sighting], before: str, random: object
) -> None:
    named = elect(sightings, before, SETTINGS)
    shuffled = sorted(sightings, key=lambda _: random.random())  # type: ignore[attr-defined]
    larger = [Sighting(Box(0, 0, one.box.width * 4, one.box.height * 4), one.person, one.score) for one in sightings]
    assert elect(shuffled, before, SETTINGS) == named
    assert elect(larger, before, SETTINGS) == named


@given(st.lists(st.lists(st.tuples(PEOPLE, st.integers(0, 3)), max_size=4, unique_by=lambda face: face[1]), max_size=9))
def test_every_face_has_one_track_of_its_own(frames: list[list[tuple[str, int]]]) -> None:
    places = [Box(200 * column, 0, 100, 100) for column in range(4)]
    for faces, state in zip(
        frames, pictures(*[[seen(who, 0.9, places[at]) for who, at in faces] for faces in frames]), strict=True
    ):
        numbers = [track.number for track in (*state.tracks, *state.lost)]
        assert len(state.tracks) == len(faces)
        assert len(set(numbers)) == len(numbers)
        assert all(number < state.following for number in numbers)
        assert [track.sightings[-1].box for track in state.tracks] == [places[at] for _, at in faces]
