"""`bundle.yaml` as bytes: read strictly, written so that it reads back the same, checked as a whole.

Everything that is wrong raises InvalidInput that names the field.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from pipit.bundle.manifest import FORMAT, MANIFEST_FILE, SIGNATURE_FILE, Manifest
from pipit.errors import InvalidInput
from pipit.plain_yaml import dump_plain_yaml, load_plain_yaml

MAX_MANIFEST_BYTES = 1 << 20
_MOST_PROBLEMS = 8
_DEVICES = frozenset(
    ("con", "prn", "aux", "nul", *(f"{kind}{number}" for kind in ("com", "lpt") for number in range(10)))
)
"""What Windows takes for a device, with any ending: https://learn.microsoft.com/windows/win32/fileio/naming-a-file"""


def parse_manifest(data: bytes) -> Manifest:
    """The manifest in `data`, UTF-8 of at most 1 MiB. Raises InvalidInput."""
    if len(data) > MAX_MANIFEST_BYTES:
        raise InvalidInput(f"{MANIFEST_FILE} is over {MAX_MANIFEST_BYTES} bytes; keep large content in files beside it")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{MANIFEST_FILE} is not UTF-8 at byte {error.start}; save it as UTF-8") from error
    try:
        document = load_plain_yaml(text)
    except InvalidInput as error:
        raise InvalidInput(f"{MANIFEST_FILE}: {error}") from error
    if not isinstance(document, dict):
        raise InvalidInput(f"{MANIFEST_FILE} is not a mapping of fields to values")
    _check_format(document.get("format"))
    try:
        # By way of JSON, whose strict mode takes lists for tuples but no text for a number.
        manifest = Manifest.model_validate_json(json.dumps(document), strict=True)
    except ValidationError as error:
        raise _refusal(_field_problems(error)) from error
    check_manifest(manifest)
    return manifest


def dump_manifest(manifest: Manifest) -> bytes:
    """The content of `bundle.yaml`. Raises InvalidInput for a manifest that `parse_manifest` would not take."""
    try:
        data = dump_plain_yaml(manifest.model_dump(mode="json")).encode("utf-8")
    except (PydanticSerializationError, UnicodeEncodeError, RecursionError) as error:
        raise InvalidInput(f"{MANIFEST_FILE} holds plain data only; this can't be written: {error}") from error
    parse_manifest(data)
    return data


def check_manifest(manifest: Manifest) -> None:
    """What fields promise of each other. Raises InvalidInput that names each that is wrong."""
    problems = list(_cross_problems(manifest))
    if problems:
        raise _refusal(problems)


def _check_format(found: object) -> None:
    if isinstance(found, int) and not isinstance(found, bool) and found > FORMAT:
        raise InvalidInput(f"{MANIFEST_FILE}: format: {found} is newer than this Pipit reads ({FORMAT}); update Pipit")
    if isinstance(found, bool) or found != FORMAT or not isinstance(found, int):
        raise InvalidInput(f"{MANIFEST_FILE}: format: must be {FORMAT}")


def _cross_problems(manifest: Manifest) -> Iterator[str]:
    variants = [variant.name for variant in manifest.variants]
    yield from (f"labels: {label!r} stands twice" for label in _repeated(manifest.labels))
    yield from (f"variants: {name!r} stands twice" for name in _repeated(variants))
    if manifest.default_variant not in variants:
        yield f"default_variant: {manifest.default_variant!r} is none of the variants ({', '.join(variants)})"
    for index, variant in enumerate(manifest.variants):
        if variant.file not in manifest.files:
            yield f"variants.{index}.file: {variant.file!r} is not in files"
        if variant.name not in manifest.golden.tolerance:
            yield f"golden.tolerance: {variant.name!r} has none"
    for name, network in manifest.networks.items():
        if network.file not in manifest.files:
            yield f"networks.{name}.file: {network.file!r} is not in files"
    if manifest.golden.file not in manifest.files:
        yield f"golden.file: {manifest.golden.file!r} is not in files"
    yield from _decision_problems(manifest)
    yield from _path_problems(manifest)


def _decision_problems(manifest: Manifest) -> Iterator[str]:
    for name, members in manifest.decision.groups.items():
        if name in manifest.labels:
            yield f"decision.groups: {name!r} is a label"
        yield from (f"decision.groups: {label!r} is not a label" for label in members if label not in manifest.labels)
    for label in manifest.decision.thresholds:
        if label not in {*manifest.labels, *manifest.decision.groups}:
            yield f"decision.thresholds: {label!r} is not a label"
    for label in manifest.decision.experimental:
        if label not in manifest.labels:
            yield f"decision.experimental: {label!r} is not a label"
        if label == manifest.decision.background:
            yield f"decision.experimental: {label!r} is the background, which is never detected anyway"
    if manifest.decision.background not in {None, *manifest.labels}:
        yield f"decision.background: {manifest.decision.background!r} is not a label"


def _path_problems(manifest: Manifest) -> Iterator[str]:
    for path in manifest.files:
        if path.lower() in {MANIFEST_FILE, SIGNATURE_FILE}:
            yield f"files: {path!r} is not listed: it describes the others"
        for part in path.split("/"):
            if part.partition(".")[0].lower() in _DEVICES or part.endswith("."):
                yield f"files: {path!r} can't be a file on Windows ({part!r}); call it something else"
    # Compared without case, so that a bundle unpacks on every file system.
    paths = {path.lower() for path in manifest.files}
    yield from (
        f"files: {path!r} differs from another only by case" for path in _repeated(map(str.lower, manifest.files))
    )
    for path in manifest.files:
        folders = {path[:end].lower() for end, character in enumerate(path) if character == "/"}
        yield from (f"files: {folder!r} is a file and a folder" for folder in sorted(folders & paths))


def _repeated(names: Iterable[str]) -> Iterator[str]:
    return (name for name, count in Counter(names).items() if count > 1)


def _field_problems(error: ValidationError) -> list[str]:
    problems = []
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        place = ".".join(str(part) for part in problem["loc"])
        problems.append(f"{place[:200] or 'the document'}: {problem['msg'].removeprefix('Value error, ')}")
    return problems


def _refusal(problems: list[str]) -> InvalidInput:
    shown = [problem[:300] for problem in problems[:_MOST_PROBLEMS]]
    rest = len(problems) - len(shown)
    return InvalidInput(f"{MANIFEST_FILE} is wrong: " + "; ".join(shown) + (f"; and {rest} more" if rest else ""))
