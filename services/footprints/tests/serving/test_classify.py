"""Photographs to a real server of both tasks, by gRPC and by `pipit classify`."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from PIL import Image
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit.cli.main import app
from typer.testing import CliRunner

Encode = Callable[..., bytes]
SPECIES = pb.ModelSelector(task="footprints.species")
DETECTOR = pb.ModelSelector(task="footprints.detector")


def ask(calls: Any, data: bytes, model: pb.ModelSelector = SPECIES) -> list[pb.Prediction]:
    request = pb.ClassifyRequest(model=model, input=pb.Input(image=data))
    return list(calls.Classify(request, timeout=60).predictions)


def place(prediction: pb.Prediction) -> tuple[int, ...]:
    box = prediction.box
    return tuple(round(edge) for edge in (box.left, box.top, box.width, box.height))


def test_every_print_comes_with_box_detector_score_and_species(calls: Any, paint: Any, encode: Encode) -> None:
    data = encode(paint(640, 384, {(3, 4): "red", (9, 2): "blue"}))
    answers = {place(one): one for one in ask(calls, data)}
    assert {where: one.scores[0].label for where, one in answers.items()} == {
        (96, 128, 32, 32): "red",
        (288, 64, 32, 32): "blue",
    }
    assert all(one.region_score == pytest.approx(1.0) for one in answers.values())
    assert [len(one.scores) for one in answers.values()] == [3, 3]
    found = ask(calls, data, DETECTOR)
    assert {place(one) for one in found} == set(answers)
    assert {one.scores[0].label for one in found} == {"print"}


def test_nothing_found_is_told_apart_from_no_detector(calls: Any, paint: Any, encode: Encode) -> None:
    data = encode(paint(400, 300, {}))
    (stand_in,) = ask(calls, data)
    assert place(stand_in) == (50, 0, 300, 300)
    assert stand_in.HasField("region_score")
    assert stand_in.region_score == 0.0
    assert stand_in.unknown
    assert ask(calls, data, DETECTOR) == []


def test_several_pictures_at_once_are_not_mixed_up(calls: Any, paint: Any, encode: Encode) -> None:
    colours = ("red", "green", "blue")
    cells = [{(n % 20, n % 12): colours[n % 3]} for n in range(24)]
    pictures = [encode(paint(640, 384, one)) for one in cells]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda data: ask(calls, data), pictures))
    for one, predictions in zip(cells, answers, strict=True):
        (((column, row), colour),) = one.items()
        assert [(place(p), p.scores[0].label) for p in predictions] == [((column * 32, row * 32, 32, 32), colour)]


@pytest.mark.parametrize("model", [SPECIES, DETECTOR], ids=["species", "detector"])
def test_what_can_not_be_answered_has_its_status(calls: Any, paint: Any, encode: Encode, model: Any) -> None:
    whole = encode(paint(640, 384, {}), "JPEG")
    for data in (b"", b"nothing", whole[: len(whole) // 2]):
        assert _refusal(calls, pb.Input(image=data), model) == grpc.StatusCode.INVALID_ARGUMENT
    sound = pb.PcmAudio(samples=b"\0" * 64, encoding=pb.PcmAudio.ENCODING_S16, sample_rate=8000, channels=1)
    assert _refusal(calls, pb.Input(pcm=sound), model) == grpc.StatusCode.INVALID_ARGUMENT
    huge = encode(Image.new("1", (8000, 6000)))
    assert _refusal(calls, pb.Input(image=huge), model) == grpc.StatusCode.RESOURCE_EXHAUSTED


def _refusal(calls: Any, item: pb.Input, model: pb.ModelSelector) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as caught:
        calls.Classify(pb.ClassifyRequest(model=model, input=item), timeout=60)
    code: grpc.StatusCode = caught.value.code()
    return code


def test_crops_go_to_the_classifier_as_a_tensor_too(calls: Any) -> None:
    crops = np.zeros((2, 224, 224, 3), "<f4")
    crops[0, ..., 1] = crops[1, ..., 2] = 255
    tensor = pb.Tensor(name="crops", dtype="float32", shape=crops.shape, data=crops.tobytes())
    request = pb.ClassifyRequest(model=SPECIES, input=pb.Input(tensor=tensor))
    answers = calls.Classify(request, timeout=60).predictions
    assert [one.scores[0].label for one in answers] == ["green", "blue"]
    assert not any(one.HasField("region_score") or one.HasField("box") for one in answers)


def test_the_command_shows_and_draws_prints(address: str, paint: Any, encode: Encode, tmp_path: Path) -> None:
    source, drawn = tmp_path / "track.png", tmp_path / "out.png"
    source.write_bytes(encode(paint(640, 384, {(3, 4): "red", (9, 2): "blue"})))
    command = ["classify", str(source), "--server", address, "--task", "footprints.species", "--draw", str(drawn)]
    shown = CliRunner(env={"COLUMNS": "160", "NO_COLOR": "1"}).invoke(app, command, prog_name="pipit")
    assert shown.exit_code == 0, shown.output
    assert "96,128 32x32 (1.00)" in shown.stdout
    result = CliRunner().invoke(app, [*command, "--json"], prog_name="pipit")
    predictions = json.loads(result.stdout)[0]["predictions"]
    assert [one["region_score"] for one in predictions] == pytest.approx([1.0, 1.0])
    pixels = np.asarray(Image.open(drawn))
    assert pixels.shape == (384, 640, 3)
    assert (pixels != np.asarray(Image.open(source))).any(axis=2).sum() > 1000


def test_the_command_says_where_nothing_was_found(address: str, paint: Any, encode: Encode, tmp_path: Path) -> None:
    (tmp_path / "mud.png").write_bytes(encode(paint(400, 300, {})))
    command = ["classify", str(tmp_path / "mud.png"), "--server", address, "--task", "footprints.species"]
    shown = CliRunner(env={"COLUMNS": "160", "NO_COLOR": "1"}).invoke(app, command, prog_name="pipit")
    assert "50,0 300x300 (nothing found)" in shown.stdout
    assert "unknown" in shown.stdout
