"""What a bundle makes of a folder of people: `pipit evaluate`, with the limits that serve.

Its known people are enrolled in the bundle's pipeline, as a gallery that ends with the measurement, by the pictures
that enrol; then it is asked about all the others, as a server is.

    detection_rate        share of the pictures in which a face is found
    accuracy_validation   share of probes whose best score is their own person's, faces that are found
    found, misled         share of probes that are named rightly, and as somebody else; without a face: not found
    let_in                share of the strangers' pictures that are named as somebody
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from pipit.bundle.manifest import Manifest
from pipit.errors import InputTooLarge, InvalidInput
from pipit.faces.contract import NamesFaces
from pipit.faces.finder import FacesDecoded
from pipit.faces.gallery import Consent, Gallery, Person, Template, Vector
from pipit.inputs import EncodedImage
from pipit.pipelines.served import Served
from pipit.training.examples import Further
from pipit.training.intervals import Estimate, grouped_share
from pipit.training.progress import Progress
from pipit.types import Prediction

from home_security.faces.data import ENROL, UNKNOWN, FacePicture, list_faces
from home_security.faces.embedded import middle_face

_CONSENT = Consent("", "", "measuring")
Asked = tuple[FacePicture, Prediction | None]


def read_examples(folder: Path, manifest: Manifest) -> partial[Further]:
    """See the module's text. Raises NotFound, InvalidInput."""
    listing = list_faces(folder)
    if not any(picture.role == ENROL for picture in listing.items):
        raise InvalidInput(f"{folder} holds nobody to enrol; put pictures at known/<person>/*.jpg")
    return partial(_measure, listing.items, listing.problems, manifest.lineage.seed)


def _measure(
    pictures: Sequence[FacePicture], problems: Sequence[str], seed: int, served: Served, progress: Progress
) -> Further:
    for problem in problems:
        progress.say(f"left out: {problem}")
    left_out = list(problems)
    enrolling = [picture for picture in pictures if picture.role == ENROL]
    served_pipeline = served.pipeline
    if not isinstance(served_pipeline, NamesFaces):
        raise InvalidInput("this bundle names nobody; evaluate one of faces")
    templates: dict[str, list[Template]] = {}
    with progress.track("enrolling", len(enrolling)) as bar:
        for picture in enrolling:
            vector = _vector(served, served_pipeline, picture)
            if vector is not None:
                template = Template(vector, served_pipeline.embedder, 1.0, "")
                templates.setdefault(picture.person, []).append(template)
            bar.advance()
    people = tuple(Person(name, name, _CONSENT, tuple(several)) for name, several in templates.items())
    served_pipeline.use_gallery(Gallery("measuring", 1, people))
    asked: list[Asked] = []
    others = [picture for picture in pictures if picture.role != ENROL]
    with progress.track("asking the bundle", len(others)) as bar:
        for picture in others:
            try:
                asked.append((picture, _middle(picture, served)))
            except (InvalidInput, InputTooLarge, OSError) as error:
                left_out.append(f"{picture.path}: {error}")
                progress.say(f"left out: {left_out[-1]}")
            bar.advance()
    return _further(asked, len(people), left_out, seed)


def _vector(served: Served, pipeline: NamesFaces, picture: FacePicture) -> Vector | None:
    item = EncodedImage(picture.path.read_bytes())
    decoded = served.pipeline.decode(item)
    if not isinstance(decoded, FacesDecoded) or not decoded.faces:
        return None
    vectors = pipeline.vectors(served.runtime.run(decoded.tensors), decoded)
    vector: Vector = vectors[decoded.faces.index(middle_face(decoded.faces, item))]
    return vector


def _middle(picture: FacePicture, served: Served) -> Prediction | None:
    """What is said of the face in the picture's middle; None where there is no face."""
    item = EncodedImage(picture.path.read_bytes())
    predictions = served.answer(item)
    if len(predictions) < 2:
        return predictions[0] if predictions else None
    decoded = served.pipeline.decode(item)
    assert isinstance(decoded, FacesDecoded)  # It answered several faces just now.
    return predictions[decoded.faces.index(middle_face(decoded.faces, item))]


def _further(asked: Sequence[Asked], people: int, problems: Sequence[str], seed: int) -> Further:
    probes = [(picture, said) for picture, said in asked if picture.role != UNKNOWN]
    strangers = [(picture, said) for picture, said in asked if picture.role == UNKNOWN]
    estimates = {
        "detection_rate": _share(asked, lambda _, said: said is not None, seed),
        "found": _share(probes, lambda person, said: said is not None and said.label == person, seed),
        "misled": _share(probes, lambda person, said: said is not None and said.label not in ("", person), seed),
        "let_in": _share(strangers, lambda _, said: said is not None and said.label != "", seed),
        "accuracy_validation": _share(
            [one for one in probes if one[1] is not None],
            lambda person, said: said is not None and bool(said.scores) and said.scores[0].label == person,
            seed,
        ),
    }
    metrics = {name: estimate.to_metric() for name, estimate in estimates.items() if estimate is not None}
    return Further(metrics, "people", details={"people": people, "pictures": len(asked), "problems": list(problems)})


def _share(asked: Sequence[Asked], hit: Callable[[str, Prediction | None], bool], seed: int) -> Estimate | None:
    """The interval is over people."""
    people = np.array([picture.person for picture, _ in asked])
    return grouped_share(np.array([hit(picture.person, said) for picture, said in asked], bool), people, seed)
