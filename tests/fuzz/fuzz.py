"""Feeds one parser with inputs that atheris (libFuzzer) thinks up; what is no error of Pipit's own ends the run.

    python tests/fuzz/fuzz.py picture -runs=20000 -seed=1         the same inputs each time
    python tests/fuzz/fuzz.py picture -max_total_time=600   ten minutes; findings are files, crash-… and timeout-…
    python tests/fuzz/fuzz.py picture crash-…                     once more, that input alone

Inputs begin with tests/fuzz/corpus/TARGET, which `make_corpus.py` writes. An input that takes over 10 seconds or over a
gigabyte is a finding as well.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import atheris

PARSERS = [
    "pipit.inputs",
    "pipit.plain_yaml",
    "pipit.bundle.manifest",
    "pipit.bundle.manifest_file",
    "pipit.serving.codec",
    "pipit.serving.open_inference_codec",
]
"""What libFuzzer sees the paths of; to watch more takes long to begin."""

with atheris.instrument_imports(include=PARSERS):
    import numpy as np
    from google.protobuf.message import DecodeError
    from pipit._pb.open_inference.v2 import open_inference_pb2
    from pipit._pb.pipit.inference.v1 import inference_pb2
    from pipit.bundle.manifest_file import dump_manifest, parse_manifest
    from pipit.errors import InputTooLarge, InvalidInput
    from pipit.inputs import EncodedAudio, EncodedImage, TensorInput
    from pipit.inputs.audio import decode_audio
    from pipit.inputs.audio.limits import AudioLimits
    from pipit.inputs.image import ImageLimits, decode_with_size
    from pipit.plain_yaml import dump_plain_yaml, load_plain_yaml
    from pipit.serving import codec, open_inference_codec

CORPUS = Path(__file__).parent / "corpus"
IMAGE_LIMITS = ImageLimits(max_pixels=300_000, max_work=3_000_000)
AUDIO_LIMITS = AudioLimits(max_seconds=5.0)


def picture(data: bytes) -> None:
    """A picture file; both whole and reduced, which have to agree on its size."""
    whole = decode_with_size(EncodedImage(data), IMAGE_LIMITS)
    assert whole.pixels.dtype == np.uint8
    assert whole.pixels.shape == (whole.full_height, whole.full_width, 3)
    assert decode_with_size(EncodedImage(data), IMAGE_LIMITS, shorter_side=8).full_size == whole.full_size


def sound(data: bytes) -> None:
    """A sound file."""
    samples, rate = decode_audio(EncodedAudio(data), AUDIO_LIMITS)
    assert samples.ndim == 1
    assert 0 < len(samples) <= AUDIO_LIMITS.max_frames(rate)
    assert np.isfinite(samples).all()


def request(data: bytes) -> None:
    """A request of pipit.inference.v1."""
    message = inference_pb2.ClassifyRequest.FromString(data)
    codec.selector_from_message(message)
    item = codec.input_from_message(message.input)
    codec.options_from_message(message)
    if isinstance(item, TensorInput):
        assert item.values.nbytes == len(message.input.tensor.data)


def open_inference(data: bytes) -> None:
    """A request of the Open Inference Protocol; its tensors come back as they came."""
    message = open_inference_pb2.ModelInferRequest.FromString(data)
    tensors = open_inference_codec.tensors_from_request(message)
    answer = open_inference_codec.response_from_tensors(message, "1.0.0", tensors, ("a", "b"))
    assert len(answer.outputs) == (len({output.name for output in message.outputs}) or len(tensors))


def manifest(data: bytes) -> None:
    """A bundle's manifest, which is written so that it reads back the same."""
    parsed = parse_manifest(data)
    assert parse_manifest(dump_manifest(parsed)) == parsed


def plain_yaml(data: bytes) -> None:
    """A document of plain YAML, likewise."""
    document = load_plain_yaml(data.decode("utf-8", errors="replace"))
    assert load_plain_yaml(dump_plain_yaml(document)) == document


TARGETS: dict[str, Callable[[bytes], None]] = {
    "picture": picture,
    "sound": sound,
    "request": request,
    "open_inference": open_inference,
    "manifest": manifest,
    "plain_yaml": plain_yaml,
}


def main() -> None:
    """Never comes back: libFuzzer ends the process."""
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"name a target: {', '.join(TARGETS)}")
    target = TARGETS[sys.argv[1]]
    warnings.simplefilter("ignore")

    def once(data: bytes) -> None:
        try:
            target(data)
        except (InvalidInput, InputTooLarge, DecodeError):
            return

    arguments = sys.argv[2:]
    if all(one.startswith("-") for one in arguments):
        # New inputs go into the first folder, which is not the repository's.
        arguments += [tempfile.mkdtemp(prefix="pipit-fuzz-"), str(CORPUS / sys.argv[1])]
    atheris.Setup([sys.argv[0], "-timeout=10", "-rss_limit_mb=1024", "-max_len=65536", *arguments], once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
