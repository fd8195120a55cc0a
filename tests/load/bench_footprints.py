"""Where the time of a footprint's answer goes, and what is saved by what.

Four parts, each with its ways by turns: `Classify` on loopback beside the same in one process; the stages of one
photograph; the crops of one photograph as one batch beside one by one (LiteRT); and decoding at reduced scales beside
full, with what each finds.

Photographs: of PIPIT_DATA's `footprints`, each as it is (short side at most 200 px) and enlarged to 4000 px, as a
camera's 12 megapixels: real content, but no finer than it was.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import grpc
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from footprints.prints import PrintFinder
from footprints.species import pipeline as species
from footprints.species.pipeline import SpeciesPipeline
from measure import milliseconds, side_by_side, write_csv
from numpy.typing import NDArray
from PIL import Image
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit._pb.pipit.inference.v1 import inference_pb2_grpc
from pipit.bundle import Bundle, open_bundle
from pipit.bundle.manifest import Variant
from pipit.inputs import EncodedImage
from pipit.inputs.boxes import letterbox
from pipit.inputs.crops import square_crop
from pipit.inputs.image import decode_with_size
from pipit.runtimes import Runtime, load_runtime
from pipit.runtimes.networks import open_networks
from pipit.settings import DataSettings, load_settings
from pipit.types import Prediction
from servers import arguments, inference_server

TASK = "footprints.species"
LONGER_SIDE = 4000
BATCHES = (1, 2, 4, 8)
SCALES = {"320 px": 320, "640 px": 640, "1280 px": 1280, "full": 1 << 20}
"""Shorter side that a picture is decoded to, at least."""
Row = dict[str, object]


def row(part: str, what: str, picture: str, values: NDArray[np.float64], note: str = "") -> Row:
    """Median and 95th percentile of seconds."""
    times = {"median_ms": milliseconds(values, 50), "p95_ms": milliseconds(values, 95)}
    return {"part": part, "what": what, "picture": picture, **times, "samples": len(values), "note": note}


def photographs(count: int) -> dict[str, list[bytes]]:
    """`count` photographs, spread over all species, by their size."""
    data = load_settings(DataSettings).data
    files = sorted((data / "footprints" / "val").glob("*/*.jpg")) if data else []
    if not files:
        sys.exit("set PIPIT_DATA to the folder that holds `footprints`")
    small = [path.read_bytes() for path in files[:: max(len(files) // count, 1)][:count]]
    return {"as it is": small, "12 megapixels": [enlarged(photograph) for photograph in small]}


def enlarged(photograph: bytes) -> bytes:
    """The photograph with a longer side of 4000 px, as a JPEG of quality 90."""
    with Image.open(io.BytesIO(photograph)) as picture:
        ratio = LONGER_SIDE / max(picture.size)
        size = (round(picture.width * ratio), round(picture.height * ratio))
        large = picture.convert("RGB").resize(size, Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    large.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def end_to_end(bundle: Bundle, local: Callable[[bytes], object], sets: Mapping[str, list[bytes]]) -> list[Row]:
    """The whole answer by `Classify`, beside the same in this process."""
    rows = []
    with (
        inference_server("--bundle", str(bundle.path), "--concurrency", "1") as (_, address),
        grpc.insecure_channel(address, [("grpc.max_send_message_length", -1)]) as channel,
    ):
        stub = inference_pb2_grpc.InferenceServiceStub(channel)

        def remote(data: bytes) -> object:
            return stub.Classify(pb.ClassifyRequest(input=pb.Input(image=data)), timeout=60)

        for picture, photos in sets.items():
            taken = by_turns({"in process": local, "Classify": remote}, photos)
            rows += [row("end to end", name, picture, values) for name, values in taken.items()]
            rows.append(row("end to end", "paired difference", picture, taken["Classify"] - taken["in process"]))
    return rows


def by_turns(ways: Mapping[str, Callable[[bytes], object]], photos: Sequence[bytes]) -> dict[str, NDArray[np.float64]]:
    """Each way over each photograph, by turns."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number, photo in enumerate(photos):
        calls = {name: partial(way, photo) for name, way in ways.items()}
        for name, values in side_by_side(calls, 3, warm_up=1 if number else 3).items():
            taken[name].append(float(np.median(values)))
    return {name: np.array(values) for name, values in taken.items()}


def stages(
    pipeline: SpeciesPipeline, detector: Runtime, classifier: Runtime, sets: Mapping[str, list[bytes]]
) -> list[Row]:
    """Each stage by itself, over the same photograph. The crops are those of the whole way."""
    settings = pipeline.settings
    finder = PrintFinder(detector, settings.finder)
    rows = []
    for picture, photos in sets.items():
        taken: dict[str, list[float]] = {}
        for photo in photos:
            item = EncodedImage(photo)
            pixels = decode_with_size(item, shorter_side=settings.shorter_side).pixels
            decoded = pipeline.decode(item)
            outputs = classifier.run(decoded.tensors)
            calls: dict[str, Callable[[], object]] = {
                "decode the JPEG": partial(decode_with_size, item, shorter_side=settings.shorter_side),
                "letterbox (part of the detector)": partial(letterbox, pixels, settings.finder.size),
                "detector": partial(finder.find, pixels),
                "one crop": partial(square_crop, pixels, None, settings.margin, settings.crop),
                "classifier, one crop": partial(classifier.run, {"crops": decoded.tensors["crops"][:1]}),
                "decode, all of it": partial(pipeline.decode, item),
                "classifier, all crops": partial(classifier.run, decoded.tensors),
                "interpret": partial(pipeline.interpret, outputs, decoded),
            }
            for name, values in side_by_side(calls, 3, warm_up=1).items():
                taken.setdefault(name, []).append(float(np.median(values)))
        rows += [row("stages", name, picture, np.array(values)) for name, values in taken.items()]
    return rows


def batches(bundle: Bundle, variants: Sequence[Variant], crops: NDArray[np.float32], rounds: int) -> list[Row]:
    """A network whose interpreter is laid out for n crops, beside n runs of the one that serves."""
    rows: list[Row] = []
    for variant in (one for one in variants if one.runtime == "litert"):
        for count in BATCHES:
            values = np.resize(crops, (count, *crops.shape[1:]))
            with closing(load_runtime(bundle.file(variant.file), variant.runtime)) as runtime:
                ways = {
                    "one batch": as_batch(bundle.file(variant.file), values),
                    "one by one": partial(runtime.run, {"crops": values}),
                }
                taken = side_by_side(ways, rounds)
            ratio = float(np.median(taken["one batch"] / taken["one by one"]))
            rows += [
                row("batch", f"{variant.name}, {name}", f"{count} crops", seconds, f"batch / one by one {ratio:.2f}")
                for name, seconds in taken.items()
            ]
    return rows


def as_batch(path: Path, values: NDArray[np.float32]) -> Callable[[], object]:
    """One run over all rows, input set and output read as the runtime does."""
    interpreter = Interpreter(str(path), num_threads=1)
    (port,), (output,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(port["index"], list(values.shape))
    interpreter.allocate_tensors()
    scale, zero = port["quantization"]

    def run() -> object:
        rows = values if not scale else np.clip(np.rint(values / scale) + zero, -128, 127).astype(np.int8)
        interpreter.set_tensor(port["index"], rows)
        interpreter.invoke()
        return interpreter.get_tensor(output["index"])

    return run


def scales(
    bundle: Bundle, detector: Runtime, classifier: Runtime, photos: Sequence[bytes], times_only: bool
) -> list[Row]:
    """Decoding at reduced scales beside full, of the large photographs: time, and whether it finds the same."""
    manifest = bundle.manifest
    pipelines = {}
    for name, side in SCALES.items():
        parameters = {**manifest.pipeline.parameters, "shorter_side": side}
        reference = manifest.pipeline.model_copy(update={"parameters": parameters})
        pipelines[name] = SpeciesPipeline(manifest.model_copy(update={"pipeline": reference}), {"detector": detector})
    ways = {name: (lambda photo, one=one: one.decode(EncodedImage(photo))) for name, one in pipelines.items()}
    taken = by_turns(ways, photos)
    if times_only:
        return [row("scale", f"decode to {name}", "12 megapixels", values) for name, values in taken.items()]
    answers = {name: [answer(one, classifier, photo) for photo in photos] for name, one in pipelines.items()}
    full = answers["full"]
    rows = []
    for name, values in taken.items():
        counts = [sum(bool(p.region_score) for p in predictions) for predictions in answers[name]]
        same = np.mean([best(a) == best(b) for a, b in zip(answers[name], full, strict=True)])
        twice = np.mean([decodings(pipelines[name], photo) > 1 for photo in photos])
        note = f"{sum(counts)} prints; best species as at full scale in {same:.1%}; decoded twice in {twice:.1%}"
        rows.append(row("scale", f"decode to {name}", "12 megapixels", values, note))
    return rows


def answer(pipeline: SpeciesPipeline, classifier: Runtime, photo: bytes) -> list[Prediction]:
    """The whole way, in this process."""
    decoded = pipeline.decode(EncodedImage(photo))
    return pipeline.interpret(classifier.run(decoded.tensors), decoded)


def best(predictions: Sequence[Prediction]) -> str:
    """Species of the print that the detector is surest of."""
    return predictions[0].scores[0].label


def decodings(pipeline: SpeciesPipeline, photo: bytes) -> int:
    """How often the pipeline decodes one photograph."""
    count = 0
    decode = species.decode_with_size

    def counted(*given: object, **options: object) -> object:
        nonlocal count
        count += 1
        return decode(*given, **options)

    species.decode_with_size = counted
    try:
        pipeline.decode(EncodedImage(photo))
    finally:
        species.decode_with_size = decode
    return count


def main() -> None:
    """Measures, and writes docs/measured/footprints_serving.csv."""
    parser = arguments(__doc__ or "", TASK)
    parser.add_argument("--photos", type=int, default=39, help="photographs, spread over all species")
    parser.add_argument("--rounds", type=int, default=60, help="runs of each batch")
    parser.add_argument("--times-only", action="store_true", help="leave out what untrained networks find")
    options = parser.parse_args()
    bundle = open_bundle(options.bundle)
    manifest, sets = bundle.manifest, photographs(options.photos)
    chosen = manifest.variant()
    with ExitStack() as stack:
        networks = stack.enter_context(open_networks(manifest.networks, bundle.file))
        classifier = stack.enter_context(closing(load_runtime(bundle.file(chosen.file), chosen.runtime)))
        pipeline, detector = SpeciesPipeline(manifest, networks), networks["detector"]
        crops = np.concatenate([pipeline.decode(EncodedImage(photo)).tensors["crops"] for photo in sets["as it is"]])
        rows = end_to_end(bundle, partial(answer, pipeline, classifier), sets)
        rows += stages(pipeline, detector, classifier, sets)
        rows += batches(bundle, manifest.variants, crops, options.rounds)
        rows += scales(bundle, detector, classifier, sets["12 megapixels"], options.times_only)
    write_csv("footprints_serving", rows, ("grpcio", "numpy", "ai-edge-litert", "onnxruntime", "pillow"))


if __name__ == "__main__":
    main()
