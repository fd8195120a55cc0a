"""Where everything lies in the object store.

blobs/sha256/<digest>                         content, written once; a manifest is a blob too
models/<task>/versions/<version>.json         written once, last of all that a version needs
models/<task>/environments/<environment>.json the pointer, its history, the rollout that is open; compare-and-swap
models/<task>/rollouts/<id>.json              a rollout that has ended, written once
devices/<id>.json                             what people make of a device: token, pins; changed by compare-and-swap
fleet/<replica>.json                          what one copy of the service heard last of each device, by that copy alone
signatures/<digest>/<key>                     of a manifest, by a further key; 64 bytes, written once
keys/signing.json                             the keys that may sign bundles, changed by compare-and-swap
uploads/<digest>/<offset>                     pieces of a blob whose publishing broke off
galleries/<name>/…                            sealed people; see `pipit.galleries.stored`
audit/<number>.json                           who did what, each written once; see `model_registry.audit_log`
consents/<device>/<task>.json                 what a device may keep, and what it was allowed before; compare-and-swap
examples/<task>/<id>/content                  an input that was kept, written once
examples/<task>/<id>/example.json             what is known of it, written once, after its content
examples/<task>/<id>/parts/<offset>           pieces of a content whose upload broke off
arrivals/<task>/<number>.json                 which example came, which were deleted; a log, written once each
labels/<task>/events/<number>.json            a batch of what people said; a log, written once each
labels/<task>/batches/<batch id>              that this batch stands in the log, written after it
sets/<name>/<digest>.json                     a frozen data set, written once
sets/<name>/heads/<digest>.json               the same without its items, written after it
…/packs/<number>.jsonl                        beside a log's records: a thousand of them as one; see `numbered_log`
"""

from __future__ import annotations

import re
from typing import Annotated

from pipit.bundle import SemanticVersion
from pipit.bundle.manifest import Digest, TaskName
from pipit.errors import InvalidInput
from pipit.examples.ids import check_example_id
from pipit.galleries.acknowledgements import check_device
from pydantic import Field, TypeAdapter, ValidationError

MODELS = "models/"
AUDIT = "audit/"
KEYS = "keys/signing.json"
"""The keys that may sign bundles, with those that were revoked."""
SIGNATURES = "signatures/"
DEVICES = "devices/"
FLEET = "fleet/"
CONSENTS = "consents/"
SETS = "sets/"
EXAMPLE = "example.json"
"""Name of an example's document in its folder."""
_OFFSET_DIGITS = 20
"""So that keys sort as the numbers do."""
_task = TypeAdapter(TaskName)
_digest = TypeAdapter(Digest)
_environment = TypeAdapter(Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")])
_ROLLOUT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_BATCH_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{15,63}")
_SET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_CONSENT_KEY = re.compile(r"consents/([^/]+)/([^/]+)\.json")
_VERSION_KEY = re.compile(r"models/([^/]+)/versions/([^/]+)\.json")
_SIGNATURE_KEY = re.compile(r"signatures/([0-9a-f]{64})/([0-9a-f]{16})")
_ENVIRONMENT_KEY = re.compile(r"models/([^/]+)/environments/([^/]+)\.json")
_ROLLOUT_KEY = re.compile(r"models/([^/]+)/rollouts/([^/]+)\.json")
_DEVICE_KEY = re.compile(r"devices/([^/]+)\.json")


def check_task(name: str) -> str:
    """Gives it back. Raises InvalidInput."""
    return _checked(_task, name, "a task such as home_security.sounds")


def check_environment(name: str) -> str:
    """Gives it back. Raises InvalidInput."""
    return _checked(_environment, name, "an environment such as production: small letters, digits, '-' and '_'")


def check_digest(digest: str) -> str:
    """Gives it back. Raises InvalidInput."""
    return _checked(_digest, digest, "a SHA-256 in hexadecimal")


def _checked(adapter: TypeAdapter[str], text: str, what: str) -> str:
    try:
        return adapter.validate_python(text)
    except ValidationError:
        raise InvalidInput(f"{text[:100]!r} is not the name of {what}") from None


def blob(digest: str) -> str:
    """Key of a blob."""
    return f"blobs/sha256/{check_digest(digest)}"


def version(task: str, number: str) -> str:
    """Key of a version's document. Raises InvalidInput for what is no semantic version."""
    return f"{versions(task)}{SemanticVersion(number)}.json"


def versions(task: str) -> str:
    """Prefix of a task's versions."""
    return f"{MODELS}{check_task(task)}/versions/"


def environment(task: str, name: str) -> str:
    """Key of an environment's document."""
    return f"{MODELS}{check_task(task)}/environments/{check_environment(name)}.json"


def environments(task: str) -> str:
    """Prefix of a task's environments."""
    return f"{MODELS}{check_task(task)}/environments/"


def rollouts(task: str) -> str:
    """Prefix of a task's rollouts that have ended."""
    return f"{MODELS}{check_task(task)}/rollouts/"


def rollout(task: str, identity: str) -> str:
    """Key of a rollout that has ended. Raises InvalidInput."""
    if _ROLLOUT_ID.fullmatch(identity) is None:
        raise InvalidInput(f"{identity[:100]!r} is not the id of a rollout; `pipit rollout list` shows them")
    return f"{rollouts(task)}{identity}.json"


def device(identity: str) -> str:
    """Key of what people made of a device. Raises InvalidInput."""
    return f"{DEVICES}{check_device(identity)}.json"


def sheet(replica: str) -> str:
    """Key of what one copy of the service heard of devices."""
    return f"{FLEET}{replica}.json"


def parts(digest: str) -> str:
    """Prefix of the pieces of an unfinished blob."""
    return f"uploads/{check_digest(digest)}/"


def part(folder: str, offset: int) -> str:
    """Key of the piece that begins at `offset`. folder: prefix of the pieces."""
    return f"{folder}{offset:0{_OFFSET_DIGITS}}"


def part_offset(key: str) -> int:
    """The reverse of `part`."""
    return int(key.rpartition("/")[2])


def audit_record(number: int) -> str:
    """Key of a record of the audit log."""
    return f"{AUDIT}{number:0{_OFFSET_DIGITS}}.json"


def audit_sequence(key: str) -> int:
    """The reverse of `audit_record`; 0 for any other key."""
    name = key.removeprefix(AUDIT).removesuffix(".json")
    return int(name) if len(name) == _OFFSET_DIGITS and name.isdigit() else 0


def version_of_key(key: str) -> tuple[str, str] | None:
    """Task and version of a version's key; None for any other."""
    match = _VERSION_KEY.fullmatch(key)
    return (match[1], match[2]) if match else None


def environment_of_key(key: str) -> tuple[str, str] | None:
    """Task and name of an environment's key; None for any other."""
    match = _ENVIRONMENT_KEY.fullmatch(key)
    return (match[1], match[2]) if match else None


def rollout_of_key(key: str) -> tuple[str, str] | None:
    """Task and id of the key of a rollout that has ended; None for any other."""
    match = _ROLLOUT_KEY.fullmatch(key)
    return (match[1], match[2]) if match else None


def device_of_key(key: str) -> str | None:
    """The device's id of the key of its document; None for any other."""
    match = _DEVICE_KEY.fullmatch(key)
    return match[1] if match else None


def signatures(digest: str) -> str:
    """Prefix of the signatures that came after a manifest was published."""
    return f"{SIGNATURES}{check_digest(digest)}/"


def signature(digest: str, key: str) -> str:
    """Key of the signature of a manifest by a key, by its id."""
    return f"{signatures(digest)}{key}"


def signature_of_key(key: str) -> tuple[str, str] | None:
    """The manifest's digest and the signing key's id, of a signature's key; None for any other."""
    match = _SIGNATURE_KEY.fullmatch(key)
    return (match[1], match[2]) if match else None


def consents(device: str) -> str:
    """Prefix of what a device may keep; of what all may for an empty one. Raises InvalidInput."""
    return f"{CONSENTS}{check_device(device)}/" if device else CONSENTS


def consent(device: str, task: str) -> str:
    """Key of what a device may keep of a task. Raises InvalidInput."""
    return f"{CONSENTS}{check_device(device)}/{check_task(task)}.json"


def consent_of_key(key: str) -> tuple[str, str] | None:
    """Device and task of a consent's key; None for any other."""
    match = _CONSENT_KEY.fullmatch(key)
    return (match[1], match[2]) if match else None


def examples(task: str) -> str:
    """Prefix of a task's examples."""
    return f"examples/{check_task(task)}/"


def example_folder(task: str, identity: str) -> str:
    """Prefix of all that is kept of an example. Raises InvalidInput."""
    return f"{examples(task)}{check_example_id(identity)}/"


def example_content(task: str, identity: str) -> str:
    """Key of an example's content."""
    return f"{example_folder(task, identity)}content"


def example(task: str, identity: str) -> str:
    """Key of an example's document."""
    return f"{example_folder(task, identity)}{EXAMPLE}"


def example_parts(task: str, identity: str) -> str:
    """Prefix of the pieces of a content that is not whole yet."""
    return f"{example_folder(task, identity)}parts/"


def arrivals(task: str) -> str:
    """Prefix of the log of a task's examples."""
    return f"arrivals/{check_task(task)}/"


def events(task: str) -> str:
    """Prefix of the log of a task's labels."""
    return f"labels/{check_task(task)}/events/"


def batch(task: str, identity: str) -> str:
    """Key of the mark that a batch of labels stands in the log. Raises InvalidInput."""
    if _BATCH_ID.fullmatch(identity) is None:
        raise InvalidInput(f"{identity[:100]!r} is no batch id: 16 to 64 letters, digits and '-', such as a UUID")
    return f"labels/{check_task(task)}/batches/{identity}"


def label_sets(name: str) -> str:
    """Prefix of the frozen data sets of a name. Raises InvalidInput."""
    if _SET_NAME.fullmatch(name) is None:
        raise InvalidInput(
            f"{name[:100]!r} is not the name of a data set: letters, digits, '_', '.' and '-', at most 100"
        )
    return f"{SETS}{name}/"


def label_set(name: str, digest: str) -> str:
    """Key of a frozen data set."""
    return f"{label_sets(name)}{check_digest(digest)}.json"


def label_set_head(name: str, digest: str) -> str:
    """Key of what is said of a frozen data set where nobody asks for its items."""
    return f"{label_sets(name)}heads/{check_digest(digest)}.json"


def numbered(folder: str, number: int) -> str:
    """Key of a record of a log."""
    return f"{folder}{number:0{_OFFSET_DIGITS}}.json"


def pack(folder: str, first: int) -> str:
    """Key of the records of a log from number `first` on, as one object."""
    return f"{folder}packs/{first:0{_OFFSET_DIGITS}}.jsonl"
