"""What kits make of labelled files: inputs as a caller would send them, in the groups that a training would split."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image
from pipit.bundle.manifest import Decision
from pipit.errors import InvalidInput, NotFound
from pipit.inputs import EncodedAudio, EncodedImage, InputSequence, Landmarks, PcmAudio, TensorInput
from pipit.inputs.audio import decode_audio
from pipit.inputs.image import decode_image
from pipit.training.by_input.audio.evaluating import clip_examples
from pipit.training.by_input.faces.evaluating import face_examples
from pipit.training.by_input.faces.labelled import Face
from pipit.training.by_input.pictures.evaluating import picture_examples
from pipit.training.by_input.pictures.listing import read_pictures
from pipit.training.by_input.series.evaluating import series_examples
from pipit.training.source_set import Listing
from pipit.types import LabelScore, Prediction, TimeSpan


def manifest(**parameters: Any) -> Any:
    return SimpleNamespace(decision=Decision(background="none"), pipeline=SimpleNamespace(parameters=parameters))


def test_clips_of_every_ending_and_their_recordings(tmp_path: Path) -> None:
    sound = np.linspace(-0.5, 0.5, 800, dtype=np.float32)
    (tmp_path / "own/dog").mkdir(parents=True)
    for name in ("yard_1.wav", "yard_2.aiff"):
        soundfile.write(tmp_path / "own/dog" / name, sound, 8_000, subtype="PCM_16")
    found = clip_examples(tmp_path / "own", manifest())
    assert [(one.name, one.label, one.group) for one in found.examples] == [
        ("own/dog/yard_1.wav", "dog", "own/dog/yard"),
        ("own/dog/yard_2.aiff", "dog", "own/dog/yard"),
    ]
    first, second = (one.read() for one in found.examples)
    assert isinstance(first, EncodedAudio)
    assert isinstance(second, PcmAudio)  # A device reads no AIFF; whoever sends it sends samples.
    for item in (first, second):
        samples, rate = decode_audio(item)
        assert rate == 8_000
        np.testing.assert_allclose(samples, sound, atol=1e-4)
    quiet, loud = (Prediction((LabelScore("dog", score, score > 0.5),)) for score in (0.4, 0.8))
    assert found.choose([quiet, loud, quiet]) is loud
    assert clip_examples(tmp_path / "own", manifest(), ["dogs"]).problems[0].endswith("in the data or the recipe")
    with pytest.raises(NotFound):
        clip_examples(tmp_path / "gone", manifest())


def test_pictures_each_a_group(tmp_path: Path) -> None:
    (tmp_path / "own/lynx").mkdir(parents=True)
    Image.new("RGB", (8, 8), (9, 9, 9)).save(tmp_path / "own/lynx/a.png")
    (tmp_path / "own/lynx/b.txt").write_text("")
    found = picture_examples(read_pictures(tmp_path / "own", "own", {}))
    ((one,), (problem,)) = found.examples, found.problems
    assert (one.name, one.label, one.group) == ("own/lynx/a.png", "lynx", "own/lynx/a.png")
    item = one.read()
    assert isinstance(item, EncodedImage)
    assert (decode_image(item) == 9).all()
    assert "b.txt" in problem


def test_faces_as_files_pixels_and_landmarks(tmp_path: Path) -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    rows = np.stack([np.full(1536, value, np.float32) for value in (0.1, 0.2, 0.3)])
    pictures = face_examples(
        Listing((Face("a", "sad", "anna", path=tmp_path / "a.png"), Face("b", "happy", pixels=pixels)), {}, ("bad",)),
        manifest(frames=2),
    )
    assert [(one.label, one.group) for one in pictures.examples] == [("sad", "anna"), ("happy", "b")]
    assert pictures.problems == ("bad",)
    for one in pictures.examples:
        item = one.read()
        assert isinstance(item, EncodedImage)
        assert (decode_image(item)[..., 0] == pixels).all()
    largest, other = Prediction(()), Prediction((), unknown=True)
    assert pictures.choose([largest, other]) is largest
    clips = face_examples(
        Listing((Face("c", "sad", landmarks=rows, aspect=0.5), Face("d", "sad", landmarks=rows[:0])), {}, ()),
        manifest(frames=2),
    )
    clip, empty = clips.examples
    item = clip.read()
    assert isinstance(item, InputSequence)
    last = item.items[-1]
    assert isinstance(last, Landmarks)
    assert (len(item.items), last.values[0], last.aspect_ratio) == (2, np.float32(0.3), 2.0)
    assert clips.choose([largest, other]) is other  # Of a clip the last frame.
    with pytest.raises(InvalidInput, match="no face was found"):
        empty.read()
    alone = face_examples(Listing((Face("c", "sad", landmarks=rows),), {}, ()), manifest())
    assert isinstance(alone.examples[0].read(), Landmarks)


def test_every_window_of_a_series_has_its_label(tmp_path: Path) -> None:
    (tmp_path / "own/slow").mkdir(parents=True)
    (tmp_path / "own/slow/walk_3.csv").write_text("left,right\n1,2\n3,4\n")
    (one,) = series_examples(tmp_path / "own", ("left", "right")).examples
    item = one.read()
    assert isinstance(item, TensorInput)
    assert (item.name, item.values.tolist()) == ("values", [[1.0, 2.0], [3.0, 4.0]])
    assert one.label_at is not None
    assert (one.group, one.label_at(TimeSpan(0, 1))) == ("own/slow/walk", "slow")
    with pytest.raises(NotFound):
        series_examples(tmp_path / "gone", ("left",))
