import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PreparePublishRequest(_message.Message):
    __slots__ = ("manifest", "signature")
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    manifest: bytes
    signature: bytes
    def __init__(self, manifest: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class PreparePublishResponse(_message.Message):
    __slots__ = ("published", "missing")
    PUBLISHED_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    published: bool
    missing: _containers.RepeatedCompositeFieldContainer[MissingBlob]
    def __init__(self, published: _Optional[bool] = ..., missing: _Optional[_Iterable[_Union[MissingBlob, _Mapping]]] = ...) -> None: ...

class MissingBlob(_message.Message):
    __slots__ = ("digest", "offset")
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    digest: str
    offset: int
    def __init__(self, digest: _Optional[str] = ..., offset: _Optional[int] = ...) -> None: ...

class PublishRequest(_message.Message):
    __slots__ = ("begin", "chunk")
    BEGIN_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    begin: PreparePublishRequest
    chunk: BlobChunk
    def __init__(self, begin: _Optional[_Union[PreparePublishRequest, _Mapping]] = ..., chunk: _Optional[_Union[BlobChunk, _Mapping]] = ...) -> None: ...

class BlobChunk(_message.Message):
    __slots__ = ("digest", "offset", "data")
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    digest: str
    offset: int
    data: bytes
    def __init__(self, digest: _Optional[str] = ..., offset: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...

class PublishResponse(_message.Message):
    __slots__ = ("version", "created", "signature_added")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_ADDED_FIELD_NUMBER: _ClassVar[int]
    version: Version
    created: bool
    signature_added: bool
    def __init__(self, version: _Optional[_Union[Version, _Mapping]] = ..., created: _Optional[bool] = ..., signature_added: _Optional[bool] = ...) -> None: ...

class Version(_message.Message):
    __slots__ = ("task", "version", "name", "digest", "published_at", "published_by", "signed", "gates_passed", "gates", "size", "signed_by")
    TASK_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    PUBLISHED_AT_FIELD_NUMBER: _ClassVar[int]
    PUBLISHED_BY_FIELD_NUMBER: _ClassVar[int]
    SIGNED_FIELD_NUMBER: _ClassVar[int]
    GATES_PASSED_FIELD_NUMBER: _ClassVar[int]
    GATES_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    SIGNED_BY_FIELD_NUMBER: _ClassVar[int]
    task: str
    version: str
    name: str
    digest: str
    published_at: _timestamp_pb2.Timestamp
    published_by: str
    signed: bool
    gates_passed: bool
    gates: _containers.RepeatedCompositeFieldContainer[GateResult]
    size: int
    signed_by: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, task: _Optional[str] = ..., version: _Optional[str] = ..., name: _Optional[str] = ..., digest: _Optional[str] = ..., published_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., published_by: _Optional[str] = ..., signed: _Optional[bool] = ..., gates_passed: _Optional[bool] = ..., gates: _Optional[_Iterable[_Union[GateResult, _Mapping]]] = ..., size: _Optional[int] = ..., signed_by: _Optional[_Iterable[str]] = ...) -> None: ...

class GateResult(_message.Message):
    __slots__ = ("name", "metric", "comparison", "limit", "value", "passed")
    NAME_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    COMPARISON_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    PASSED_FIELD_NUMBER: _ClassVar[int]
    name: str
    metric: str
    comparison: str
    limit: float
    value: float
    passed: bool
    def __init__(self, name: _Optional[str] = ..., metric: _Optional[str] = ..., comparison: _Optional[str] = ..., limit: _Optional[float] = ..., value: _Optional[float] = ..., passed: _Optional[bool] = ...) -> None: ...

class GetVersionRequest(_message.Message):
    __slots__ = ("task", "version")
    TASK_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    task: str
    version: str
    def __init__(self, task: _Optional[str] = ..., version: _Optional[str] = ...) -> None: ...

class GetVersionResponse(_message.Message):
    __slots__ = ("version", "manifest", "signature", "further_signatures")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    FURTHER_SIGNATURES_FIELD_NUMBER: _ClassVar[int]
    version: Version
    manifest: bytes
    signature: bytes
    further_signatures: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, version: _Optional[_Union[Version, _Mapping]] = ..., manifest: _Optional[bytes] = ..., signature: _Optional[bytes] = ..., further_signatures: _Optional[_Iterable[bytes]] = ...) -> None: ...

class ListVersionsRequest(_message.Message):
    __slots__ = ("task",)
    TASK_FIELD_NUMBER: _ClassVar[int]
    task: str
    def __init__(self, task: _Optional[str] = ...) -> None: ...

class ListVersionsResponse(_message.Message):
    __slots__ = ("versions", "environments")
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENTS_FIELD_NUMBER: _ClassVar[int]
    versions: _containers.RepeatedCompositeFieldContainer[Version]
    environments: _containers.RepeatedCompositeFieldContainer[Environment]
    def __init__(self, versions: _Optional[_Iterable[_Union[Version, _Mapping]]] = ..., environments: _Optional[_Iterable[_Union[Environment, _Mapping]]] = ...) -> None: ...

class Environment(_message.Message):
    __slots__ = ("task", "name", "version", "digest", "revision")
    TASK_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    task: str
    name: str
    version: str
    digest: str
    revision: int
    def __init__(self, task: _Optional[str] = ..., name: _Optional[str] = ..., version: _Optional[str] = ..., digest: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...

class PromoteRequest(_message.Message):
    __slots__ = ("task", "version", "environment", "reason", "override_gates", "expected_revision", "newer_than")
    TASK_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    OVERRIDE_GATES_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    NEWER_THAN_FIELD_NUMBER: _ClassVar[int]
    task: str
    version: str
    environment: str
    reason: str
    override_gates: bool
    expected_revision: int
    newer_than: int
    def __init__(self, task: _Optional[str] = ..., version: _Optional[str] = ..., environment: _Optional[str] = ..., reason: _Optional[str] = ..., override_gates: _Optional[bool] = ..., expected_revision: _Optional[int] = ..., newer_than: _Optional[int] = ...) -> None: ...

class PromoteResponse(_message.Message):
    __slots__ = ("environment", "gates")
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    GATES_FIELD_NUMBER: _ClassVar[int]
    environment: Environment
    gates: _containers.RepeatedCompositeFieldContainer[GateResult]
    def __init__(self, environment: _Optional[_Union[Environment, _Mapping]] = ..., gates: _Optional[_Iterable[_Union[GateResult, _Mapping]]] = ...) -> None: ...

class RollbackRequest(_message.Message):
    __slots__ = ("task", "environment", "reason")
    TASK_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    task: str
    environment: str
    reason: str
    def __init__(self, task: _Optional[str] = ..., environment: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class RollbackResponse(_message.Message):
    __slots__ = ("environment",)
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    environment: Environment
    def __init__(self, environment: _Optional[_Union[Environment, _Mapping]] = ...) -> None: ...

class ResolveRequest(_message.Message):
    __slots__ = ("task", "environment", "device_id")
    TASK_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    task: str
    environment: str
    device_id: str
    def __init__(self, task: _Optional[str] = ..., environment: _Optional[str] = ..., device_id: _Optional[str] = ...) -> None: ...

class ResolveResponse(_message.Message):
    __slots__ = ("assignment",)
    ASSIGNMENT_FIELD_NUMBER: _ClassVar[int]
    assignment: Assignment
    def __init__(self, assignment: _Optional[_Union[Assignment, _Mapping]] = ...) -> None: ...

class Assignment(_message.Message):
    __slots__ = ("task", "environment", "version", "digest", "revision", "rollout", "stage", "candidate", "shadow", "standby", "pinned")
    TASK_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    ROLLOUT_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    CANDIDATE_FIELD_NUMBER: _ClassVar[int]
    SHADOW_FIELD_NUMBER: _ClassVar[int]
    STANDBY_FIELD_NUMBER: _ClassVar[int]
    PINNED_FIELD_NUMBER: _ClassVar[int]
    task: str
    environment: str
    version: str
    digest: str
    revision: int
    rollout: str
    stage: int
    candidate: Target
    shadow: bool
    standby: Target
    pinned: bool
    def __init__(self, task: _Optional[str] = ..., environment: _Optional[str] = ..., version: _Optional[str] = ..., digest: _Optional[str] = ..., revision: _Optional[int] = ..., rollout: _Optional[str] = ..., stage: _Optional[int] = ..., candidate: _Optional[_Union[Target, _Mapping]] = ..., shadow: _Optional[bool] = ..., standby: _Optional[_Union[Target, _Mapping]] = ..., pinned: _Optional[bool] = ...) -> None: ...

class Target(_message.Message):
    __slots__ = ("version", "digest")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    version: str
    digest: str
    def __init__(self, version: _Optional[str] = ..., digest: _Optional[str] = ...) -> None: ...

class WatchRequest(_message.Message):
    __slots__ = ("device_id", "environment", "tasks", "keys")
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    device_id: str
    environment: str
    tasks: _containers.RepeatedScalarFieldContainer[str]
    keys: bool
    def __init__(self, device_id: _Optional[str] = ..., environment: _Optional[str] = ..., tasks: _Optional[_Iterable[str]] = ..., keys: _Optional[bool] = ...) -> None: ...

class WatchResponse(_message.Message):
    __slots__ = ("assignment", "keys")
    ASSIGNMENT_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    assignment: Assignment
    keys: KeyList
    def __init__(self, assignment: _Optional[_Union[Assignment, _Mapping]] = ..., keys: _Optional[_Union[KeyList, _Mapping]] = ...) -> None: ...

class DownloadRequest(_message.Message):
    __slots__ = ("digest", "offset")
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    digest: str
    offset: int
    def __init__(self, digest: _Optional[str] = ..., offset: _Optional[int] = ...) -> None: ...

class DownloadResponse(_message.Message):
    __slots__ = ("data", "total_size")
    DATA_FIELD_NUMBER: _ClassVar[int]
    TOTAL_SIZE_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    total_size: int
    def __init__(self, data: _Optional[bytes] = ..., total_size: _Optional[int] = ...) -> None: ...

class HistoryRequest(_message.Message):
    __slots__ = ("task", "environment", "at")
    TASK_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    task: str
    environment: str
    at: _timestamp_pb2.Timestamp
    def __init__(self, task: _Optional[str] = ..., environment: _Optional[str] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class HistoryResponse(_message.Message):
    __slots__ = ("moves",)
    MOVES_FIELD_NUMBER: _ClassVar[int]
    moves: _containers.RepeatedCompositeFieldContainer[Move]
    def __init__(self, moves: _Optional[_Iterable[_Union[Move, _Mapping]]] = ...) -> None: ...

class Move(_message.Message):
    __slots__ = ("at", "actor", "action", "from_version", "to_version", "reason", "gates_overridden", "revision")
    AT_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    FROM_VERSION_FIELD_NUMBER: _ClassVar[int]
    TO_VERSION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    GATES_OVERRIDDEN_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    at: _timestamp_pb2.Timestamp
    actor: str
    action: str
    from_version: str
    to_version: str
    reason: str
    gates_overridden: bool
    revision: int
    def __init__(self, at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., actor: _Optional[str] = ..., action: _Optional[str] = ..., from_version: _Optional[str] = ..., to_version: _Optional[str] = ..., reason: _Optional[str] = ..., gates_overridden: _Optional[bool] = ..., revision: _Optional[int] = ...) -> None: ...

class SigningKey(_message.Message):
    __slots__ = ("public_key", "name", "added_at", "added_by", "expires_at", "revoked_at", "revoked_by", "revoked_reason", "endorsements")
    PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ADDED_AT_FIELD_NUMBER: _ClassVar[int]
    ADDED_BY_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    REVOKED_AT_FIELD_NUMBER: _ClassVar[int]
    REVOKED_BY_FIELD_NUMBER: _ClassVar[int]
    REVOKED_REASON_FIELD_NUMBER: _ClassVar[int]
    ENDORSEMENTS_FIELD_NUMBER: _ClassVar[int]
    public_key: bytes
    name: str
    added_at: _timestamp_pb2.Timestamp
    added_by: str
    expires_at: _timestamp_pb2.Timestamp
    revoked_at: _timestamp_pb2.Timestamp
    revoked_by: str
    revoked_reason: str
    endorsements: _containers.RepeatedCompositeFieldContainer[Endorsement]
    def __init__(self, public_key: _Optional[bytes] = ..., name: _Optional[str] = ..., added_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., added_by: _Optional[str] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., revoked_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., revoked_by: _Optional[str] = ..., revoked_reason: _Optional[str] = ..., endorsements: _Optional[_Iterable[_Union[Endorsement, _Mapping]]] = ...) -> None: ...

class Endorsement(_message.Message):
    __slots__ = ("key_id", "signature")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    signature: bytes
    def __init__(self, key_id: _Optional[str] = ..., signature: _Optional[bytes] = ...) -> None: ...

class KeyList(_message.Message):
    __slots__ = ("revision", "keys")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    revision: int
    keys: _containers.RepeatedCompositeFieldContainer[SigningKey]
    def __init__(self, revision: _Optional[int] = ..., keys: _Optional[_Iterable[_Union[SigningKey, _Mapping]]] = ...) -> None: ...

class ListKeysRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListKeysResponse(_message.Message):
    __slots__ = ("keys",)
    KEYS_FIELD_NUMBER: _ClassVar[int]
    keys: KeyList
    def __init__(self, keys: _Optional[_Union[KeyList, _Mapping]] = ...) -> None: ...

class TrustKeyRequest(_message.Message):
    __slots__ = ("public_key", "name", "expires_at", "endorsements", "expected_revision")
    PUBLIC_KEY_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    ENDORSEMENTS_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    public_key: bytes
    name: str
    expires_at: _timestamp_pb2.Timestamp
    endorsements: _containers.RepeatedCompositeFieldContainer[Endorsement]
    expected_revision: int
    def __init__(self, public_key: _Optional[bytes] = ..., name: _Optional[str] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., endorsements: _Optional[_Iterable[_Union[Endorsement, _Mapping]]] = ..., expected_revision: _Optional[int] = ...) -> None: ...

class TrustKeyResponse(_message.Message):
    __slots__ = ("keys",)
    KEYS_FIELD_NUMBER: _ClassVar[int]
    keys: KeyList
    def __init__(self, keys: _Optional[_Union[KeyList, _Mapping]] = ...) -> None: ...

class RevokeKeyRequest(_message.Message):
    __slots__ = ("key_id", "reason")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    reason: str
    def __init__(self, key_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class RevokeKeyResponse(_message.Message):
    __slots__ = ("keys",)
    KEYS_FIELD_NUMBER: _ClassVar[int]
    keys: KeyList
    def __init__(self, keys: _Optional[_Union[KeyList, _Mapping]] = ...) -> None: ...

class WhoAmIRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WhoAmIResponse(_message.Message):
    __slots__ = ("name", "roles", "tasks", "all_tasks", "device", "anonymous")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ROLES_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    ALL_TASKS_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    ANONYMOUS_FIELD_NUMBER: _ClassVar[int]
    name: str
    roles: _containers.RepeatedScalarFieldContainer[str]
    tasks: _containers.RepeatedScalarFieldContainer[str]
    all_tasks: bool
    device: str
    anonymous: bool
    def __init__(self, name: _Optional[str] = ..., roles: _Optional[_Iterable[str]] = ..., tasks: _Optional[_Iterable[str]] = ..., all_tasks: _Optional[bool] = ..., device: _Optional[str] = ..., anonymous: _Optional[bool] = ...) -> None: ...
