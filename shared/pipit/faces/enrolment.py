"""Which pictures of a person may make that person known, and what to do about those that may not.

    pictures ──> one face each, large, sharp, lit, looking this way
                    ──> none twice, none nearly the same as another
                        ──> all of one person
                            ──> who looks like nobody else that is known ──> templates

Pure: it reads no file, keeps nothing and changes nothing. A picture that is refused says all that is wrong with it,
with the number, the limit and what helps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipit.faces.gallery import Gallery, Person, Vector
from pipit.faces.likeness import Likeness
from pipit.faces.quality import Quality, QualityLimits
from pipit.faces.verdicts import Picture, Reason, Refusal, Report, Verdict, View

FEWEST, MOST = 5, 10
"""Pictures that are recommended."""


def judge(
    pictures: Sequence[Picture],
    gallery: Gallery,
    person: Person | None,
    embedder: str,
    limits: QualityLimits,
    likeness: Likeness,
    *,
    largest: bool = False,
) -> Report:
    """Looks at pictures that are said to be of one person.

    person: who they are added to; None: somebody new. embedder: digest; templates of another one are left out.
    likeness: of this embedder.
    largest: take the largest face of several.
    """
    verdicts = [_alone(picture, limits, largest) for picture in pictures]
    held = [template for template in (person.templates if person else ()) if template.embedder == embedder]
    _refuse_twice(verdicts, {template.source for template in (person.templates if person else ())})
    _refuse_duplicates(verdicts, [template.vector for template in held], likeness)
    _refuse_others(verdicts, [template.vector for template in held], likeness)
    others = [
        (other.name, _mean([template.vector for template in other.templates if template.embedder == embedder]))
        for other in gallery.people
        if person is None or other.id != person.id
    ]
    known = [(name, mean) for name, mean in others if mean is not None]
    _refuse_known(verdicts, [template.vector for template in held], known, likeness)
    return Report(tuple(verdicts), *_advice(verdicts, len(held)))


def _alone(picture: Picture, limits: QualityLimits, largest: bool) -> Verdict:
    """What one picture says without the others."""
    if picture.problem:
        return Verdict(picture, None, (Refusal(Reason.UNREADABLE, picture.problem),))
    if not picture.faces:
        message = "no face was found; take a photograph of the face from the front, in good light"
        return Verdict(picture, None, (Refusal(Reason.NO_FACE, message, 0.0, 1.0),))
    count = len(picture.faces)
    if count > 1 and not largest:
        message = f"{count} faces were found, and one is needed; cut the others off, or choose the largest face"
        return Verdict(picture, None, (Refusal(Reason.SEVERAL, message, float(count), 1.0),))
    face = picture.faces[0]
    return Verdict(picture, face, tuple(_measured(face.quality, limits)))


def _measured(face: Quality, limits: QualityLimits) -> list[Refusal]:
    found: list[Refusal] = []

    def refuse(reason: Reason, value: float, limit: float, message: str) -> None:
        found.append(Refusal(reason, message, round(value, 3), limit))

    if face.box < limits.box:
        refuse(
            Reason.SMALL,
            face.box,
            limits.box,
            f"the face is {face.box:.0f} pixels wide, and {limits.box:.0f} are needed; come nearer, or send the "
            "picture in its full size",
        )
    if face.eyes < limits.eyes:
        refuse(
            Reason.EYES,
            face.eyes,
            limits.eyes,
            f"the eyes are {face.eyes:.0f} pixels apart, and {limits.eyes:.0f} are needed; come nearer, or look more "
            "towards the camera",
        )
    if face.sharpness < limits.sharpness:
        refuse(
            Reason.BLURRED,
            face.sharpness,
            limits.sharpness,
            f"the face is blurred: sharpness {face.sharpness:.3g}, and {limits.sharpness:.3g} is needed; hold still, "
            "and clean the lens",
        )
    if abs(face.yaw) > limits.yaw:
        side = "right" if face.yaw > 0 else "left"
        refuse(
            Reason.TURNED,
            abs(face.yaw),
            limits.yaw,
            f"the face is turned {abs(face.yaw):.0f} degrees to the picture's {side}, and {limits.yaw:.0f} are "
            "allowed; look more towards the camera",
        )
    if face.exposure < limits.dark:
        refuse(
            Reason.DARK,
            face.exposure,
            limits.dark,
            f"the face is too dark: brightness {face.exposure:.2f}, and at least {limits.dark:.2f} is needed; put "
            "light in front of the face, not behind it",
        )
    if face.exposure > limits.bright:
        refuse(
            Reason.BRIGHT,
            face.exposure,
            limits.bright,
            f"the face is too bright: brightness {face.exposure:.2f}, and at most {limits.bright:.2f} is allowed; step "
            "out of the glaring light",
        )
    return found


def _refuse_twice(verdicts: list[Verdict], held: set[str]) -> None:
    seen = dict.fromkeys(held, "a picture that is enrolled already")
    for index, verdict in enumerate(verdicts):
        before = seen.get(verdict.picture.source)
        if before is None:
            seen[verdict.picture.source] = verdict.picture.name
        else:
            message = f"it is the same file as {before}; leave one out"
            verdicts[index] = replace(verdict, refusals=(*verdict.refusals, Refusal(Reason.TWICE, message)))


def _refuse_duplicates(verdicts: list[Verdict], held: list[Vector], likeness: Likeness) -> None:
    limit = likeness.duplicate
    seen: list[tuple[str, Vector]] = [("a picture that is enrolled already", vector) for vector in held]
    for index, verdict in _usable(verdicts):
        face = verdict.face
        if face is None:
            continue
        alike = [(name, likeness.of(float(vector @ face.vector))) for name, vector in seen]
        name, value = max(alike, key=_second, default=("", -1.0))
        if value > limit:
            message = (
                f"it is nearly the same as {name} (likeness {value:.3f}, over {limit:.2f}), so that it adds nothing; "
                "take one from another side, in other light or on another day"
            )
            verdicts[index] = replace(verdict, refusals=(Refusal(Reason.DUPLICATE, message, round(value, 3), limit),))
        else:
            seen.append((verdict.picture.name, face.vector))


def _refuse_others(verdicts: list[Verdict], held: list[Vector], likeness: Likeness) -> None:
    """Those who are unlike most of the others. Where two people have as many pictures, nobody knows who is meant."""
    limit = likeness.alike
    usable = _usable(verdicts)
    vectors = [verdict.face.vector for _, verdict in usable if verdict.face is not None]
    for place, (index, verdict) in enumerate(usable):
        rest = np.array([*vectors[:place], *vectors[place + 1 :], *held])
        if not len(rest):
            continue
        cosines = np.sort(rest @ vectors[place])
        # Of an even number the higher of the two in the middle, so that one stranger among three does not spoil both.
        value = likeness.of(float(cosines[len(cosines) // 2]))
        if value < limit:
            message = (
                f"it does not look like the same person as the others (likeness {value:.2f}, at least {limit:.2f} is "
                "needed); leave out pictures of other people"
            )
            verdicts[index] = replace(verdict, refusals=(Refusal(Reason.ANOTHER, message, round(value, 3), limit),))


def _refuse_known(
    verdicts: list[Verdict], held: list[Vector], known: list[tuple[str, Vector]], likeness: Likeness
) -> None:
    """Those who are more like the mean of somebody known than like the mean of the person's other pictures."""
    if not known:
        return
    usable = _usable(verdicts)
    vectors = [verdict.face.vector for _, verdict in usable if verdict.face is not None]
    for place, (index, verdict) in enumerate(usable):
        own = _mean([*vectors[:place], *vectors[place + 1 :], *held])
        limit = likeness.known if own is None else likeness.of(float(own @ vectors[place]))
        alike = [(name, likeness.of(float(mean @ vectors[place]))) for name, mean in known]
        name, value = max(alike, key=_second)
        if value > limit:
            than = f"{limit:.2f}, the most for somebody new" if own is None else f"the {limit:.2f} to the person's own"
            message = (
                f"it looks like {name}, who is known (likeness {value:.2f}, more than {than}); leave it out, or enrol "
                "it under that name"
            )
            refusal = Refusal(Reason.KNOWN, message, round(value, 3), round(limit, 3))
            verdicts[index] = replace(verdict, refusals=(refusal,))


def _advice(verdicts: Sequence[Verdict], held: int) -> tuple[tuple[str, ...], tuple[View, ...]]:
    faces = [verdict.face for verdict in verdicts if verdict.accepted and verdict.face is not None]
    if not faces:
        return (), ()
    # Where the templates that are held look is not known, so that only somebody new is told of views.
    missing = () if held else tuple(view for view in View if all(face.view is not view for face in faces))
    warnings = []
    count = held + len(faces)
    if count < FEWEST:
        pictures = "1 picture is" if count == 1 else f"{count} pictures are"
        warnings.append(f"{pictures} few: {FEWEST} to {MOST} from different sides and days make a face known better")
    if missing:
        looks = {View.FRONTAL: "straight at the camera", View.LEFT: "to the left", View.RIGHT: "to the right"}
        warnings.append(f"no picture looks {' and none '.join(looks[view] for view in missing)}: add one")
    return tuple(warnings), missing


def _usable(verdicts: Sequence[Verdict]) -> list[tuple[int, Verdict]]:
    return [(index, verdict) for index, verdict in enumerate(verdicts) if verdict.accepted]


def _mean(vectors: Sequence[Vector]) -> Vector | None:
    """Of length 1; None of none."""
    if not len(vectors):
        return None
    mean = np.mean(np.array(vectors), axis=0, dtype=np.float64)
    length = float(np.linalg.norm(mean))
    return np.asarray(mean / length, np.float32) if length > 0 else None


def _second(pair: tuple[str, float]) -> float:
    return pair[1]
