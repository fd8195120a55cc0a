"""From which likeness on two examples are near-duplicates: real sounds and pictures, changed as devices change them.

PIPIT_DATA names the data. Written to docs/measured/labels_features.csv: for pairs of each sort the quantiles of their
cosine similarity, and the share from each limit on; pipit.labels.features has ALIKE and SAME of them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import soundfile
from measure import write_csv
from PIL import Image
from pipit.inputs import EncodedAudio
from pipit.inputs.audio import decode_audio
from pipit.labels.features import ALIKE, SAME, features_of
from pipit.settings import DataSettings, load_settings

RATE = 22_050
LIMITS = sorted({ALIKE, 0.95, 0.98, SAME, 0.995})
Pair = tuple[str, bytes, bytes]


def wav(samples: np.ndarray) -> bytes:
    """16-bit."""
    stream = io.BytesIO()
    soundfile.write(stream, samples, RATE, "PCM_16", format="WAV")
    return stream.getvalue()


def sounds(folder: Path, generator: np.random.Generator) -> Iterator[Pair]:
    """Clips of ESC-50 against themselves, halves of them, takes of one recording, and others."""
    rows = list(csv.DictReader((folder / "meta/esc50.csv").open()))
    clips = {}
    for row in rows:
        data = (folder / "audio" / row["filename"].replace(".wav", ".ogg")).read_bytes()
        clips[row["filename"]] = decode_audio(EncodedAudio(data))[0]
    for name, clip in clips.items():
        if np.abs(clip).max() < 1e-3:
            continue
        whole = wav(clip)
        yield "the same sound, at half its level", whole, wav(clip * 0.5)
        noise = generator.normal(size=clip.shape) * np.sqrt((clip**2).mean()) * 10 ** (-30 / 20)
        yield "the same sound, with noise 30 dB below", whole, wav(np.clip(clip + noise, -1, 1))
        yield "the same sound, half a second later", wav(clip[: -RATE // 2]), wav(clip[RATE // 2 :])
        yield "first and second half of a clip", wav(clip[: len(clip) // 2]), wav(clip[len(clip) // 2 :])
        del name
    for one, other in combinations(rows, 2):
        alike = one["src_file"] == other["src_file"]
        if not alike and generator.random() > 0.02:
            continue
        what = "two takes of a recording" if alike else "a class" if one["category"] == other["category"] else "others"
        what = {"a class": "other recordings of the class", "others": "sounds of other classes"}.get(what, what)
        yield what, wav(clips[one["filename"]]), wav(clips[other["filename"]])


def jpeg(image: Image.Image, quality: int = 90) -> bytes:
    """A file of it."""
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def pictures(folder: Path) -> Iterator[Pair]:
    """Frames of spots, one a second, and faces."""
    frames: dict[str, list[bytes]] = {}
    for spot in sorted(path for path in folder.glob("tv_ad_frames/*") if path.is_dir()):
        frames[spot.name] = [path.read_bytes() for path in sorted(spot.glob("*.jpg"))]
    people = [sorted(person.glob("*.jpg")) for person in sorted(folder.glob("faces/lfw_known/*")) if person.is_dir()]
    faces = [[path.read_bytes() for path in files[:4]] for files in people[:40]]
    for data in [one for spot in frames.values() for one in spot] + [one[0] for one in faces if one]:
        image = Image.open(io.BytesIO(data)).convert("RGB")
        yield "the same picture, saved anew", data, jpeg(image, 60)
        yield "the same picture, a fifth darker", data, jpeg(image.point(lambda value: value * 0.8))
        width, height = image.size
        moved = image.crop((width // 50, 0, width, height)).resize((width, height))
        yield "the same picture, 2 % aside", data, jpeg(moved)
    for spot in frames.values():
        for one, other in pairwise(spot):
            yield "frames of a spot, a second apart", one, other
    first, second, *_ = frames.values()
    for one in first[::3]:
        for other in second[::3]:
            yield "frames of two spots", one, other
    for person in faces:
        for one, other in combinations(person, 2):
            yield "two photographs of a person", one, other
    for one, other in combinations([person[0] for person in faces if person], 2):
        yield "two people", one, other


def main() -> None:
    """Measures all pairs."""
    data = load_settings(DataSettings).data
    if data is None:
        raise SystemExit("set PIPIT_DATA")
    likeness: dict[tuple[str, str], list[float]] = {}
    known: dict[int, np.ndarray | None] = {}

    def vector(media_type: str, content: bytes) -> np.ndarray | None:
        key = hash(content)
        if key not in known:
            known[key] = features_of(media_type, content)
        return known[key]

    kinds = {"audio/wav": sounds(data / "esc50", np.random.default_rng(5)), "image/jpeg": pictures(data)}
    for media_type, pairs in kinds.items():
        for what, one, other in pairs:
            ones, others = vector(media_type, one), vector(media_type, other)
            if ones is not None and others is not None:
                likeness.setdefault((media_type.partition("/")[0], what), []).append(float(ones @ others))
    rows = []
    for (kind, what), found in likeness.items():
        values = np.array(found)
        low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
        rows.append(
            {
                "kind": kind,
                "pairs": what,
                "p5": round(low, 3),
                "median": round(middle, 3),
                "p95": round(high, 3),
                **{f"from {limit}": round(float((values >= limit).mean()), 3) for limit in LIMITS},
                "samples": len(values),
            }
        )
    write_csv("labels_features", rows, ("numpy", "pillow", "soundfile"))


if __name__ == "__main__":
    main()
