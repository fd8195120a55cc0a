from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from model_registry.server import RegistryServer
from pipit.examples import Reason
from pipit_console.server import ConsoleServer

TASK = "test.sounds"
Browse = Callable[..., Any]
Keep = Callable[..., Any]
Eventually = Callable[[Callable[[], bool]], None]


def test_examples_wait_in_the_order_of_their_margin_and_are_labelled(
    console: ConsoleServer, browse: Browse, keep: Keep, publish: Callable[..., Any]
) -> None:
    publish()
    kept = keep(6)
    lab = browse(console, "lab")
    assert lab.ask("/label") == [
        {"task": TASK, "input_kind": "audio", "examples": 6, "labelled": 0, "waiting": 6, "disagreements": 0}
    ]
    queue = lab.ask(f"/label/{TASK}/queue", count=3)
    assert (len(queue["items"]), queue["waiting"]) == (3, 6)
    item = queue["items"][0]
    assert item["id"] in {one.id for one in kept}
    assert (item["state"], item["device_id"], item["version"], item["reason"]) == ("none", "pi-1", "1.0.0", "uncertain")
    assert item["parts"][0]["scores"][0]["label"] == "loud"
    rest = lab.ask(f"/label/{TASK}/queue", skip=",".join(one["id"] for one in queue["items"]))["items"]
    assert {one["id"] for one in rest} | {one["id"] for one in queue["items"]} == {one.id for one in kept}
    stored = lab.say({"example": item["id"], "label": "loud", "seconds": 1.5})
    assert stored == {
        "known": False,
        "items": {item["id"]: {"state": "label", "label": "loud", "boxes": [], "spans": []}},
    }
    now = lab.ask(f"/label/{TASK}/items/{item['id']}")
    assert (now["state"], now["label"], now["said"][0]["by"]) == ("label", "loud", "lab")
    summary = lab.ask(f"/label/{TASK}/summary")
    assert [(one["label"], one["count"]) for one in summary["labels"]] == [("quiet", 0), ("loud", 1)]
    assert (summary["progress"]["labelled"], summary["people"][0]["median_seconds"]) == (1, 1.5)
    assert [one["id"] for one in lab.ask(f"/label/{TASK}/queue", mode="mine")["items"]] == [item["id"]]
    assert lab.ask(f"/label/{TASK}/stats")["progress"]["labelled"] == 1


def test_the_same_batch_again_changes_nothing_and_everything_is_taken_back(
    console: ConsoleServer, browse: Browse, keep: Keep
) -> None:
    example = keep(1)[0].id
    lab = browse(console, "lab")
    batch, event = str(uuid.uuid4()), str(uuid.uuid4())
    said = {"id": event, "example": example, "label": "quiet", "at": datetime.now(UTC).isoformat()}
    assert lab.say(said, batch=batch)["known"] is False
    again = lab.say(said, batch=batch)
    assert (again["known"], again["items"][example]["label"]) == (True, "quiet")
    assert len(lab.ask(f"/label/{TASK}/items/{example}")["said"]) == 1
    undo, batch = {"id": str(uuid.uuid4()), "kind": "undo", "undoes": event}, str(uuid.uuid4())
    undone = lab.say(undo, batch=batch)
    assert (undone["known"], undone["items"][example]["state"]) == (False, "none")
    # What it changed is told as well where the index has it already.
    again = lab.say(undo, batch=batch)
    assert (again["known"], again["items"][example]["state"]) == (True, "none")
    assert lab.say({"kind": "skip", "example": example})["items"][example]["state"] == "skip"


def test_boxes_and_spans_come_back_as_they_were_drawn(console: ConsoleServer, browse: Browse, keep: Keep) -> None:
    sound, image = keep(1)[0].id, keep(1, media_type="image/jpeg")[0].id
    lab = browse(console, "lab")
    box = {"label": "paw", "left": 1.5, "top": 2.0, "width": 30.0, "height": 40.0}
    span = {"label": "bark", "start": 0.25, "end": 0.75}
    found = lab.say(
        {"kind": "boxes", "example": image, "boxes": [box]}, {"kind": "spans", "example": sound, "spans": [span]}
    )["items"]
    assert (found[image]["boxes"], found[sound]["spans"]) == ([box], [span])


def test_two_people_differ_both_stay_and_a_ruling_ends_it(console: ConsoleServer, browse: Browse, keep: Keep) -> None:
    example = keep(1)[0].id
    lab, lisa = browse(console, "lab"), browse(console, "lisa")
    assert lab.say({"example": example, "label": "loud"})["items"][example]["state"] == "label"
    assert lisa.say({"example": example, "label": "quiet"})["items"][example]["state"] == "disagreement"
    (item,) = lab.ask(f"/label/{TASK}/queue", mode="disagreements")["items"]
    assert {(one["by"], one["label"]) for one in item["said"]} == {("lab", "loud"), ("lisa", "quiet")}
    assert (item["why"], lab.ask("/label")[0]["disagreements"]) == ("people", 1)
    ruled = lisa.say({"kind": "rule", "example": example, "label": "quiet"})["items"][example]
    assert (ruled["state"], ruled["label"]) == ("ruled", "quiet")
    assert lab.ask(f"/label/{TASK}/queue", mode="disagreements")["items"] == []


def test_the_honest_slice_hides_what_models_and_others_said(console: ConsoleServer, browse: Browse, keep: Keep) -> None:
    example = keep(1, reason=Reason.RANDOM)[0].id
    lab, lisa = browse(console, "lab"), browse(console, "lisa")
    lisa.say({"example": example, "label": "quiet"})
    hidden = lab.ask(f"/label/{TASK}/items/{example}")
    assert (hidden["honest"], hidden["parts"], hidden["version"], hidden["said"]) == (True, [], "", [])
    lab.say({"example": example, "label": "quiet"})
    shown = lab.ask(f"/label/{TASK}/items/{example}")
    assert (shown["version"], len(shown["said"])) == ("1.0.0", 2)
    assert lab.ask(f"/label/{TASK}/summary")["honest"]["accuracy"]["value"] == 0.0


def test_further_labels_and_a_timeline(console: ConsoleServer, browse: Browse, keep: Keep) -> None:
    first = keep(1, group="evening", position=0.0)[0].id
    second = keep(1, group="evening", position=5.0)[0].id
    lab = browse(console, "lab")
    assert lab.tell(f"/label/{TASK}/labels", {"label": "siren"}) == {"labels": ["siren"]}
    lab.say({"example": second, "label": "siren"})
    (group,) = lab.ask(f"/label/{TASK}/timeline")["groups"]
    assert (group["group"], group["items"], group["labelled"]) == ("evening", 2, 1)
    assert (group["from"], group["to"]) == (0.0, 5.0)
    items = lab.ask(f"/label/{TASK}/timeline", group="evening")["items"]
    assert [(one["id"], one["position"], one["label"]) for one in items] == [(first, 0.0, ""), (second, 5.0, "siren")]
    assert [one["suggested"] for one in items] == ["loud", "loud"]


def test_what_was_only_imported_can_be_labelled(console: ConsoleServer, browse: Browse, keep: Keep) -> None:
    (example,) = keep(1, "home.owls", Reason.IMPORTED)
    (item,) = browse(console, "lab").ask("/label/home.owls/queue")["items"]
    assert item["id"] == example.id


def test_what_is_deleted_is_gone_here_too(
    console: ConsoleServer, browse: Browse, keep: Keep, eventually: Eventually
) -> None:
    kept = keep(2)
    operator = browse(console, "opa")
    path = f"/api/v1/label/{TASK}/items/{kept[0].id}"
    assert operator.get(path).status_code == operator.get(f"{path}/content").status_code == 200
    operator.delete(f"/api/v1/examples/{TASK}", params={"id": kept[0].id})
    eventually(lambda: operator.get(path).status_code == 404)
    assert operator.get(f"{path}/content").status_code == 404
    assert operator.ask(f"/label/{TASK}/summary")["progress"]["examples"] == 1


def test_new_examples_and_others_consoles_labels_come_by_themselves(
    registry: RegistryServer,
    console: ConsoleServer,
    start_console: Callable[..., ConsoleServer],
    browse: Browse,
    keep: Keep,
    eventually: Eventually,
    tmp_path: Any,
) -> None:
    example = keep(1)[0].id
    here, there = browse(console, "lab"), browse(start_console(registry, cache_dir=tmp_path / "other"), "lisa")
    assert here.ask(f"/label/{TASK}/queue")["waiting"] == there.ask(f"/label/{TASK}/queue")["waiting"] == 1
    there.say({"example": example, "label": "loud"})
    eventually(lambda: here.ask(f"/label/{TASK}/items/{example}")["state"] == "label")
    keep(2)
    eventually(lambda: bool(here.ask(f"/label/{TASK}/queue")["waiting"] == 2))


def test_while_the_registry_is_away_nothing_is_lost_or_said_to_be_stored(
    registry: RegistryServer,
    start_registry: Callable[..., RegistryServer],
    tokens: Any,
    console: ConsoleServer,
    browse: Browse,
    keep: Keep,
    eventually: Eventually,
) -> None:
    example = keep(1)[0].id
    lab = browse(console, "lab")
    assert lab.ask(f"/label/{TASK}/queue")["waiting"] == 1
    port = registry.port
    registry.stop(0)
    said = {"id": str(uuid.uuid4()), "kind": "label", "example": example, "label": "loud"}
    body = {"batch_id": str(uuid.uuid4()), "events": [{**said, "at": datetime.now(UTC).isoformat()}]}
    answer = lab.post(f"/api/v1/label/{TASK}/events", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    assert lab.ask(f"/label/{TASK}/queue")["items"][0]["state"] == "none"
    start_registry(port=port, tokens=tokens)
    eventually(lambda: lab.post(f"/api/v1/label/{TASK}/events", json=body).status_code == 200)
    now = lab.ask(f"/label/{TASK}/items/{example}")
    assert (now["state"], len(now["said"])) == ("label", 1)


def test_an_index_goes_on_when_who_filled_it_signs_out(
    console: ConsoleServer, browse: Browse, keep: Keep, eventually: Eventually
) -> None:
    keep(1)
    lab, lisa = browse(console, "lab"), browse(console, "lisa")
    assert lab.ask(f"/label/{TASK}/queue")["waiting"] == lisa.ask(f"/label/{TASK}/queue")["waiting"] == 1
    lab.delete("/api/v1/session")
    keep(1)
    eventually(lambda: bool(lisa.ask(f"/label/{TASK}/queue")["waiting"] == 2))


def test_many_at_once_lose_and_double_nothing(console: ConsoleServer, browse: Browse, keep: Keep) -> None:
    kept = [one.id for one in keep(12)]
    people = [browse(console, "lab"), browse(console, "lisa")]
    failures: list[BaseException] = []

    def label(browser: Any, label: str) -> None:
        try:
            for example in kept:
                browser.say({"example": example, "label": label})
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=label, args=(browser, "loud")) for browser in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    summary = people[0].ask(f"/label/{TASK}/summary")
    assert summary["progress"]["labelled"] == 12
    assert {(one["by"], one["labels"], one["agreement"]) for one in summary["people"]} == {
        ("lab", 12, 1.0),
        ("lisa", 12, 1.0),
    }


def test_what_can_be_no_event_is_refused(console: ConsoleServer, browse: Browse, keep: Keep) -> None:
    example = keep(1)[0].id
    lab = browse(console, "lab")
    at, identity = datetime.now(UTC).isoformat(), str(uuid.uuid4())
    good = {"id": identity, "kind": "label", "example": example, "label": "x", "at": at}
    for bad in (
        {**good, "id": "x"},
        {**good, "kind": "suggest"},
        {**good, "at": "2026-11-29T12:00:00"},
        {**good, "by": "somebody else"},
        {**good, "label": "x" * 201},
        {**good, "seconds": -1.0},
    ):
        answer = lab.post(f"/api/v1/label/{TASK}/events", json={"batch_id": str(uuid.uuid4()), "events": [bad]})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_argument")
    assert lab.post(f"/api/v1/label/{TASK}/events", json={"batch_id": "x" * 16, "events": []}).status_code == 400
    assert lab.get("/api/v1/label/no.task/queue").status_code == 404
    assert lab.get(f"/api/v1/label/{TASK}/items/nothing").status_code == 404
