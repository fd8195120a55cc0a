import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Event(_message.Message):
    __slots__ = ("id", "kind", "example", "label", "boxes", "spans", "undoes", "score", "version", "at", "seconds", "by", "saw_suggestion")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[Event.Kind]
        KIND_LABEL: _ClassVar[Event.Kind]
        KIND_BOXES: _ClassVar[Event.Kind]
        KIND_SPANS: _ClassVar[Event.Kind]
        KIND_SKIP: _ClassVar[Event.Kind]
        KIND_UNDO: _ClassVar[Event.Kind]
        KIND_SUGGEST: _ClassVar[Event.Kind]
        KIND_RULE: _ClassVar[Event.Kind]
        KIND_ADD_LABEL: _ClassVar[Event.Kind]
    KIND_UNSPECIFIED: Event.Kind
    KIND_LABEL: Event.Kind
    KIND_BOXES: Event.Kind
    KIND_SPANS: Event.Kind
    KIND_SKIP: Event.Kind
    KIND_UNDO: Event.Kind
    KIND_SUGGEST: Event.Kind
    KIND_RULE: Event.Kind
    KIND_ADD_LABEL: Event.Kind
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    EXAMPLE_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    BOXES_FIELD_NUMBER: _ClassVar[int]
    SPANS_FIELD_NUMBER: _ClassVar[int]
    UNDOES_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    SAW_SUGGESTION_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: Event.Kind
    example: str
    label: str
    boxes: _containers.RepeatedCompositeFieldContainer[LabelledBox]
    spans: _containers.RepeatedCompositeFieldContainer[LabelledSpan]
    undoes: str
    score: float
    version: str
    at: _timestamp_pb2.Timestamp
    seconds: float
    by: str
    saw_suggestion: bool
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[_Union[Event.Kind, str]] = ..., example: _Optional[str] = ..., label: _Optional[str] = ..., boxes: _Optional[_Iterable[_Union[LabelledBox, _Mapping]]] = ..., spans: _Optional[_Iterable[_Union[LabelledSpan, _Mapping]]] = ..., undoes: _Optional[str] = ..., score: _Optional[float] = ..., version: _Optional[str] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., seconds: _Optional[float] = ..., by: _Optional[str] = ..., saw_suggestion: _Optional[bool] = ...) -> None: ...

class LabelledBox(_message.Message):
    __slots__ = ("label", "left", "top", "width", "height")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    TOP_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    label: str
    left: float
    top: float
    width: float
    height: float
    def __init__(self, label: _Optional[str] = ..., left: _Optional[float] = ..., top: _Optional[float] = ..., width: _Optional[float] = ..., height: _Optional[float] = ...) -> None: ...

class LabelledSpan(_message.Message):
    __slots__ = ("label", "start", "end")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    label: str
    start: float
    end: float
    def __init__(self, label: _Optional[str] = ..., start: _Optional[float] = ..., end: _Optional[float] = ...) -> None: ...

class AppendRequest(_message.Message):
    __slots__ = ("task", "batch_id", "events")
    TASK_FIELD_NUMBER: _ClassVar[int]
    BATCH_ID_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    task: str
    batch_id: str
    events: _containers.RepeatedCompositeFieldContainer[Event]
    def __init__(self, task: _Optional[str] = ..., batch_id: _Optional[str] = ..., events: _Optional[_Iterable[_Union[Event, _Mapping]]] = ...) -> None: ...

class AppendResponse(_message.Message):
    __slots__ = ("known",)
    KNOWN_FIELD_NUMBER: _ClassVar[int]
    known: bool
    def __init__(self, known: _Optional[bool] = ...) -> None: ...

class ReadEventsRequest(_message.Message):
    __slots__ = ("task", "after", "page_size")
    TASK_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    task: str
    after: str
    page_size: int
    def __init__(self, task: _Optional[str] = ..., after: _Optional[str] = ..., page_size: _Optional[int] = ...) -> None: ...

class ReadEventsResponse(_message.Message):
    __slots__ = ("events", "next", "more")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[Event]
    next: str
    more: bool
    def __init__(self, events: _Optional[_Iterable[_Union[Event, _Mapping]]] = ..., next: _Optional[str] = ..., more: _Optional[bool] = ...) -> None: ...

class SetItem(_message.Message):
    __slots__ = ("example", "sha256", "media_type", "label", "boxes", "spans", "group", "held_out")
    EXAMPLE_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    BOXES_FIELD_NUMBER: _ClassVar[int]
    SPANS_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    HELD_OUT_FIELD_NUMBER: _ClassVar[int]
    example: str
    sha256: str
    media_type: str
    label: str
    boxes: _containers.RepeatedCompositeFieldContainer[LabelledBox]
    spans: _containers.RepeatedCompositeFieldContainer[LabelledSpan]
    group: str
    held_out: bool
    def __init__(self, example: _Optional[str] = ..., sha256: _Optional[str] = ..., media_type: _Optional[str] = ..., label: _Optional[str] = ..., boxes: _Optional[_Iterable[_Union[LabelledBox, _Mapping]]] = ..., spans: _Optional[_Iterable[_Union[LabelledSpan, _Mapping]]] = ..., group: _Optional[str] = ..., held_out: _Optional[bool] = ...) -> None: ...

class LabelSet(_message.Message):
    __slots__ = ("name", "task", "digest", "labels", "items", "made_by", "made_at")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    MADE_BY_FIELD_NUMBER: _ClassVar[int]
    MADE_AT_FIELD_NUMBER: _ClassVar[int]
    name: str
    task: str
    digest: str
    labels: _containers.RepeatedScalarFieldContainer[str]
    items: _containers.RepeatedCompositeFieldContainer[SetItem]
    made_by: str
    made_at: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., task: _Optional[str] = ..., digest: _Optional[str] = ..., labels: _Optional[_Iterable[str]] = ..., items: _Optional[_Iterable[_Union[SetItem, _Mapping]]] = ..., made_by: _Optional[str] = ..., made_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class PutSetRequest(_message.Message):
    __slots__ = ("set",)
    SET_FIELD_NUMBER: _ClassVar[int]
    set: LabelSet
    def __init__(self, set: _Optional[_Union[LabelSet, _Mapping]] = ...) -> None: ...

class PutSetResponse(_message.Message):
    __slots__ = ("set",)
    SET_FIELD_NUMBER: _ClassVar[int]
    set: LabelSet
    def __init__(self, set: _Optional[_Union[LabelSet, _Mapping]] = ...) -> None: ...

class GetSetRequest(_message.Message):
    __slots__ = ("name", "digest")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    name: str
    digest: str
    def __init__(self, name: _Optional[str] = ..., digest: _Optional[str] = ...) -> None: ...

class GetSetResponse(_message.Message):
    __slots__ = ("set",)
    SET_FIELD_NUMBER: _ClassVar[int]
    set: LabelSet
    def __init__(self, set: _Optional[_Union[LabelSet, _Mapping]] = ...) -> None: ...

class ListSetsRequest(_message.Message):
    __slots__ = ("task",)
    TASK_FIELD_NUMBER: _ClassVar[int]
    task: str
    def __init__(self, task: _Optional[str] = ...) -> None: ...

class ListSetsResponse(_message.Message):
    __slots__ = ("sets",)
    SETS_FIELD_NUMBER: _ClassVar[int]
    sets: _containers.RepeatedCompositeFieldContainer[LabelSet]
    def __init__(self, sets: _Optional[_Iterable[_Union[LabelSet, _Mapping]]] = ...) -> None: ...
