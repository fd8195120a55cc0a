from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ModelSelector(_message.Message):
    __slots__ = ("task", "version", "environment")
    TASK_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    task: str
    version: str
    environment: str
    def __init__(self, task: _Optional[str] = ..., version: _Optional[str] = ..., environment: _Optional[str] = ...) -> None: ...

class Input(_message.Message):
    __slots__ = ("image", "audio", "pcm", "landmarks", "sequence", "tensor")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    PCM_FIELD_NUMBER: _ClassVar[int]
    LANDMARKS_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TENSOR_FIELD_NUMBER: _ClassVar[int]
    image: bytes
    audio: bytes
    pcm: PcmAudio
    landmarks: Landmarks
    sequence: InputSequence
    tensor: Tensor
    def __init__(self, image: _Optional[bytes] = ..., audio: _Optional[bytes] = ..., pcm: _Optional[_Union[PcmAudio, _Mapping]] = ..., landmarks: _Optional[_Union[Landmarks, _Mapping]] = ..., sequence: _Optional[_Union[InputSequence, _Mapping]] = ..., tensor: _Optional[_Union[Tensor, _Mapping]] = ...) -> None: ...

class PcmAudio(_message.Message):
    __slots__ = ("samples", "encoding", "sample_rate", "channels")
    class Encoding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        ENCODING_UNSPECIFIED: _ClassVar[PcmAudio.Encoding]
        ENCODING_S16: _ClassVar[PcmAudio.Encoding]
        ENCODING_F32: _ClassVar[PcmAudio.Encoding]
    ENCODING_UNSPECIFIED: PcmAudio.Encoding
    ENCODING_S16: PcmAudio.Encoding
    ENCODING_F32: PcmAudio.Encoding
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    samples: bytes
    encoding: PcmAudio.Encoding
    sample_rate: int
    channels: int
    def __init__(self, samples: _Optional[bytes] = ..., encoding: _Optional[_Union[PcmAudio.Encoding, str]] = ..., sample_rate: _Optional[int] = ..., channels: _Optional[int] = ...) -> None: ...

class Landmarks(_message.Message):
    __slots__ = ("values", "aspect_ratio")
    VALUES_FIELD_NUMBER: _ClassVar[int]
    ASPECT_RATIO_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedScalarFieldContainer[float]
    aspect_ratio: float
    def __init__(self, values: _Optional[_Iterable[float]] = ..., aspect_ratio: _Optional[float] = ...) -> None: ...

class InputSequence(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Input]
    def __init__(self, items: _Optional[_Iterable[_Union[Input, _Mapping]]] = ...) -> None: ...

class Tensor(_message.Message):
    __slots__ = ("name", "dtype", "shape", "data")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    name: str
    dtype: str
    shape: _containers.RepeatedScalarFieldContainer[int]
    data: bytes
    def __init__(self, name: _Optional[str] = ..., dtype: _Optional[str] = ..., shape: _Optional[_Iterable[int]] = ..., data: _Optional[bytes] = ...) -> None: ...

class ClassifyOptions(_message.Message):
    __slots__ = ("top_k", "min_score")
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    MIN_SCORE_FIELD_NUMBER: _ClassVar[int]
    top_k: int
    min_score: float
    def __init__(self, top_k: _Optional[int] = ..., min_score: _Optional[float] = ...) -> None: ...

class ClassifyRequest(_message.Message):
    __slots__ = ("model", "input", "options", "request_id")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    model: ModelSelector
    input: Input
    options: ClassifyOptions
    request_id: str
    def __init__(self, model: _Optional[_Union[ModelSelector, _Mapping]] = ..., input: _Optional[_Union[Input, _Mapping]] = ..., options: _Optional[_Union[ClassifyOptions, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class ClassifyResponse(_message.Message):
    __slots__ = ("request_id", "predictions", "model", "times")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    TIMES_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    predictions: _containers.RepeatedCompositeFieldContainer[Prediction]
    model: ModelIdentity
    times: StageTimes
    def __init__(self, request_id: _Optional[str] = ..., predictions: _Optional[_Iterable[_Union[Prediction, _Mapping]]] = ..., model: _Optional[_Union[ModelIdentity, _Mapping]] = ..., times: _Optional[_Union[StageTimes, _Mapping]] = ...) -> None: ...

class Prediction(_message.Message):
    __slots__ = ("box", "span", "scores", "unknown", "uncertain", "region_score", "label", "quality")
    BOX_FIELD_NUMBER: _ClassVar[int]
    SPAN_FIELD_NUMBER: _ClassVar[int]
    SCORES_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    UNCERTAIN_FIELD_NUMBER: _ClassVar[int]
    REGION_SCORE_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    box: Box
    span: TimeSpan
    scores: _containers.RepeatedCompositeFieldContainer[LabelScore]
    unknown: bool
    uncertain: bool
    region_score: float
    label: str
    quality: float
    def __init__(self, box: _Optional[_Union[Box, _Mapping]] = ..., span: _Optional[_Union[TimeSpan, _Mapping]] = ..., scores: _Optional[_Iterable[_Union[LabelScore, _Mapping]]] = ..., unknown: _Optional[bool] = ..., uncertain: _Optional[bool] = ..., region_score: _Optional[float] = ..., label: _Optional[str] = ..., quality: _Optional[float] = ...) -> None: ...

class LabelScore(_message.Message):
    __slots__ = ("label", "score", "detected", "experimental")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    DETECTED_FIELD_NUMBER: _ClassVar[int]
    EXPERIMENTAL_FIELD_NUMBER: _ClassVar[int]
    label: str
    score: float
    detected: bool
    experimental: bool
    def __init__(self, label: _Optional[str] = ..., score: _Optional[float] = ..., detected: _Optional[bool] = ..., experimental: _Optional[bool] = ...) -> None: ...

class Box(_message.Message):
    __slots__ = ("left", "top", "width", "height")
    LEFT_FIELD_NUMBER: _ClassVar[int]
    TOP_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    left: float
    top: float
    width: float
    height: float
    def __init__(self, left: _Optional[float] = ..., top: _Optional[float] = ..., width: _Optional[float] = ..., height: _Optional[float] = ...) -> None: ...

class TimeSpan(_message.Message):
    __slots__ = ("start_seconds", "end_seconds")
    START_SECONDS_FIELD_NUMBER: _ClassVar[int]
    END_SECONDS_FIELD_NUMBER: _ClassVar[int]
    start_seconds: float
    end_seconds: float
    def __init__(self, start_seconds: _Optional[float] = ..., end_seconds: _Optional[float] = ...) -> None: ...

class ModelIdentity(_message.Message):
    __slots__ = ("task", "version", "digest", "variant")
    TASK_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    VARIANT_FIELD_NUMBER: _ClassVar[int]
    task: str
    version: str
    digest: str
    variant: str
    def __init__(self, task: _Optional[str] = ..., version: _Optional[str] = ..., digest: _Optional[str] = ..., variant: _Optional[str] = ...) -> None: ...

class StageTimes(_message.Message):
    __slots__ = ("decode_us", "queue_us", "run_us", "interpret_us")
    DECODE_US_FIELD_NUMBER: _ClassVar[int]
    QUEUE_US_FIELD_NUMBER: _ClassVar[int]
    RUN_US_FIELD_NUMBER: _ClassVar[int]
    INTERPRET_US_FIELD_NUMBER: _ClassVar[int]
    decode_us: int
    queue_us: int
    run_us: int
    interpret_us: int
    def __init__(self, decode_us: _Optional[int] = ..., queue_us: _Optional[int] = ..., run_us: _Optional[int] = ..., interpret_us: _Optional[int] = ...) -> None: ...

class ClassifyStreamRequest(_message.Message):
    __slots__ = ("request", "seconds", "answer_always")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    ANSWER_ALWAYS_FIELD_NUMBER: _ClassVar[int]
    request: ClassifyRequest
    seconds: float
    answer_always: bool
    def __init__(self, request: _Optional[_Union[ClassifyRequest, _Mapping]] = ..., seconds: _Optional[float] = ..., answer_always: _Optional[bool] = ...) -> None: ...

class ClassifyStreamResponse(_message.Message):
    __slots__ = ("response", "error")
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    response: ClassifyResponse
    error: StreamError
    def __init__(self, response: _Optional[_Union[ClassifyResponse, _Mapping]] = ..., error: _Optional[_Union[StreamError, _Mapping]] = ...) -> None: ...

class StreamError(_message.Message):
    __slots__ = ("request_id", "code", "message", "reason")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    code: int
    message: str
    reason: str
    def __init__(self, request_id: _Optional[str] = ..., code: _Optional[int] = ..., message: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class FeedbackRequest(_message.Message):
    __slots__ = ("request_id", "label")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    label: str
    def __init__(self, request_id: _Optional[str] = ..., label: _Optional[str] = ...) -> None: ...

class FeedbackResponse(_message.Message):
    __slots__ = ("model", "predicted", "was_right")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PREDICTED_FIELD_NUMBER: _ClassVar[int]
    WAS_RIGHT_FIELD_NUMBER: _ClassVar[int]
    model: ModelIdentity
    predicted: str
    was_right: bool
    def __init__(self, model: _Optional[_Union[ModelIdentity, _Mapping]] = ..., predicted: _Optional[str] = ..., was_right: _Optional[bool] = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models",)
    MODELS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[Model]
    def __init__(self, models: _Optional[_Iterable[_Union[Model, _Mapping]]] = ...) -> None: ...

class Model(_message.Message):
    __slots__ = ("identity", "state", "reason", "labels", "input_kind", "environment", "signed_by")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Model.State]
        STATE_LOADING: _ClassVar[Model.State]
        STATE_SERVING: _ClassVar[Model.State]
        STATE_NOT_SERVING: _ClassVar[Model.State]
    STATE_UNSPECIFIED: Model.State
    STATE_LOADING: Model.State
    STATE_SERVING: Model.State
    STATE_NOT_SERVING: Model.State
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    INPUT_KIND_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    SIGNED_BY_FIELD_NUMBER: _ClassVar[int]
    identity: ModelIdentity
    state: Model.State
    reason: str
    labels: _containers.RepeatedScalarFieldContainer[str]
    input_kind: str
    environment: str
    signed_by: str
    def __init__(self, identity: _Optional[_Union[ModelIdentity, _Mapping]] = ..., state: _Optional[_Union[Model.State, str]] = ..., reason: _Optional[str] = ..., labels: _Optional[_Iterable[str]] = ..., input_kind: _Optional[str] = ..., environment: _Optional[str] = ..., signed_by: _Optional[str] = ...) -> None: ...
