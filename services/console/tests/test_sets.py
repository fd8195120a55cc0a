from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import soundfile
from model_registry.server import RegistryServer
from pipit.examples import Reason
from pipit.labels.client import LabelClient
from pipit_console.server import ConsoleServer

TASK = "test.sounds"
Browse = Callable[..., Any]
Keep = Callable[..., Any]


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in files.items():
            file.writestr(name.replace("__", "/").replace("_", "."), content)
    return buffer.getvalue()


def tone(pitch: float, level: float) -> bytes:
    """A second of it, as WAV."""
    buffer = io.BytesIO()
    soundfile.write(buffer, level * np.sin(2 * np.pi * pitch * np.arange(16_000) / 16_000), 16_000, format="WAV")
    return buffer.getvalue()


def test_what_is_labelled_is_frozen_for_a_training(
    console: ConsoleServer, browse: Browse, keep: Keep, publish: Callable[..., Any]
) -> None:
    publish()
    kept = [one.id for one in keep(4)]
    lab = browse(console, "lab")
    lab.say({"example": kept[0], "label": "loud"}, {"example": kept[1], "label": "quiet"})
    lab.say({"kind": "skip", "example": kept[2]})
    frozen = lab.tell(f"/label/{TASK}/freeze", {"name": "evening"})
    assert (frozen["labels"], frozen["held_out"]) == ({"loud": 1, "quiet": 1}, 0)
    assert frozen["left_out"] == {"skipped": 1, "unlabelled": 1}
    assert frozen["command"] == f"pipit train {TASK} --additional-data labels://evening@{frozen['digest']}"
    assert lab.tell(f"/label/{TASK}/freeze", {"name": "evening"})["digest"] == frozen["digest"]
    (line,) = lab.ask(f"/label/{TASK}/sets")
    assert (line["name"], line["digest"], line["made_by"]) == ("evening", frozen["digest"], "lab")
    assert line["labels"] == ["quiet", "loud"]
    assert lab.post(f"/api/v1/label/{TASK}/freeze", json={"name": "No Name"}).status_code == 400


def test_near_duplicates_are_frozen_into_one_group(
    registry: RegistryServer,
    console: ConsoleServer,
    browse: Browse,
    keep: Keep,
    eventually: Callable[[Callable[[], bool]], None],
) -> None:
    first, other, louder = (
        keep(1, reason=Reason.IMPORTED, content=tone(pitch, level))[0].id
        for pitch, level in ((300, 0.2), (3000, 0.2), (300, 0.25))
    )
    lab = browse(console, "lab")
    lab.say(*({"example": each, "label": "loud"} for each in (first, other, louder)))
    eventually(lambda: lab.ask(f"/label/{TASK}/items/{louder}")["similar"] == [first])
    frozen = lab.tell(f"/label/{TASK}/freeze", {"name": "tones"})
    with LabelClient(f"127.0.0.1:{registry.port}", "token-of-lab") as client:
        groups = {item.example: item.group for item in client.get_set(frozen["name"], frozen["digest"]).items}
    assert groups[first] == groups[louder] != groups[other]


def test_what_is_exported_is_imported_by_another_task(
    console: ConsoleServer, browse: Browse, keep: Keep, publish: Callable[..., Any]
) -> None:
    kept = [one.id for one in keep(2)]
    publish(task="test.empty")
    lab = browse(console, "lab")
    lab.say({"example": kept[0], "label": "loud"}, {"example": kept[1], "label": "quiet"})
    for notation in ("folder", "csv", "jsonl", "labelstudio", "edl"):
        answer = lab.get(f"/api/v1/label/{TASK}/export", params={"format": notation})
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
        assert f"{TASK}-{notation}-" in answer.headers["content-disposition"]
    names = zipfile.ZipFile(io.BytesIO(lab.get(f"/api/v1/label/{TASK}/export?format=jsonl").content)).namelist()
    assert "labels.jsonl" in names
    archive = lab.get(f"/api/v1/label/{TASK}/export?format=jsonl").content
    for _ in range(2):
        answer = lab.post("/api/v1/label/test.empty/import?format=jsonl", content=archive)
        assert answer.json() == {"examples": 2, "labelled": 2, "problems": []}
    summary = lab.ask("/label/test.empty/summary")
    assert {one["label"]: one["count"] for one in summary["labels"]} == {"quiet": 1, "loud": 1}
    assert lab.get(f"/api/v1/label/{TASK}/export?format=docx").status_code == 400


def test_an_import_says_what_it_left_out(console: ConsoleServer, browse: Browse, publish: Callable[..., Any]) -> None:
    publish()
    lab = browse(console, "lab")
    found = lab.post(f"/api/v1/label/{TASK}/import?format=folder", content=zipped(loud__a_txt=b"text", loud__b_wav=b""))
    assert (found.json()["examples"], len(found.json()["problems"])) == (0, 2)
    broken = lab.post(f"/api/v1/label/{TASK}/import?format=csv", content=b"no,labels\n1,2\n")
    assert (broken.status_code, broken.json()["error"]["code"]) == (400, "invalid_argument")
    assert json.loads(broken.text)["error"]["message"]
