from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import soundfile
from PIL import Image
from pipit.inputs.audio import YAMNET
from pipit_console.server import ConsoleServer

TASK = "test.sounds"
Browse = Callable[..., Any]
Keep = Callable[..., Any]


def test_a_sound_is_shown_and_played(
    console: ConsoleServer, browse: Browse, keep: Keep, publish: Callable[..., Any]
) -> None:
    publish()
    example = keep(1)[0]
    lab = browse(console, "lab")
    path = f"/api/v1/label/{TASK}/items/{example.id}"
    content = lab.get(f"{path}/content")
    assert (content.headers["content-type"], len(content.content)) == ("audio/wav", example.bytes)
    assert content.headers["etag"] == f'"{example.sha256}"'
    assert content.headers["cache-control"] == "private, max-age=600"
    log_mel = Image.open(io.BytesIO(lab.get(f"{path}/log_mel").content))
    assert log_mel.size == (YAMNET.frames(16_000), YAMNET.bands)
    # A tone is one bright row: 200 Hz is in the lowest of the bands.
    rows = np.asarray(log_mel.convert("L"), np.float64).mean(axis=1)
    assert rows.argmax() > 0.8 * YAMNET.bands
    thumbnail = Image.open(io.BytesIO(lab.get(f"{path}/thumbnail").content))
    assert (thumbnail.format, thumbnail.size) == ("PNG", (256, 128))
    wav = lab.get(f"{path}/wav")
    samples, rate = soundfile.read(io.BytesIO(wav.content))
    assert (wav.headers["content-type"], rate, len(samples)) == ("audio/wav", 16_000, 16_000)
    assert 0.29 < abs(samples).max() < 0.31


def test_a_picture_has_a_thumbnail_and_no_sound(console: ConsoleServer, browse: Browse, keep: Keep) -> None:
    example = keep(1, media_type="image/jpeg")[0]
    lab = browse(console, "lab")
    path = f"/api/v1/label/{TASK}/items/{example.id}"
    thumbnail = lab.get(f"{path}/thumbnail")
    assert Image.open(io.BytesIO(thumbnail.content)).size == (256, 192)
    assert lab.get(f"{path}/content").headers["content-type"] == "image/jpeg"
    assert lab.get(f"{path}/wav").status_code == 400


def test_parts_are_given_by_range_and_nothing_where_the_browser_has_it(
    console: ConsoleServer, browse: Browse, keep: Keep
) -> None:
    example = keep(1)[0]
    lab = browse(console, "lab")
    path = f"/api/v1/label/{TASK}/items/{example.id}/content"
    whole, size = lab.get(path).content, example.bytes
    for wanted, begin, end in (
        ("bytes=0-99", 0, 100),
        ("bytes=100-", 100, size),
        ("bytes=-44", size - 44, size),
        (f"bytes=10-{size + 5}", 10, size),
    ):
        part = lab.get(path, headers={"Range": wanted})
        assert (part.status_code, part.content) == (206, whole[begin:end])
        assert part.headers["content-range"] == f"bytes {begin}-{end - 1}/{size}"
    beyond = lab.get(path, headers={"Range": f"bytes={size}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")
    assert lab.get(path, headers={"Range": "lines=1-2"}).status_code == 400
    known = lab.get(path, headers={"If-None-Match": f'"x", "{example.sha256}"'})
    assert (known.status_code, known.content) == (304, b"")
    assert lab.get(path, headers={"Range": "bytes=0-9", "If-Range": '"older"'}).status_code == 200


def test_what_a_device_sent_never_becomes_a_page(console: ConsoleServer, browse: Browse, keep: Keep) -> None:
    example = keep(1, media_type="application/x-npz")[0]
    lab = browse(console, "lab")
    path = f"/api/v1/label/{TASK}/items/{example.id}"
    content = lab.get(f"{path}/content")
    assert content.headers["content-type"] == "application/octet-stream"
    assert content.headers["content-disposition"] == f'attachment; filename="{example.id}"'
    assert lab.get(f"{path}/thumbnail").status_code == 404
