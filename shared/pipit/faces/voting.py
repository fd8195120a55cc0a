"""Names of faces in pictures that follow each other, by vote: one picture alone is often wrong.

    faces of a picture ── lie where one lay before? ──> its track ── evidence of the last pictures ──> its name, or none
                              no ──> a new track

A picture votes for the best person of a face with area x (score - 0.5): a large, sure face counts more than a small
one, and a doubtful one counts against. A name needs enough pictures that agree, and more evidence than any other; so
who is to be named instead needs more than the one before has gathered. Nothing here changes: steps give new tracks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from pipit.types import Box

UNKNOWN = 0.5
"""The score at the limit of naming."""


@dataclass(frozen=True, slots=True)
class VoteSettings:
    """agreeing: pictures that must say the same before it is said. remembered: the last ones of a face that vote.

    overlap: of two boxes of one face, intersection over union. missed: pictures that a face may be lost for.
    """

    agreeing: int = 3
    remembered: int = 30
    overlap: float = 0.3
    missed: int = 5


@dataclass(frozen=True, slots=True)
class Sighting:
    """One face in one picture. person: the id of the best one, "" for nobody. score: of that person, 0..1."""

    box: Box
    person: str
    score: float


@dataclass(frozen=True, slots=True)
class Track:
    """One face over time. number: of this track alone. sightings: oldest first. person: who is named, "" for nobody.

    missed: pictures since it was seen.
    """

    number: int
    sightings: tuple[Sighting, ...]
    person: str = ""
    missed: int = 0


@dataclass(frozen=True, slots=True)
class Followed:
    """tracks: of the picture's faces, in their order. lost: that may come back. following: the next track's number."""

    tracks: tuple[Track, ...] = ()
    lost: tuple[Track, ...] = ()
    following: int = 0


def follow(before: Followed, faces: Sequence[Sighting], settings: VoteSettings) -> Followed:
    """The next picture. Each track goes on with at most one face: the pairs that overlap most are made first."""
    known = (*before.tracks, *before.lost)
    pairs = sorted(
        (
            (-track.sightings[-1].box.overlap(face.box), place, index)
            for index, track in enumerate(known)
            for place, face in enumerate(faces)
        ),
    )
    of_face: dict[int, Track] = {}
    used: set[int] = set()
    for shared, place, index in pairs:
        if -shared >= settings.overlap and place not in of_face and index not in used:
            of_face[place] = known[index]
            used.add(index)
    following = before.following
    tracks = []
    for place, face in enumerate(faces):
        track = of_face.get(place)
        if track is None:
            track, following = Track(following, ()), following + 1
        sightings = (*track.sightings, face)[-settings.remembered :]
        tracks.append(Track(track.number, sightings, elect(sightings, track.person, settings)))
    lost = tuple(
        Track(track.number, track.sightings, track.person, track.missed + 1)
        for index, track in enumerate(known)
        if index not in used and track.missed < settings.missed
    )
    return Followed(tuple(tracks), lost, following)


def elect(sightings: Sequence[Sighting], person: str, settings: VoteSettings) -> str:
    """Who the pictures together say it is; "" for nobody. person: who was named before, and stays so in a draw."""
    evidence: dict[str, float] = defaultdict(float)
    agreeing: dict[str, int] = defaultdict(int)
    for sighting in sightings:
        if sighting.person:
            evidence[sighting.person] += sighting.box.area * (sighting.score - UNKNOWN)
            agreeing[sighting.person] += sighting.score >= UNKNOWN
    able = [name for name, gathered in evidence.items() if gathered > 0.0 and agreeing[name] >= settings.agreeing]
    if not able:
        return ""
    best = max(able, key=lambda name: (evidence[name], name == person, name))
    # Somebody who is ahead without enough pictures may still be right: then nobody is named yet, unless one was.
    ahead = max(evidence.values())
    return best if evidence[best] >= ahead or best == person else ""
