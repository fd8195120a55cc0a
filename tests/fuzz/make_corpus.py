"""Writes the inputs that fuzzing begins with: small, made here, each the same whenever it is made.

python tests/fuzz/make_corpus.py
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from PIL import Image
from pipit._pb.open_inference.v2 import open_inference_pb2
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb

CORPUS = Path(__file__).parent / "corpus"
PIXELS = (np.arange(24 * 32 * 3) * 7 % 256).astype(np.uint8).reshape(24, 32, 3)
TONE = (0.5 * np.sin(np.arange(800) / 5)).astype(np.float32)


def picture(form: str, mode: str = "RGB", **options: Any) -> bytes:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    if form in ("JPEG", "PNG", "WEBP", "TIFF"):
        options["exif"] = exif
    Image.fromarray(PIXELS).convert(mode).save(file, form, **options)
    return file.getvalue()


def sound(form: str, subtype: str, rate: int = 8_000) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, TONE, rate, format=form, subtype=subtype)
    return file.getvalue()


def request(**kind: Any) -> bytes:
    return bytes(pb.ClassifyRequest(input=pb.Input(**kind), request_id="a").SerializeToString())


def tensors(raw: bool) -> bytes:
    message = open_inference_pb2.ModelInferRequest(model_name="t.t")
    tensor = message.inputs.add(name="x", datatype="FP32", shape=[2, 2])
    if raw:
        message.raw_input_contents.append(np.arange(4, dtype="<f4").tobytes())
        message.outputs.add(name="x").parameters["classification"].int64_param = 1
    else:
        tensor.contents.fp32_contents.extend([0.0, 1.0, 2.0, 3.0])
    return bytes(message.SerializeToString())


MANIFEST = f"""\
format: 1
task: test.tiny
version: 1.2.0
model_type: linear
created_at: '2026-11-21T04:00:00Z'
labels: [quiet, loud]
input: {{kind: audio, shape: [2], dtype: float32, units: full scale}}
pipeline: {{name: test.tiny, parameters: {{window: 400}}}}
variants:
  - {{name: float32, runtime: onnx, file: weights/float32.onnx}}
default_variant: float32
decision: {{thresholds: {{loud: 0.7}}, background: quiet}}
metrics: {{accuracy: {{value: 0.9, samples: 120, low: 0.85, high: 0.94}}}}
gates: [{{name: accuracy, metric: accuracy, comparison: '>', limit: 0.7}}]
golden: {{file: golden.npz, tolerance: {{float32: 0.001}}}}
lineage: {{dataset_digest: {"a" * 64}, split_rule: s, config_digest: {"b" * 64}, code_version: 0.1.0, seed: 7}}
files:
  golden.npz: {{sha256: {"c" * 64}, size: 3}}
  weights/float32.onnx: {{sha256: {"d" * 64}, size: 3}}
"""
YAML = "a: 1\nb: [true, ~, -1.5e3, 'x']\nc: {d: \"\\u2028\", e: 0x1f}\nf: |\n  two\n  lines\n"

FILES: dict[str, dict[str, bytes]] = {
    "picture": {
        "baseline.jpg": picture("JPEG"),
        "progressive.jpg": picture("JPEG", progressive=True),
        "cmyk.jpg": picture("JPEG", "CMYK"),
        "rgb.png": picture("PNG"),
        "palette.png": picture("PNG", "P"),
        "alpha.png": picture("PNG", "RGBA"),
        "lossy.webp": picture("WEBP"),
        "lossless.webp": picture("WEBP", lossless=True),
        "palette.gif": picture("GIF", "P"),
        "lzw.tif": picture("TIFF", compression="tiff_lzw"),
        "raw.tif": picture("TIFF", "L"),
        "rgb.bmp": picture("BMP"),
    },
    "sound": {
        "s16.wav": sound("WAV", "PCM_16"),
        "float.wav": sound("WAV", "FLOAT"),
        "s16.rf64": sound("RF64", "PCM_16"),
        "tone.flac": sound("FLAC", "PCM_16"),
        "vorbis.ogg": sound("OGG", "VORBIS"),
        "opus.ogg": sound("OGG", "OPUS"),
        "tone.mp3": sound("MP3", "MPEG_LAYER_III"),
    },
    "request": {
        "image": request(image=b"\xff\xd8\xff"),
        "pcm": request(pcm=pb.PcmAudio(samples=bytes(8), encoding=1, sample_rate=8_000, channels=2)),
        "landmarks": request(landmarks=pb.Landmarks(values=[0.5] * 4, aspect_ratio=1.5)),
        "tensor": request(tensor=pb.Tensor(name="x", dtype="float32", shape=[1, 2], data=bytes(8))),
        "sequence": request(sequence=pb.InputSequence(items=[pb.Input(image=b"a"), pb.Input(audio=b"b")])),
    },
    "open_inference": {"raw": tensors(raw=True), "typed": tensors(raw=False)},
    "manifest": {"bundle.yaml": MANIFEST.encode()},
    "plain_yaml": {"document.yaml": YAML.encode()},
}


if __name__ == "__main__":
    for target, files in FILES.items():
        (CORPUS / target).mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (CORPUS / target / name).write_bytes(data)
