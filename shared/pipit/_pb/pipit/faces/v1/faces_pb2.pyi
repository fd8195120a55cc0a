from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Consent(_message.Message):
    __slots__ = ("by", "purpose", "until", "keep_crops", "at")
    BY_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    KEEP_CROPS_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    by: str
    purpose: str
    until: str
    keep_crops: bool
    at: str
    def __init__(self, by: _Optional[str] = ..., purpose: _Optional[str] = ..., until: _Optional[str] = ..., keep_crops: _Optional[bool] = ..., at: _Optional[str] = ...) -> None: ...

class Picture(_message.Message):
    __slots__ = ("name", "data")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    name: str
    data: bytes
    def __init__(self, name: _Optional[str] = ..., data: _Optional[bytes] = ...) -> None: ...

class Enrolment(_message.Message):
    __slots__ = ("task", "name", "person_id", "another", "largest_face", "consent")
    TASK_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PERSON_ID_FIELD_NUMBER: _ClassVar[int]
    ANOTHER_FIELD_NUMBER: _ClassVar[int]
    LARGEST_FACE_FIELD_NUMBER: _ClassVar[int]
    CONSENT_FIELD_NUMBER: _ClassVar[int]
    task: str
    name: str
    person_id: str
    another: bool
    largest_face: bool
    consent: Consent
    def __init__(self, task: _Optional[str] = ..., name: _Optional[str] = ..., person_id: _Optional[str] = ..., another: _Optional[bool] = ..., largest_face: _Optional[bool] = ..., consent: _Optional[_Union[Consent, _Mapping]] = ...) -> None: ...

class EnrolRequest(_message.Message):
    __slots__ = ("begin", "picture")
    BEGIN_FIELD_NUMBER: _ClassVar[int]
    PICTURE_FIELD_NUMBER: _ClassVar[int]
    begin: Enrolment
    picture: Picture
    def __init__(self, begin: _Optional[_Union[Enrolment, _Mapping]] = ..., picture: _Optional[_Union[Picture, _Mapping]] = ...) -> None: ...

class CheckRequest(_message.Message):
    __slots__ = ("begin", "picture")
    BEGIN_FIELD_NUMBER: _ClassVar[int]
    PICTURE_FIELD_NUMBER: _ClassVar[int]
    begin: Enrolment
    picture: Picture
    def __init__(self, begin: _Optional[_Union[Enrolment, _Mapping]] = ..., picture: _Optional[_Union[Picture, _Mapping]] = ...) -> None: ...

class Verdict(_message.Message):
    __slots__ = ("picture", "accepted", "refusals", "faces", "box", "quality", "view")
    PICTURE_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    REFUSALS_FIELD_NUMBER: _ClassVar[int]
    FACES_FIELD_NUMBER: _ClassVar[int]
    BOX_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    picture: str
    accepted: bool
    refusals: _containers.RepeatedCompositeFieldContainer[Refusal]
    faces: int
    box: float
    quality: float
    view: str
    def __init__(self, picture: _Optional[str] = ..., accepted: _Optional[bool] = ..., refusals: _Optional[_Iterable[_Union[Refusal, _Mapping]]] = ..., faces: _Optional[int] = ..., box: _Optional[float] = ..., quality: _Optional[float] = ..., view: _Optional[str] = ...) -> None: ...

class Refusal(_message.Message):
    __slots__ = ("reason", "message", "value", "limit")
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    reason: str
    message: str
    value: float
    limit: float
    def __init__(self, reason: _Optional[str] = ..., message: _Optional[str] = ..., value: _Optional[float] = ..., limit: _Optional[float] = ...) -> None: ...

class Outcome(_message.Message):
    __slots__ = ("person", "accepted", "warnings", "missing_views", "revision")
    PERSON_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    MISSING_VIEWS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    person: Person
    accepted: int
    warnings: _containers.RepeatedScalarFieldContainer[str]
    missing_views: _containers.RepeatedScalarFieldContainer[str]
    revision: int
    def __init__(self, person: _Optional[_Union[Person, _Mapping]] = ..., accepted: _Optional[int] = ..., warnings: _Optional[_Iterable[str]] = ..., missing_views: _Optional[_Iterable[str]] = ..., revision: _Optional[int] = ...) -> None: ...

class EnrolResponse(_message.Message):
    __slots__ = ("verdict", "outcome")
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    verdict: Verdict
    outcome: Outcome
    def __init__(self, verdict: _Optional[_Union[Verdict, _Mapping]] = ..., outcome: _Optional[_Union[Outcome, _Mapping]] = ...) -> None: ...

class CheckResponse(_message.Message):
    __slots__ = ("verdict", "outcome")
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    verdict: Verdict
    outcome: Outcome
    def __init__(self, verdict: _Optional[_Union[Verdict, _Mapping]] = ..., outcome: _Optional[_Union[Outcome, _Mapping]] = ...) -> None: ...

class Person(_message.Message):
    __slots__ = ("id", "name", "consent", "templates", "outdated", "crops", "excluded", "in_force")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONSENT_FIELD_NUMBER: _ClassVar[int]
    TEMPLATES_FIELD_NUMBER: _ClassVar[int]
    OUTDATED_FIELD_NUMBER: _ClassVar[int]
    CROPS_FIELD_NUMBER: _ClassVar[int]
    EXCLUDED_FIELD_NUMBER: _ClassVar[int]
    IN_FORCE_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    consent: Consent
    templates: int
    outdated: int
    crops: int
    excluded: int
    in_force: bool
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., consent: _Optional[_Union[Consent, _Mapping]] = ..., templates: _Optional[int] = ..., outdated: _Optional[int] = ..., crops: _Optional[int] = ..., excluded: _Optional[int] = ..., in_force: _Optional[bool] = ...) -> None: ...

class ListPeopleRequest(_message.Message):
    __slots__ = ("task",)
    TASK_FIELD_NUMBER: _ClassVar[int]
    task: str
    def __init__(self, task: _Optional[str] = ...) -> None: ...

class ListPeopleResponse(_message.Message):
    __slots__ = ("gallery", "revision", "people")
    GALLERY_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    PEOPLE_FIELD_NUMBER: _ClassVar[int]
    gallery: str
    revision: int
    people: _containers.RepeatedCompositeFieldContainer[Person]
    def __init__(self, gallery: _Optional[str] = ..., revision: _Optional[int] = ..., people: _Optional[_Iterable[_Union[Person, _Mapping]]] = ...) -> None: ...

class Device(_message.Message):
    __slots__ = ("id", "revision", "acknowledged")
    ID_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGED_FIELD_NUMBER: _ClassVar[int]
    id: str
    revision: int
    acknowledged: bool
    def __init__(self, id: _Optional[str] = ..., revision: _Optional[int] = ..., acknowledged: _Optional[bool] = ...) -> None: ...

class ForgetRequest(_message.Message):
    __slots__ = ("person", "task")
    PERSON_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    person: str
    task: str
    def __init__(self, person: _Optional[str] = ..., task: _Optional[str] = ...) -> None: ...

class ForgetResponse(_message.Message):
    __slots__ = ("id", "name", "revision", "devices")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    revision: int
    devices: _containers.RepeatedCompositeFieldContainer[Device]
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., revision: _Optional[int] = ..., devices: _Optional[_Iterable[_Union[Device, _Mapping]]] = ...) -> None: ...

class ExportRequest(_message.Message):
    __slots__ = ("person", "task")
    PERSON_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    person: str
    task: str
    def __init__(self, person: _Optional[str] = ..., task: _Optional[str] = ...) -> None: ...

class Template(_message.Message):
    __slots__ = ("vector", "embedder", "quality", "source", "crop")
    VECTOR_FIELD_NUMBER: _ClassVar[int]
    EMBEDDER_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    CROP_FIELD_NUMBER: _ClassVar[int]
    vector: _containers.RepeatedScalarFieldContainer[float]
    embedder: str
    quality: float
    source: str
    crop: bytes
    def __init__(self, vector: _Optional[_Iterable[float]] = ..., embedder: _Optional[str] = ..., quality: _Optional[float] = ..., source: _Optional[str] = ..., crop: _Optional[bytes] = ...) -> None: ...

class ExportResponse(_message.Message):
    __slots__ = ("person", "gallery", "revision", "templates", "excluded")
    PERSON_FIELD_NUMBER: _ClassVar[int]
    GALLERY_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    TEMPLATES_FIELD_NUMBER: _ClassVar[int]
    EXCLUDED_FIELD_NUMBER: _ClassVar[int]
    person: Person
    gallery: str
    revision: int
    templates: _containers.RepeatedCompositeFieldContainer[Template]
    excluded: _containers.RepeatedCompositeFieldContainer[Template]
    def __init__(self, person: _Optional[_Union[Person, _Mapping]] = ..., gallery: _Optional[str] = ..., revision: _Optional[int] = ..., templates: _Optional[_Iterable[_Union[Template, _Mapping]]] = ..., excluded: _Optional[_Iterable[_Union[Template, _Mapping]]] = ...) -> None: ...

class Cluster(_message.Message):
    __slots__ = ("id", "faces", "first_seen", "last_seen", "crop")
    ID_FIELD_NUMBER: _ClassVar[int]
    FACES_FIELD_NUMBER: _ClassVar[int]
    FIRST_SEEN_FIELD_NUMBER: _ClassVar[int]
    LAST_SEEN_FIELD_NUMBER: _ClassVar[int]
    CROP_FIELD_NUMBER: _ClassVar[int]
    id: str
    faces: int
    first_seen: str
    last_seen: str
    crop: bytes
    def __init__(self, id: _Optional[str] = ..., faces: _Optional[int] = ..., first_seen: _Optional[str] = ..., last_seen: _Optional[str] = ..., crop: _Optional[bytes] = ...) -> None: ...

class ListUnknownRequest(_message.Message):
    __slots__ = ("task",)
    TASK_FIELD_NUMBER: _ClassVar[int]
    task: str
    def __init__(self, task: _Optional[str] = ...) -> None: ...

class ListUnknownResponse(_message.Message):
    __slots__ = ("clusters", "single", "kept")
    CLUSTERS_FIELD_NUMBER: _ClassVar[int]
    SINGLE_FIELD_NUMBER: _ClassVar[int]
    KEPT_FIELD_NUMBER: _ClassVar[int]
    clusters: _containers.RepeatedCompositeFieldContainer[Cluster]
    single: int
    kept: bool
    def __init__(self, clusters: _Optional[_Iterable[_Union[Cluster, _Mapping]]] = ..., single: _Optional[int] = ..., kept: _Optional[bool] = ...) -> None: ...

class NameRequest(_message.Message):
    __slots__ = ("cluster", "enrolment")
    CLUSTER_FIELD_NUMBER: _ClassVar[int]
    ENROLMENT_FIELD_NUMBER: _ClassVar[int]
    cluster: str
    enrolment: Enrolment
    def __init__(self, cluster: _Optional[str] = ..., enrolment: _Optional[_Union[Enrolment, _Mapping]] = ...) -> None: ...

class NameResponse(_message.Message):
    __slots__ = ("verdicts", "outcome")
    VERDICTS_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    verdicts: _containers.RepeatedCompositeFieldContainer[Verdict]
    outcome: Outcome
    def __init__(self, verdicts: _Optional[_Iterable[_Union[Verdict, _Mapping]]] = ..., outcome: _Optional[_Union[Outcome, _Mapping]] = ...) -> None: ...

class IgnoreRequest(_message.Message):
    __slots__ = ("cluster", "task")
    CLUSTER_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    cluster: str
    task: str
    def __init__(self, cluster: _Optional[str] = ..., task: _Optional[str] = ...) -> None: ...

class IgnoreResponse(_message.Message):
    __slots__ = ("faces",)
    FACES_FIELD_NUMBER: _ClassVar[int]
    faces: int
    def __init__(self, faces: _Optional[int] = ...) -> None: ...

class ExcludeRequest(_message.Message):
    __slots__ = ("person", "picture", "cluster", "task")
    PERSON_FIELD_NUMBER: _ClassVar[int]
    PICTURE_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    person: str
    picture: Picture
    cluster: str
    task: str
    def __init__(self, person: _Optional[str] = ..., picture: _Optional[_Union[Picture, _Mapping]] = ..., cluster: _Optional[str] = ..., task: _Optional[str] = ...) -> None: ...

class ExcludeResponse(_message.Message):
    __slots__ = ("person", "added", "revision")
    PERSON_FIELD_NUMBER: _ClassVar[int]
    ADDED_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    person: Person
    added: int
    revision: int
    def __init__(self, person: _Optional[_Union[Person, _Mapping]] = ..., added: _Optional[int] = ..., revision: _Optional[int] = ...) -> None: ...

class ReembedRequest(_message.Message):
    __slots__ = ("task",)
    TASK_FIELD_NUMBER: _ClassVar[int]
    task: str
    def __init__(self, task: _Optional[str] = ...) -> None: ...

class ReembedResponse(_message.Message):
    __slots__ = ("reembedded", "left", "revision")
    REEMBEDDED_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    reembedded: _containers.RepeatedCompositeFieldContainer[Person]
    left: _containers.RepeatedCompositeFieldContainer[Person]
    revision: int
    def __init__(self, reembedded: _Optional[_Iterable[_Union[Person, _Mapping]]] = ..., left: _Optional[_Iterable[_Union[Person, _Mapping]]] = ..., revision: _Optional[int] = ...) -> None: ...
