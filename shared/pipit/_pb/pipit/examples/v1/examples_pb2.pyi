import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Reason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REASON_UNSPECIFIED: _ClassVar[Reason]
    REASON_UNCERTAIN: _ClassVar[Reason]
    REASON_RANDOM: _ClassVar[Reason]
    REASON_WRONG: _ClassVar[Reason]
    REASON_IMPORTED: _ClassVar[Reason]
REASON_UNSPECIFIED: Reason
REASON_UNCERTAIN: Reason
REASON_RANDOM: Reason
REASON_WRONG: Reason
REASON_IMPORTED: Reason

class Consent(_message.Message):
    __slots__ = ("device_id", "task", "text", "given_by", "given_at", "low", "high", "rate", "random_rate", "quota_bytes", "keep_days")
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    GIVEN_BY_FIELD_NUMBER: _ClassVar[int]
    GIVEN_AT_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    RATE_FIELD_NUMBER: _ClassVar[int]
    RANDOM_RATE_FIELD_NUMBER: _ClassVar[int]
    QUOTA_BYTES_FIELD_NUMBER: _ClassVar[int]
    KEEP_DAYS_FIELD_NUMBER: _ClassVar[int]
    device_id: str
    task: str
    text: str
    given_by: str
    given_at: _timestamp_pb2.Timestamp
    low: float
    high: float
    rate: float
    random_rate: float
    quota_bytes: int
    keep_days: int
    def __init__(self, device_id: _Optional[str] = ..., task: _Optional[str] = ..., text: _Optional[str] = ..., given_by: _Optional[str] = ..., given_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., low: _Optional[float] = ..., high: _Optional[float] = ..., rate: _Optional[float] = ..., random_rate: _Optional[float] = ..., quota_bytes: _Optional[int] = ..., keep_days: _Optional[int] = ...) -> None: ...

class ListConsentsRequest(_message.Message):
    __slots__ = ("device_id",)
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    device_id: str
    def __init__(self, device_id: _Optional[str] = ...) -> None: ...

class ListConsentsResponse(_message.Message):
    __slots__ = ("consents",)
    CONSENTS_FIELD_NUMBER: _ClassVar[int]
    consents: _containers.RepeatedCompositeFieldContainer[Consent]
    def __init__(self, consents: _Optional[_Iterable[_Union[Consent, _Mapping]]] = ...) -> None: ...

class GiveConsentRequest(_message.Message):
    __slots__ = ("consent",)
    CONSENT_FIELD_NUMBER: _ClassVar[int]
    consent: Consent
    def __init__(self, consent: _Optional[_Union[Consent, _Mapping]] = ...) -> None: ...

class GiveConsentResponse(_message.Message):
    __slots__ = ("consent",)
    CONSENT_FIELD_NUMBER: _ClassVar[int]
    consent: Consent
    def __init__(self, consent: _Optional[_Union[Consent, _Mapping]] = ...) -> None: ...

class WithdrawConsentRequest(_message.Message):
    __slots__ = ("device_id", "task")
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    device_id: str
    task: str
    def __init__(self, device_id: _Optional[str] = ..., task: _Optional[str] = ...) -> None: ...

class WithdrawConsentResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Score(_message.Message):
    __slots__ = ("label", "score")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    label: str
    score: float
    def __init__(self, label: _Optional[str] = ..., score: _Optional[float] = ...) -> None: ...

class Part(_message.Message):
    __slots__ = ("box", "span", "scores", "label", "unknown")
    BOX_FIELD_NUMBER: _ClassVar[int]
    SPAN_FIELD_NUMBER: _ClassVar[int]
    SCORES_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    box: _containers.RepeatedScalarFieldContainer[float]
    span: _containers.RepeatedScalarFieldContainer[float]
    scores: _containers.RepeatedCompositeFieldContainer[Score]
    label: str
    unknown: bool
    def __init__(self, box: _Optional[_Iterable[float]] = ..., span: _Optional[_Iterable[float]] = ..., scores: _Optional[_Iterable[_Union[Score, _Mapping]]] = ..., label: _Optional[str] = ..., unknown: _Optional[bool] = ...) -> None: ...

class Example(_message.Message):
    __slots__ = ("id", "task", "device_id", "taken_at", "reason", "media_type", "bytes", "sha256", "version", "parts", "other_version", "other_parts", "corrected", "was_corrected", "group", "faces_blurred", "name", "position", "received_at")
    ID_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    TAKEN_AT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    OTHER_VERSION_FIELD_NUMBER: _ClassVar[int]
    OTHER_PARTS_FIELD_NUMBER: _ClassVar[int]
    CORRECTED_FIELD_NUMBER: _ClassVar[int]
    WAS_CORRECTED_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    FACES_BLURRED_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_AT_FIELD_NUMBER: _ClassVar[int]
    id: str
    task: str
    device_id: str
    taken_at: _timestamp_pb2.Timestamp
    reason: Reason
    media_type: str
    bytes: int
    sha256: str
    version: str
    parts: _containers.RepeatedCompositeFieldContainer[Part]
    other_version: str
    other_parts: _containers.RepeatedCompositeFieldContainer[Part]
    corrected: str
    was_corrected: bool
    group: str
    faces_blurred: int
    name: str
    position: float
    received_at: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., task: _Optional[str] = ..., device_id: _Optional[str] = ..., taken_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reason: _Optional[_Union[Reason, str]] = ..., media_type: _Optional[str] = ..., bytes: _Optional[int] = ..., sha256: _Optional[str] = ..., version: _Optional[str] = ..., parts: _Optional[_Iterable[_Union[Part, _Mapping]]] = ..., other_version: _Optional[str] = ..., other_parts: _Optional[_Iterable[_Union[Part, _Mapping]]] = ..., corrected: _Optional[str] = ..., was_corrected: _Optional[bool] = ..., group: _Optional[str] = ..., faces_blurred: _Optional[int] = ..., name: _Optional[str] = ..., position: _Optional[float] = ..., received_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class PrepareUploadRequest(_message.Message):
    __slots__ = ("example",)
    EXAMPLE_FIELD_NUMBER: _ClassVar[int]
    example: Example
    def __init__(self, example: _Optional[_Union[Example, _Mapping]] = ...) -> None: ...

class PrepareUploadResponse(_message.Message):
    __slots__ = ("complete", "offset")
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    complete: bool
    offset: int
    def __init__(self, complete: _Optional[bool] = ..., offset: _Optional[int] = ...) -> None: ...

class UploadRequest(_message.Message):
    __slots__ = ("example", "content", "offset")
    EXAMPLE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    example: Example
    content: bytes
    offset: int
    def __init__(self, example: _Optional[_Union[Example, _Mapping]] = ..., content: _Optional[bytes] = ..., offset: _Optional[int] = ...) -> None: ...

class UploadResponse(_message.Message):
    __slots__ = ("example",)
    EXAMPLE_FIELD_NUMBER: _ClassVar[int]
    example: Example
    def __init__(self, example: _Optional[_Union[Example, _Mapping]] = ...) -> None: ...

class ListExamplesRequest(_message.Message):
    __slots__ = ("task", "after", "page_size", "device_id", "day")
    TASK_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    DAY_FIELD_NUMBER: _ClassVar[int]
    task: str
    after: str
    page_size: int
    device_id: str
    day: str
    def __init__(self, task: _Optional[str] = ..., after: _Optional[str] = ..., page_size: _Optional[int] = ..., device_id: _Optional[str] = ..., day: _Optional[str] = ...) -> None: ...

class ListExamplesResponse(_message.Message):
    __slots__ = ("examples", "deleted", "next", "more")
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    examples: _containers.RepeatedCompositeFieldContainer[Example]
    deleted: _containers.RepeatedScalarFieldContainer[str]
    next: str
    more: bool
    def __init__(self, examples: _Optional[_Iterable[_Union[Example, _Mapping]]] = ..., deleted: _Optional[_Iterable[str]] = ..., next: _Optional[str] = ..., more: _Optional[bool] = ...) -> None: ...

class GetExampleRequest(_message.Message):
    __slots__ = ("task", "id")
    TASK_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    task: str
    id: str
    def __init__(self, task: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class GetExampleResponse(_message.Message):
    __slots__ = ("example",)
    EXAMPLE_FIELD_NUMBER: _ClassVar[int]
    example: Example
    def __init__(self, example: _Optional[_Union[Example, _Mapping]] = ...) -> None: ...

class ReadContentRequest(_message.Message):
    __slots__ = ("task", "id", "offset")
    TASK_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    task: str
    id: str
    offset: int
    def __init__(self, task: _Optional[str] = ..., id: _Optional[str] = ..., offset: _Optional[int] = ...) -> None: ...

class ReadContentResponse(_message.Message):
    __slots__ = ("content",)
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    content: bytes
    def __init__(self, content: _Optional[bytes] = ...) -> None: ...

class DeleteExamplesRequest(_message.Message):
    __slots__ = ("task", "id", "device_id", "day")
    TASK_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    DAY_FIELD_NUMBER: _ClassVar[int]
    task: str
    id: str
    device_id: str
    day: str
    def __init__(self, task: _Optional[str] = ..., id: _Optional[str] = ..., device_id: _Optional[str] = ..., day: _Optional[str] = ...) -> None: ...

class DeleteExamplesResponse(_message.Message):
    __slots__ = ("deleted",)
    DELETED_FIELD_NUMBER: _ClassVar[int]
    deleted: int
    def __init__(self, deleted: _Optional[int] = ...) -> None: ...

class DeparturesRequest(_message.Message):
    __slots__ = ("device_id", "task")
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    device_id: str
    task: str
    def __init__(self, device_id: _Optional[str] = ..., task: _Optional[str] = ...) -> None: ...

class DeparturesResponse(_message.Message):
    __slots__ = ("departures",)
    DEPARTURES_FIELD_NUMBER: _ClassVar[int]
    departures: _containers.RepeatedCompositeFieldContainer[Departure]
    def __init__(self, departures: _Optional[_Iterable[_Union[Departure, _Mapping]]] = ...) -> None: ...

class Departure(_message.Message):
    __slots__ = ("device_id", "task", "day", "examples", "bytes", "deleted")
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    DAY_FIELD_NUMBER: _ClassVar[int]
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    device_id: str
    task: str
    day: str
    examples: int
    bytes: int
    deleted: int
    def __init__(self, device_id: _Optional[str] = ..., task: _Optional[str] = ..., day: _Optional[str] = ..., examples: _Optional[int] = ..., bytes: _Optional[int] = ..., deleted: _Optional[int] = ...) -> None: ...
