from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pipit.bundle import (
    Bundle,
    Manifest,
    check_golden,
    open_bundle,
    read_golden,
    run_once,
    score_matrix,
    write_bundle,
    write_golden,
)
from pipit.bundle.golden import MAX_GOLDEN_BYTES
from pipit.errors import IntegrityError, InvalidInput, NotFound
from pipit.inputs import EncodedAudio, Input, Landmarks
from pipit.types import LabelScore, Prediction

LABELS = ("quiet", "loud")
INPUT = Landmarks(np.zeros(3, np.float32))
SCORES = np.array([[0.25, 0.75]], np.float32)


@pytest.mark.parametrize("variant", ["float32", "int8"])
def test_the_same_arithmetic_passes_exactly(bundle: Bundle, pipeline: Any, runtime_for: Any, variant: str) -> None:
    assert check_golden(bundle, variant, pipeline, runtime_for(variant)) == 0.0


def test_a_deviation_within_the_tolerance_passes_and_is_told(bundle: Bundle, pipeline: Any, runtime_for: Any) -> None:
    runtime = runtime_for("int8")
    runtime.weights[0, 1] += 0.1
    expected = max(
        float(np.abs(run_once(sample.item, LABELS, pipeline, runtime) - sample.scores["int8"]).max())
        for sample in read_golden(bundle.file("golden.npz"))
    )
    assert 0.0 < expected < 0.02
    assert check_golden(bundle, "int8", pipeline, runtime) == pytest.approx(expected, rel=1e-5)


def test_a_deviation_over_the_tolerance_names_sample_label_and_scores(
    bundle: Bundle, pipeline: Any, runtime_for: Any
) -> None:
    with pytest.raises(IntegrityError) as caught:
        # The weights of the other variant: right in kind, off by more than float32 may be.
        check_golden(bundle, "float32", pipeline, runtime_for("int8"))
    sample = read_golden(bundle.file("golden.npz"))[0]
    expected = sample.scores["float32"]
    computed = run_once(sample.item, LABELS, pipeline, runtime_for("int8"))
    row, column = np.unravel_index(np.abs(expected - computed).argmax(), expected.shape)
    assert str(caught.value).startswith(
        f"golden sample 0, variant 'float32', prediction {row}, label {LABELS[column]!r}: "
        f"expected {expected[row, column]:.6f}, got {computed[row, column]:.6f}, which is "
    )
    assert "(tolerance 0.0001)" in str(caught.value)


@pytest.mark.parametrize("score", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [(0, 0), (1, 1), (-1, 0)])
def test_what_is_not_a_number_never_passes(
    bundle: Bundle, pipeline: Any, runtime_for: Any, score: float, place: tuple[int, int]
) -> None:
    class BrokenRuntime(type(runtime_for("int8"))):  # type: ignore[misc]
        def run(self, tensors: Any) -> Any:
            outputs = super().run(tensors)
            outputs["scores"][place] = score
            return outputs

    with pytest.raises(IntegrityError, match=r"got -?(nan|inf), which is inf off"):
        check_golden(bundle, "int8", pipeline, BrokenRuntime(runtime_for("int8").weights))


def test_a_runtime_that_gives_nothing_but_nan_never_passes(bundle: Bundle, pipeline: Any, runtime_for: Any) -> None:
    runtime = runtime_for("int8")
    runtime.weights[:] = np.nan
    with pytest.raises(IntegrityError, match=r"golden sample 0, .* prediction 0, label 'quiet': .* got nan"):
        check_golden(bundle, "int8", pipeline, runtime)


def test_the_second_sample_is_checked_too(bundle: Bundle, pipeline: Any, runtime_for: Any) -> None:
    class SaturatingRuntime(type(runtime_for("int8"))):  # type: ignore[misc]
        """Right for quiet windows, wrong for loud ones."""

        def run(self, tensors: Any) -> Any:
            return super().run({"features": np.minimum(tensors["features"], np.float32(0.1))})

    with pytest.raises(IntegrityError, match="golden sample 1, "):
        check_golden(bundle, "int8", pipeline, SaturatingRuntime(runtime_for("int8").weights))


def test_a_missing_prediction_is_refused(bundle: Bundle, pipeline: Any, runtime_for: Any) -> None:
    pipeline.window *= 2
    with pytest.raises(IntegrityError, match=r"golden sample 0, .*: scores of shape \(1, 2\), expected \(3, 2\)"):
        check_golden(bundle, "float32", pipeline, runtime_for("float32"))


def test_a_pipeline_that_drops_a_label_is_refused(bundle: Bundle, pipeline: Any, runtime_for: Any) -> None:
    pipeline.labels = ("quiet", "quiet")
    with pytest.raises(IntegrityError, match=r"golden sample 0, .*can't be run here: prediction 0 does not score each"):
        check_golden(bundle, "float32", pipeline, runtime_for("float32"))


def test_a_sample_that_can_not_be_decoded_here_is_refused(
    tmp_path: Path, bundle: Bundle, draft: Manifest, pipeline: Any, runtime_for: Any
) -> None:
    write_golden(tmp_path / "golden.npz", [EncodedAudio(b"not sound")], {"float32": [SCORES], "int8": [SCORES]})
    files = {name: bundle.file(name) for name in bundle.manifest.files} | {"golden.npz": tmp_path / "golden.npz"}
    other = write_bundle(tmp_path / "other", draft, files)
    with pytest.raises(IntegrityError, match="golden sample 0, variant 'int8': can't be run here: not a recording"):
        check_golden(other, "int8", pipeline, runtime_for("int8"))


def test_a_variant_without_scores_is_refused(
    tmp_path: Path, bundle: Bundle, draft: Manifest, golden_clips: list[Input], pipeline: Any, runtime_for: Any
) -> None:
    scores = [run_once(item, LABELS, pipeline, runtime_for("float32")) for item in golden_clips]
    write_golden(tmp_path / "golden.npz", golden_clips, {"float32": scores})
    files = {name: bundle.file(name) for name in bundle.manifest.files} | {"golden.npz": tmp_path / "golden.npz"}
    other = write_bundle(tmp_path / "other", draft, files)
    assert check_golden(other, "float32", pipeline, runtime_for("float32")) == 0.0
    with pytest.raises(IntegrityError, match="variant 'int8': the bundle holds no scores"):
        check_golden(other, "int8", pipeline, runtime_for("int8"))
    with pytest.raises(NotFound, match="no variant 'int4'"):
        check_golden(other, "int4", pipeline, runtime_for("int8"))


def test_samples_come_back_from_the_file(bundle: Bundle, golden_clips: list[Input]) -> None:
    samples = read_golden(open_bundle(bundle.path).file("golden.npz"))
    assert len(samples) == 2
    assert samples[0].item == golden_clips[0]
    assert {name: matrix.shape for name, matrix in samples[0].scores.items()} == {"float32": (3, 2), "int8": (3, 2)}
    assert samples[1].scores["float32"].shape == (2, 2)
    assert samples[0].scores["float32"].dtype == np.float32


def test_the_same_samples_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_golden(tmp_path / name, [INPUT], {"float32": [SCORES]})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_an_input_may_give_no_prediction_but_not_every_one(tmp_path: Path) -> None:
    nothing = np.empty((0, 2), np.float32)
    write_golden(tmp_path / "golden.npz", [INPUT, INPUT], {"float32": [SCORES, nothing]})
    assert read_golden(tmp_path / "golden.npz")[1].scores["float32"].shape == (0, 2)
    with pytest.raises(InvalidInput, match="they prove nothing"):
        write_golden(tmp_path / "nothing.npz", [INPUT], {"float32": [nothing]})
    assert not (tmp_path / "nothing.npz").exists()


@pytest.mark.parametrize(
    ("inputs", "scores", "message"),
    [
        ([], {"float32": []}, "they prove nothing"),
        ([INPUT], {}, "they prove nothing"),
        ([INPUT], {"float32": []}, "variant 'float32' has scores for 0 inputs, not 1"),
        ([INPUT], {"float32": [SCORES, SCORES]}, "variant 'float32' has scores for 2 inputs, not 1"),
        ([INPUT], {"float32": [SCORES[0]]}, "sample 0, variant 'float32': not a finite matrix"),
        ([INPUT], {"float32": [SCORES * np.nan]}, "sample 0, variant 'float32': not a finite matrix"),
        ([INPUT], {"float32": [SCORES], "int8": [SCORES * np.inf]}, "sample 0, variant 'int8': not a finite matrix"),
    ],
)
def test_samples_that_prove_nothing_are_not_written(tmp_path: Path, inputs: Any, scores: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        write_golden(tmp_path / "golden.npz", inputs, scores)
    assert list(tmp_path.iterdir()) == []


def test_samples_too_large_to_be_read_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="give fewer or shorter inputs"):
        write_golden(tmp_path / "golden.npz", [EncodedAudio(bytes(MAX_GOLDEN_BYTES))], {"float32": [SCORES]})
    assert list(tmp_path.iterdir()) == []


def test_score_matrix_puts_labels_in_their_order() -> None:
    best_first = Prediction((LabelScore("loud", 0.75), LabelScore("quiet", 0.25)))
    assert score_matrix([best_first, best_first], LABELS).tolist() == [[0.25, 0.75], [0.25, 0.75]]
    assert score_matrix([], LABELS).shape == (0, 2)
    with_a_sum = Prediction((LabelScore("any", 1.0), *best_first.scores))
    assert score_matrix([with_a_sum], LABELS).tolist() == [[0.25, 0.75]]


@pytest.mark.parametrize("labels", [(), ("loud",), ("loud", "loud"), ("loud", "quiet", "quiet"), ("loud", "bang")])
def test_score_matrix_wants_each_label_once(labels: tuple[str, ...]) -> None:
    prediction = Prediction(tuple(LabelScore(label, 0.5) for label in labels))
    with pytest.raises(InvalidInput, match="prediction 0 does not score each label once"):
        score_matrix([prediction], LABELS)


def npz(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=True, **arrays)
    return buffer.getvalue()


def claim(shape: tuple[int, ...]) -> bytes:
    """An archive whose only array claims to be larger than it is."""
    array = io.BytesIO()
    np.lib.format.write_array_header_1_0(array, {"shape": shape, "fortran_order": False, "descr": "<f4"})
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("scores/float32/0.npy", array.getvalue())
    return buffer.getvalue()


def bomb() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inputs/0/kind.npy", bytes(MAX_GOLDEN_BYTES + 1))
    return buffer.getvalue()


class Executes:
    """Would create a file if it were unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a zip"),
        (b"PK\x03\x04 and no more", "not a zip"),
        (npz(), "they prove nothing"),
        (npz(**{"inputs/0/kind": "landmarks", "inputs/0/values": np.zeros(3)}), "they prove nothing"),
        (npz(**{"inputs/0/kind": "smell", "scores/a/0": SCORES}), "unknown kind 'smell'; a newer Pipit may know it"),
        (npz(**{"inputs/0/kind": "landmarks", "scores/a/0": SCORES}), "inputs/0/values"),
        (npz(**{"inputs/1/kind": "landmarks", "scores/a/0": SCORES}), "inputs/0/kind"),
        (npz(**{"inputs/0/kind": "encoded_audio", "inputs/0/data": np.zeros(1), "scores/a/1": SCORES}), "scores/a/0"),
        (npz(**{"inputs/0/kind": "sequence", "inputs/0/length": 1 << 60, "scores/a/0": SCORES}), "inputs/0/items/0"),
        (claim((1 << 29,)), "does not hold golden samples"),
        (claim((1 << 60,)), "does not hold golden samples"),
        (bomb(), f"unpacks to {MAX_GOLDEN_BYTES + 1} bytes"),
    ],
)
def test_hostile_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "golden.npz").write_bytes(content)
    with pytest.raises(IntegrityError, match=message):
        read_golden(tmp_path / "golden.npz")


def archive_of(members: int, samples: int) -> bytes:
    """Empty members, named as the inputs of so many samples. As `zipfile` writes them, without its 5 s for the most."""
    central = []
    for number in range(members):
        name = f"inputs/{number % samples}/{number // samples}.npy".encode()
        central.append(b"PK\1\2" + struct.pack("<HHHHHHIIIHHHHHII", *[20, 20, *[0] * 7, len(name), *[0] * 6]) + name)
    listed = b"".join(central)
    # The number of members has 16 bits; readers go by the size of the list.
    end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, members & 0xFFFF, members & 0xFFFF, len(listed), 0, 0)
    return listed + end


@pytest.mark.parametrize(
    ("members", "samples", "message"),
    [
        (4097, 3, "have 4097 arrays, over 4096; make them anew"),
        (440_000, 3, "have over 4096 arrays; make them anew"),
        (3 * 257, 257, "257 golden samples, over 256; make them anew"),
        (20_000, 20_000, "golden samples"),
    ],
)
def test_too_many_are_refused_before_any_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, members: int, samples: int, message: str
) -> None:
    (tmp_path / "golden.npz").write_bytes(archive_of(members, samples))
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_, **__: pytest.fail("an array was read"))
    tracemalloc.start()
    try:
        with pytest.raises(IntegrityError, match=message):
            read_golden(tmp_path / "golden.npz")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The list of members is 1 MiB at most; what is made of it takes some more.
    assert peak < 32 << 20


def test_more_samples_than_may_be_read_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="257 golden samples, over 256"):
        write_golden(tmp_path / "golden.npz", [INPUT] * 257, {"float32": [SCORES] * 257})
    assert list(tmp_path.iterdir()) == []


def test_a_pickle_is_never_executed(tmp_path: Path) -> None:
    victim = tmp_path / "executed"
    (tmp_path / "golden.npz").write_bytes(npz(**{"inputs/0/kind": np.array([Executes(victim)], object)}))
    with pytest.raises(IntegrityError, match="allow_pickle"):
        read_golden(tmp_path / "golden.npz")
    assert not victim.exists()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_damaged_files_are_refused_or_read(tmp_path: Path, golden_clips: list[Input], data: st.DataObject) -> None:
    """Digests catch this first; where a hostile maker signs nothing, the reader stands alone."""
    write_golden(tmp_path / "golden.npz", golden_clips, {"float32": [SCORES] * 2})
    content = bytearray((tmp_path / "golden.npz").read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "damaged.npz").write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        samples = read_golden(tmp_path / "damaged.npz")
    except IntegrityError:
        return
    assert all(np.isfinite(sample.scores["float32"]).all() for sample in samples)


def with_proof(pipeline: Any) -> Any:
    class Proving(type(pipeline)):  # type: ignore[misc]
        """Says nothing by its predictions that the bundle alone decides."""

        def interpret(self, outputs: Any, decoded: Any) -> list[Prediction]:
            raise AssertionError("predictions are not looked at")

        def proof(self, outputs: Any, decoded: Any) -> Any:
            scores = outputs["scores"] if decoded.regions else np.zeros((0, 2), np.float32)
            return np.concatenate([scores, scores[:, :1] * 10], axis=1)

    proving = Proving.__new__(Proving)
    vars(proving).update(vars(pipeline))
    return proving


def test_a_pipeline_s_own_proof_takes_the_place_of_scores(
    tmp_path: Path, bundle: Bundle, draft: Manifest, golden_clips: list[Input], pipeline: Any, runtime_for: Any
) -> None:
    proving, runtime = with_proof(pipeline), runtime_for("float32")
    proofs = [run_once(item, LABELS, proving, runtime) for item in golden_clips]
    plain = [run_once(item, LABELS, pipeline, runtime) for item in golden_clips]
    assert [proof.shape[1] for proof in proofs] == [3, 3]
    np.testing.assert_array_equal(proofs[0][:, :2], plain[0])
    write_golden(tmp_path / "golden.npz", golden_clips, {"float32": proofs})
    files = {name: bundle.file(name) for name in bundle.manifest.files} | {"golden.npz": tmp_path / "golden.npz"}
    proven = write_bundle(tmp_path / "proven", draft, files)
    assert check_golden(proven, "float32", proving, runtime) == 0.0
    with pytest.raises(IntegrityError, match=r"golden sample 0, variant 'float32', prediction \d, proof 2: expected"):
        check_golden(proven, "float32", proving, runtime_for("int8"))
    with pytest.raises(IntegrityError, match=r"scores of shape \(3, 2\), expected \(3, 3\)"):
        check_golden(proven, "float32", pipeline, runtime)
