"""The proof that a device computes what the trainer computed: raw inputs, and the scores each variant must give.

    decode  ->  run  ->  interpret  ->  compare with the golden scores, before the bundle may serve

The layout of `golden.npz` is described in `docs/bundle.md`.
"""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipit.bundle.golden_inputs import input_from_arrays, input_to_arrays
from pipit.errors import InputTooLarge, IntegrityError, InvalidInput
from pipit.files import reading_arrays, write_atomically
from pipit.inputs import Input
from pipit.types import Decoded, Prediction, Tensors

if TYPE_CHECKING:
    from pipit.bundle.reader import Bundle
    from pipit.pipelines import Pipeline
    from pipit.runtimes.base import Runtime

MAX_GOLDEN_BYTES = 64 << 20
"""Of `golden.npz` once unpacked."""
MAX_GOLDEN_SAMPLES = 256
MAX_GOLDEN_MEMBERS = 4096
"""Of `golden.npz`: arrays of all samples."""
_MAX_DIRECTORY_BYTES = MAX_GOLDEN_MEMBERS * 256
"""Of the archive's list of its members, before it is read."""

Scores = NDArray[np.float32]
"""Shape (predictions, labels), labels in the manifest's order; (rows, columns) where a pipeline gives other proof."""


@runtime_checkable
class GivesProof(Protocol):
    """A `Pipeline` whose predictions depend on more than its bundle, on who is known for example."""

    def proof(self, outputs: Tensors, decoded: Decoded) -> Scores:
        """Numbers that the bundle alone decides, (rows, columns), as the manifest's tolerance measures them.

        outputs: the network's; none where `decoded` has no rows.
        """
        ...


@dataclass(frozen=True, slots=True)
class GoldenSample:
    """One raw input, and its scores by variant."""

    item: Input
    scores: Mapping[str, Scores]


def score_matrix(predictions: Sequence[Prediction], labels: Sequence[str]) -> Scores:
    """Scores of an answer as a matrix. Raises InvalidInput unless each prediction scores each label just once.

    What else it scores, sums of labels, follows from these.
    """
    column = {label: index for index, label in enumerate(labels)}
    matrix = np.empty((len(predictions), len(labels)), np.float32)
    for row, prediction in enumerate(predictions):
        found = [score.label for score in prediction.scores if score.label in column]
        if sorted(found) != sorted(labels):
            raise InvalidInput(f"prediction {row} does not score each label once: {', '.join(found)[:300] or 'none'}")
        for score in prediction.scores:
            if score.label in column:
                matrix[row, column[score.label]] = score.score
    return matrix


def run_once(item: Input, labels: Sequence[str], pipeline: Pipeline, runtime: Runtime) -> Scores:
    """The whole way of one input, as a trainer runs it for its golden scores and a device to compare with them.

    In place of scores: the pipeline's own proof, where it gives one.
    """
    decoded = pipeline.decode(item)
    # As a server does: what leaves the network nothing to do is answered without it.
    outputs = runtime.run(decoded.tensors) if decoded.regions else {}
    if isinstance(pipeline, GivesProof):
        return pipeline.proof(outputs, decoded)
    return score_matrix(pipeline.interpret(outputs, decoded), labels)


def write_golden(path: Path, inputs: Sequence[Input], scores_by_variant: Mapping[str, Sequence[ArrayLike]]) -> None:
    """Writes `golden.npz`; the same content gives the same bytes.

    scores_by_variant: for each variant one matrix (predictions, labels) per input, in the order of `inputs`, as
    `run_once` gives them. Raises InvalidInput for no inputs, a wrong count or shape, scores that are not finite, or
    inputs that are too large together.
    """
    arrays: dict[str, NDArray[Any]] = {}
    for index, item in enumerate(inputs):
        arrays.update(input_to_arrays(f"inputs/{index}", item))
    for variant, matrices in scores_by_variant.items():
        if len(matrices) != len(inputs):
            raise InvalidInput(f"variant {variant!r} has scores for {len(matrices)} inputs, not {len(inputs)}")
        for index, scores in enumerate(matrices):
            arrays[f"scores/{variant}/{index}"] = np.asarray(scores, np.float32)
    try:
        _check_count(arrays)
        _samples(arrays)
    except IntegrityError as error:
        raise InvalidInput(str(error)) from error
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    size = buffer.getbuffer().nbytes
    if size > MAX_GOLDEN_BYTES:
        raise InvalidInput(f"golden samples take {size} bytes, over {MAX_GOLDEN_BYTES}; give fewer or shorter inputs")
    write_atomically(path, buffer.getvalue())


def read_golden(path: Path) -> tuple[GoldenSample, ...]:
    """The samples of a `golden.npz`. Raises IntegrityError for anything that `write_golden` would not write."""
    try:
        with reading_arrays, _ShortReads(path.open("rb")) as stream, zipfile.ZipFile(stream) as archive:
            members = archive.infolist()
            _check_members(path.name, members)
            return _samples({member.filename.removesuffix(".npy"): _array(archive, member) for member in members})
    except IntegrityError:
        raise
    # Hostile bytes raise whatever zipfile, zlib, struct and numpy's header parser happen to raise.
    except Exception as error:
        raise IntegrityError(f"{path.name} does not hold golden samples: {error}") from error


def check_golden(bundle: Bundle, variant: str, pipeline: Pipeline, runtime: Runtime) -> float:
    """Runs every golden sample the whole way; gives the largest absolute difference of a score.

    Raises IntegrityError that names sample, label, expected and computed score if one differs by more than the
    manifest's tolerance or is not a number, or if a sample can't be run here. Raises NotFound for an unknown variant.
    """
    labels = bundle.manifest.labels
    tolerance = bundle.manifest.golden.tolerance[bundle.manifest.variant(variant).name]
    samples = read_golden(bundle.file(bundle.manifest.golden.file))
    largest = 0.0
    for index, sample in enumerate(samples):
        where = f"golden sample {index}, variant {variant!r}"
        if variant not in sample.scores:
            raise IntegrityError(f"{where}: the bundle holds no scores; it must be made anew")
        try:
            computed = run_once(sample.item, labels, pipeline, runtime)
        except (InvalidInput, InputTooLarge) as error:
            raise IntegrityError(f"{where}: can't be run here: {error}") from error
        columns = [f"label {label!r}" for label in labels]
        if isinstance(pipeline, GivesProof):
            columns = [f"proof {column}" for column in range(computed.shape[1])]
        largest = max(largest, _compare(where, columns, sample.scores[variant], computed, tolerance))
    return largest


def _compare(where: str, columns: Sequence[str], expected: Scores, computed: Scores, tolerance: float) -> float:
    if expected.shape != computed.shape:
        raise IntegrityError(f"{where}: scores of shape {computed.shape}, expected {expected.shape}")
    if not expected.size:
        return 0.0
    deviation = np.abs(computed.astype(np.float64) - expected)
    # A score that is not a number is off by more than any tolerance.
    deviation[np.isnan(deviation)] = np.inf
    row, column = divmod(int(deviation.argmax()), deviation.shape[1])
    worst = float(deviation[row, column])
    if worst > tolerance:
        raise IntegrityError(
            f"{where}, prediction {row}, {columns[column]}: expected {expected[row, column]:.6f}, "
            f"got {computed[row, column]:.6f}, which is {worst:.6f} off (tolerance {tolerance:g}); "
            "this machine does not compute what the trainer computed"
        )
    return worst


class _ShortReads(io.BufferedReader):
    """A file of which no read is long: zipfile takes a list of members whole, however long it says that it is."""

    def __init__(self, raw: Any) -> None:
        super().__init__(raw.detach())

    def read(self, size: int | None = -1, /) -> bytes:
        most = _MAX_DIRECTORY_BYTES + 1
        data = super().read(most if size is None or size < 0 else min(size, most))
        if len(data) > _MAX_DIRECTORY_BYTES:
            raise IntegrityError(
                f"golden samples have over {MAX_GOLDEN_MEMBERS} arrays; make them anew, of fewer inputs"
            )
        return data


def _check_members(file: str, members: Sequence[zipfile.ZipInfo]) -> None:
    """Before any of them is read."""
    _check_count([member.filename for member in members])
    unpacked = sum(member.file_size for member in members)
    if unpacked > MAX_GOLDEN_BYTES:
        raise IntegrityError(f"{file} unpacks to {unpacked} bytes, over {MAX_GOLDEN_BYTES}")


def _check_count(names: Collection[str]) -> None:
    samples = len({name.split("/")[1] for name in names if name.startswith("inputs/")})
    if samples > MAX_GOLDEN_SAMPLES:
        raise IntegrityError(f"{samples} golden samples, over {MAX_GOLDEN_SAMPLES}; make them anew, of fewer inputs")
    if len(names) > MAX_GOLDEN_MEMBERS:
        raise IntegrityError(
            f"golden samples have {len(names)} arrays, over {MAX_GOLDEN_MEMBERS}; make them anew, of fewer inputs"
        )


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    """Raises ValueError if the array says that it is larger than what is there, before memory is taken for it."""
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        read_header = np.lib.format.read_array_header_1_0
        if version != (1, 0):
            read_header = np.lib.format.read_array_header_2_0
        shape, _, dtype = read_header(stream)
        if not dtype.hasobject and math.prod(shape) * dtype.itemsize > member.file_size:
            raise ValueError(f"the array {member.filename[:80]!r} is larger than the archive says")
    with archive.open(member) as stream:
        array: NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False)
    return array


def _samples(arrays: Mapping[str, NDArray[Any]]) -> tuple[GoldenSample, ...]:
    count = len({name.split("/")[1] for name in arrays if name.startswith("inputs/")})
    variants = sorted({name.split("/")[1] for name in arrays if name.startswith("scores/")})
    samples = []
    for index in range(count):
        scores = {variant: arrays[f"scores/{variant}/{index}"] for variant in variants}
        for variant, matrix in scores.items():
            if matrix.ndim != 2 or matrix.dtype != np.float32 or not np.isfinite(matrix).all():
                raise IntegrityError(f"golden scores of sample {index}, variant {variant!r}: not a finite matrix")
        samples.append(GoldenSample(input_from_arrays(f"inputs/{index}", arrays), scores))
    # An input may well give no prediction (no face in the picture), but not every one.
    if not variants or not all(any(sample.scores[variant].size for sample in samples) for variant in variants):
        raise IntegrityError("golden samples hold no scores, they prove nothing; make them anew")
    return tuple(samples)
