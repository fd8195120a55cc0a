import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EmbedderCount(_message.Message):
    __slots__ = ("embedder", "templates")
    EMBEDDER_FIELD_NUMBER: _ClassVar[int]
    TEMPLATES_FIELD_NUMBER: _ClassVar[int]
    embedder: str
    templates: int
    def __init__(self, embedder: _Optional[str] = ..., templates: _Optional[int] = ...) -> None: ...

class Entry(_message.Message):
    __slots__ = ("id", "revision", "embedders", "keeps_crops", "key")
    ID_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    EMBEDDERS_FIELD_NUMBER: _ClassVar[int]
    KEEPS_CROPS_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    revision: int
    embedders: _containers.RepeatedCompositeFieldContainer[EmbedderCount]
    keeps_crops: bool
    key: str
    def __init__(self, id: _Optional[str] = ..., revision: _Optional[int] = ..., embedders: _Optional[_Iterable[_Union[EmbedderCount, _Mapping]]] = ..., keeps_crops: _Optional[bool] = ..., key: _Optional[str] = ...) -> None: ...

class SealedPerson(_message.Message):
    __slots__ = ("entry", "wrapped_key", "body", "crops")
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    WRAPPED_KEY_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    CROPS_FIELD_NUMBER: _ClassVar[int]
    entry: Entry
    wrapped_key: bytes
    body: bytes
    crops: bytes
    def __init__(self, entry: _Optional[_Union[Entry, _Mapping]] = ..., wrapped_key: _Optional[bytes] = ..., body: _Optional[bytes] = ..., crops: _Optional[bytes] = ...) -> None: ...

class Tombstone(_message.Message):
    __slots__ = ("id", "revision", "at")
    ID_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    id: str
    revision: int
    at: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., revision: _Optional[int] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListRequest(_message.Message):
    __slots__ = ("gallery",)
    GALLERY_FIELD_NUMBER: _ClassVar[int]
    gallery: str
    def __init__(self, gallery: _Optional[str] = ...) -> None: ...

class ListResponse(_message.Message):
    __slots__ = ("revision", "entries", "tombstones")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    TOMBSTONES_FIELD_NUMBER: _ClassVar[int]
    revision: int
    entries: _containers.RepeatedCompositeFieldContainer[Entry]
    tombstones: _containers.RepeatedCompositeFieldContainer[Tombstone]
    def __init__(self, revision: _Optional[int] = ..., entries: _Optional[_Iterable[_Union[Entry, _Mapping]]] = ..., tombstones: _Optional[_Iterable[_Union[Tombstone, _Mapping]]] = ...) -> None: ...

class GetRequest(_message.Message):
    __slots__ = ("gallery", "id", "crops")
    GALLERY_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    CROPS_FIELD_NUMBER: _ClassVar[int]
    gallery: str
    id: str
    crops: bool
    def __init__(self, gallery: _Optional[str] = ..., id: _Optional[str] = ..., crops: _Optional[bool] = ...) -> None: ...

class GetResponse(_message.Message):
    __slots__ = ("person",)
    PERSON_FIELD_NUMBER: _ClassVar[int]
    person: SealedPerson
    def __init__(self, person: _Optional[_Union[SealedPerson, _Mapping]] = ...) -> None: ...

class PutRequest(_message.Message):
    __slots__ = ("gallery", "person", "expected_revision", "seen_revision")
    GALLERY_FIELD_NUMBER: _ClassVar[int]
    PERSON_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    SEEN_REVISION_FIELD_NUMBER: _ClassVar[int]
    gallery: str
    person: SealedPerson
    expected_revision: int
    seen_revision: int
    def __init__(self, gallery: _Optional[str] = ..., person: _Optional[_Union[SealedPerson, _Mapping]] = ..., expected_revision: _Optional[int] = ..., seen_revision: _Optional[int] = ...) -> None: ...

class PutResponse(_message.Message):
    __slots__ = ("revision",)
    REVISION_FIELD_NUMBER: _ClassVar[int]
    revision: int
    def __init__(self, revision: _Optional[int] = ...) -> None: ...

class ForgetRequest(_message.Message):
    __slots__ = ("gallery", "id")
    GALLERY_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    gallery: str
    id: str
    def __init__(self, gallery: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class ForgetResponse(_message.Message):
    __slots__ = ("tombstone",)
    TOMBSTONE_FIELD_NUMBER: _ClassVar[int]
    tombstone: Tombstone
    def __init__(self, tombstone: _Optional[_Union[Tombstone, _Mapping]] = ...) -> None: ...

class WatchRequest(_message.Message):
    __slots__ = ("gallery",)
    GALLERY_FIELD_NUMBER: _ClassVar[int]
    gallery: str
    def __init__(self, gallery: _Optional[str] = ...) -> None: ...

class WatchResponse(_message.Message):
    __slots__ = ("revision",)
    REVISION_FIELD_NUMBER: _ClassVar[int]
    revision: int
    def __init__(self, revision: _Optional[int] = ...) -> None: ...

class AcknowledgeRequest(_message.Message):
    __slots__ = ("gallery", "device_id", "revision")
    GALLERY_FIELD_NUMBER: _ClassVar[int]
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    gallery: str
    device_id: str
    revision: int
    def __init__(self, gallery: _Optional[str] = ..., device_id: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...

class AcknowledgeResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListDevicesRequest(_message.Message):
    __slots__ = ("gallery",)
    GALLERY_FIELD_NUMBER: _ClassVar[int]
    gallery: str
    def __init__(self, gallery: _Optional[str] = ...) -> None: ...

class ListDevicesResponse(_message.Message):
    __slots__ = ("devices",)
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    devices: _containers.RepeatedCompositeFieldContainer[DeviceState]
    def __init__(self, devices: _Optional[_Iterable[_Union[DeviceState, _Mapping]]] = ...) -> None: ...

class DeviceState(_message.Message):
    __slots__ = ("device_id", "revision", "at")
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    device_id: str
    revision: int
    at: _timestamp_pb2.Timestamp
    def __init__(self, device_id: _Optional[str] = ..., revision: _Optional[int] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
