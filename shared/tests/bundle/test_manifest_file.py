from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pipit.bundle import MAX_MANIFEST_BYTES, Manifest, SemanticVersion, check_manifest, dump_manifest, parse_manifest
from pipit.errors import InvalidInput, NotFound

Document = dict[str, Any]
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abcZ_é 1", max_size=5), inner, max_size=3),
    max_leaves=8,
)


def dumped(document: object) -> bytes:
    return yaml.safe_dump(document, allow_unicode=True).encode()


def test_a_manifest_is_read_as_it_stands(valid_document: Document) -> None:
    manifest = parse_manifest(dumped(valid_document))
    assert manifest.name == "linear-float32-v1.2.0"
    assert manifest.version == SemanticVersion("1.2.0")
    assert manifest.labels == ("quiet", "loud")
    assert manifest.variant("int8").file == "weights/int8.npy"
    assert manifest.variant().name == "float32"
    assert manifest.golden.tolerance == {"float32": 1e-4, "int8": 0.02}
    assert manifest.metrics["accuracy"].low == 0.85
    assert manifest.files["golden.npz"].size == 3
    with pytest.raises(NotFound, match=r"no variant 'int4'; it has float32, int8"):
        manifest.variant("int4")


def test_a_manifest_comes_back_from_its_bytes(valid_document: Document) -> None:
    manifest = parse_manifest(dumped(valid_document))
    assert parse_manifest(dump_manifest(manifest)) == manifest
    assert dump_manifest(parse_manifest(dump_manifest(manifest))) == dump_manifest(manifest)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    labels=st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20), min_size=1, unique=True
    ),
    parameters=st.dictionaries(st.text("abc_ é", max_size=6), PLAIN, max_size=4),
    unknown=PLAIN,
    tolerance=st.floats(0, 1, exclude_min=True),
    limit=st.floats(allow_nan=False, allow_infinity=False),
)
def test_any_manifest_comes_back_with_what_this_version_does_not_know(
    valid_document: Document, labels: list[str], parameters: Document, unknown: object, tolerance: float, limit: float
) -> None:
    document = copy.deepcopy(valid_document) | {"labels": labels, "from_the_future": unknown}
    document["decision"] = {"thresholds": {labels[-1]: 0.25}, "background": labels[0], "new_rule": unknown}
    document["pipeline"]["parameters"] = parameters
    document["golden"]["tolerance"]["int8"] = tolerance
    document["gates"][0]["limit"] = limit
    document["variants"][1]["new_field"] = unknown
    manifest = Manifest.model_validate(document)
    again = parse_manifest(dump_manifest(manifest))
    assert again == manifest
    assert again.model_extra == {"from_the_future": unknown}
    assert again.variants[1].model_extra == {"new_field": unknown}
    assert again.decision.model_extra == {"new_rule": unknown}
    assert again.pipeline.parameters == parameters


@given(st.binary(max_size=400))
def test_random_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput, match=r"^bundle\.yaml"):
        parse_manifest(data)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_a_damaged_manifest_is_refused_or_is_a_manifest(valid_document: Document, data: st.DataObject) -> None:
    content = dumped(valid_document)
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, min(start + 40, len(content))))
    damaged = content[:start] + data.draw(st.binary(max_size=20)) + content[end:]
    try:
        manifest = parse_manifest(damaged)
    except InvalidInput as error:
        assert str(error).startswith("bundle.yaml")  # noqa: PT017
    else:
        assert parse_manifest(dump_manifest(manifest)) == manifest


def with_value(document: Document, path: str, value: object) -> bytes:
    """The document as bytes, with one value set, or removed where the value is `...`."""
    *folders, last = path.split("/")
    inner: Any = document
    for key in folders:
        inner = inner[int(key)] if isinstance(inner, list) else inner[key]
    key = int(last) if isinstance(inner, list) else last
    if value is ...:
        del inner[key]
    else:
        inner[key] = value
    return dumped(document)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("format", 2, "format: 2 is newer than this Pipit reads (1); update Pipit"),
        ("format", 0, "format: must be 1"),
        ("format", ..., "format: must be 1"),
        ("format", True, "format: must be 1"),
        ("format", 1.0, "format: must be 1"),
        ("format", "1", "format: must be 1"),
        ("task", ..., "task: Field required"),
        ("task", "sounds", "task: "),
        ("task", "../x.y", "task: "),
        ("version", 1.2, "version: a version is a text such as '1.2.0'"),
        ("version", "1.2", "version: '1.2' is not a semantic version"),
        ("created_at", "yesterday", "created_at: "),
        ("created_at", "2026-11-21T04:00:00+02:00", "created_at: "),
        ("labels", [], "labels: "),
        ("labels", ["quiet", "loud", "loud"], "labels: 'loud' stands twice"),
        ("labels", ["quiet", ""], "labels.1: "),
        ("labels", "quiet", "labels: "),
        ("lineage/seed", "7", "lineage.seed: Input should be a valid integer"),
        ("lineage/dataset_digest", "a" * 63, "lineage.dataset_digest: "),
        ("input/kind", "smell", "input.kind: "),
        ("variants", [], "variants: "),
        ("variants/1/name", "float32", "variants: 'float32' stands twice"),
        ("variants/0/runtime", "pickle", "variants.0.runtime: "),
        ("variants/0/file", "weights/other.npy", "variants.0.file: 'weights/other.npy' is not in files"),
        ("variants/0/file", "../../etc/passwd", "variants.0.file: "),
        ("variants/0/file", "/etc/passwd", "variants.0.file: "),
        ("default_variant", "int4", "default_variant: 'int4' is none of the variants (float32, int8)"),
        ("golden/tolerance/int8", ..., "golden.tolerance: 'int8' has none"),
        ("golden/tolerance/int8", 0.0, "golden.tolerance.int8: "),
        ("golden/tolerance/int8", math.nan, "golden.tolerance.int8: the number is not finite"),
        ("golden/file", "proof.npz", "golden.file: 'proof.npz' is not in files"),
        ("decision/thresholds/bang", 0.5, "decision.thresholds: 'bang' is not a label"),
        ("decision/thresholds/loud", 1.5, "decision.thresholds.loud: "),
        ("decision/experimental", ["bang"], "decision.experimental: 'bang' is not a label"),
        (
            "decision",
            {"background": "loud", "experimental": ["loud"]},
            "decision.experimental: 'loud' is the backg",
        ),
        ("decision/background", "none", "decision.background: 'none' is not a label"),
        ("metrics/accuracy/value", math.inf, "metrics.accuracy.value: the number is not finite"),
        ("metrics/accuracy/samples", -1, "metrics.accuracy.samples: "),
        ("gates/0/comparison", "=", "gates.0.comparison: "),
        ("files/bundle.yaml", {"sha256": "d" * 64, "size": 1}, "files: 'bundle.yaml' is not listed"),
        ("files/bundle.sig", {"sha256": "d" * 64, "size": 1}, "files: 'bundle.sig' is not listed"),
        ("files/BUNDLE.YAML", {"sha256": "d" * 64, "size": 1}, "files: 'BUNDLE.YAML' is not listed"),
        ("files/CON", {"sha256": "d" * 64, "size": 1}, "files: 'CON' can't be a file on Windows"),
        ("files/Aux.md", {"sha256": "d" * 64, "size": 1}, "files: 'Aux.md' can't be a file on Windows"),
        ("files/card.", {"sha256": "d" * 64, "size": 1}, "files: 'card.' can't be a file on Windows"),
        ("files/Golden.npz", {"sha256": "d" * 64, "size": 1}, "files: 'golden.npz' differs from another only by case"),
        ("files/weights", {"sha256": "d" * 64, "size": 1}, "files: 'weights' is a file and a folder"),
        ("files/..", {"sha256": "d" * 64, "size": 1}, "files"),
        ("files/" + "long" * 51, {"sha256": "d" * 64, "size": 1}, "files"),
        ("files/golden.npz/sha256", "C" * 64, "files.golden.npz.sha256: "),
        ("files/golden.npz/size", -1, "files.golden.npz.size: "),
        ("pipeline/parameters", [1], "pipeline.parameters: "),
    ],
)
def test_what_is_wrong_is_named(valid_document: Document, path: str, value: object, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_manifest(with_value(valid_document, path, value))
    assert message in str(caught.value)
    assert str(caught.value).startswith("bundle.yaml")


def test_every_problem_is_named_at_once(valid_document: Document) -> None:
    valid_document["decision"] = {"thresholds": {"bang": 0.5}, "background": "none"}
    with pytest.raises(InvalidInput, match=r"'bang' is not a label; decision\.background: 'none' is not a label$"):
        parse_manifest(dumped(valid_document))


def test_a_message_stays_short_however_much_is_wrong(valid_document: Document) -> None:
    valid_document["decision"]["thresholds"] = {f"{number} {'x' * 100}": 2.0 for number in range(200)}
    with pytest.raises(InvalidInput, match=r"; and 192 more$") as caught:
        parse_manifest(dumped(valid_document))
    assert len(str(caught.value)) < 3000


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a mapping"),
        (b"- format: 1", "not a mapping"),
        (b"format: 1\xff", r"not UTF-8 at byte 9"),
        ("format: 1".encode("utf-16"), "not UTF-8 at byte 0"),
        (b"format: 1\nformat: 1", "format: the key stands twice"),
        (b"format: &a 1", "format: YAML anchors and aliases are not allowed"),
        (b"format: !!python/name:os.system 1", "format: YAML tags such as"),
        (b"[" * 10_000, "nested deeper"),
        (b"{" * 10_000, "must be a plain text|nested deeper|not YAML"),
        (b"a: 1\n" + b"#" * MAX_MANIFEST_BYTES, "is over 1048576 bytes"),
    ],
)
def test_hostile_documents_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        parse_manifest(data)


def test_a_manifest_of_just_the_largest_size_is_read(valid_document: Document) -> None:
    content = dumped(valid_document)
    padded = content + b"#" * (MAX_MANIFEST_BYTES - len(content))
    assert parse_manifest(padded) == parse_manifest(content)
    with pytest.raises(InvalidInput, match="is over"):
        parse_manifest(padded + b"#")


@pytest.mark.parametrize("parameter", [object(), math.nan, math.inf, 1 << 64, "\ud800"])
def test_what_could_not_be_read_again_is_not_written(valid_document: Document, parameter: object) -> None:
    valid_document["pipeline"]["parameters"]["gain"] = parameter
    with pytest.raises(InvalidInput, match=r"^bundle\.yaml"):
        dump_manifest(Manifest.model_validate(valid_document))


def test_a_manifest_made_in_code_is_checked_as_a_whole_too(draft: Manifest) -> None:
    with pytest.raises(InvalidInput, match=r"golden\.file: 'golden\.npz' is not in files"):
        check_manifest(draft)


def test_a_manifest_on_disk_reads_the_same_everywhere(valid_document: Document) -> None:
    """A reader with another YAML library sees the same values."""
    data = dump_manifest(parse_manifest(dumped(valid_document)))
    read = yaml.safe_load(data)
    assert read["labels"] == ["quiet", "loud"]
    assert read["created_at"] == "2026-11-21T04:00:00Z"
    assert read["lineage"]["seed"] == 7
