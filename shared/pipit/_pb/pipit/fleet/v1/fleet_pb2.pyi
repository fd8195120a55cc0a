import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STATE_UNSPECIFIED: _ClassVar[State]
    STATE_LOADING: _ClassVar[State]
    STATE_SERVING: _ClassVar[State]
    STATE_REFUSED: _ClassVar[State]
    STATE_PREFETCHING: _ClassVar[State]
    STATE_PREFETCHED: _ClassVar[State]
    STATE_ROLLING_BACK: _ClassVar[State]

class RolloutState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROLLOUT_STATE_UNSPECIFIED: _ClassVar[RolloutState]
    ROLLOUT_STATE_PREFETCHING: _ClassVar[RolloutState]
    ROLLOUT_STATE_RUNNING: _ClassVar[RolloutState]
    ROLLOUT_STATE_PAUSED: _ClassVar[RolloutState]
    ROLLOUT_STATE_SUCCEEDED: _ClassVar[RolloutState]
    ROLLOUT_STATE_ABORTED: _ClassVar[RolloutState]
    ROLLOUT_STATE_SUPERSEDED: _ClassVar[RolloutState]
STATE_UNSPECIFIED: State
STATE_LOADING: State
STATE_SERVING: State
STATE_REFUSED: State
STATE_PREFETCHING: State
STATE_PREFETCHED: State
STATE_ROLLING_BACK: State
ROLLOUT_STATE_UNSPECIFIED: RolloutState
ROLLOUT_STATE_PREFETCHING: RolloutState
ROLLOUT_STATE_RUNNING: RolloutState
ROLLOUT_STATE_PAUSED: RolloutState
ROLLOUT_STATE_SUCCEEDED: RolloutState
ROLLOUT_STATE_ABORTED: RolloutState
ROLLOUT_STATE_SUPERSEDED: RolloutState

class ReportRequest(_message.Message):
    __slots__ = ("device_id", "process", "boot_id", "sequence", "board", "environment", "software", "tasks", "windows", "cpu_temperature", "throttled", "memory_available", "up_seconds")
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    PROCESS_FIELD_NUMBER: _ClassVar[int]
    BOOT_ID_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    BOARD_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    SOFTWARE_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    WINDOWS_FIELD_NUMBER: _ClassVar[int]
    CPU_TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    THROTTLED_FIELD_NUMBER: _ClassVar[int]
    MEMORY_AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    UP_SECONDS_FIELD_NUMBER: _ClassVar[int]
    device_id: str
    process: int
    boot_id: str
    sequence: int
    board: str
    environment: str
    software: str
    tasks: _containers.RepeatedCompositeFieldContainer[TaskReport]
    windows: _containers.RepeatedCompositeFieldContainer[Window]
    cpu_temperature: float
    throttled: bool
    memory_available: int
    up_seconds: float
    def __init__(self, device_id: _Optional[str] = ..., process: _Optional[int] = ..., boot_id: _Optional[str] = ..., sequence: _Optional[int] = ..., board: _Optional[str] = ..., environment: _Optional[str] = ..., software: _Optional[str] = ..., tasks: _Optional[_Iterable[_Union[TaskReport, _Mapping]]] = ..., windows: _Optional[_Iterable[_Union[Window, _Mapping]]] = ..., cpu_temperature: _Optional[float] = ..., throttled: _Optional[bool] = ..., memory_available: _Optional[int] = ..., up_seconds: _Optional[float] = ...) -> None: ...

class ReportResponse(_message.Message):
    __slots__ = ("next_seconds",)
    NEXT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    next_seconds: float
    def __init__(self, next_seconds: _Optional[float] = ...) -> None: ...

class TaskReport(_message.Message):
    __slots__ = ("task", "desired_version", "revision", "active_version", "active_digest", "state", "failed_step", "reason", "golden_deviation", "active_seconds", "candidate_version", "candidate_state", "candidate_failed_step", "candidate_reason", "standby")
    TASK_FIELD_NUMBER: _ClassVar[int]
    DESIRED_VERSION_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_VERSION_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    FAILED_STEP_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    GOLDEN_DEVIATION_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    CANDIDATE_VERSION_FIELD_NUMBER: _ClassVar[int]
    CANDIDATE_STATE_FIELD_NUMBER: _ClassVar[int]
    CANDIDATE_FAILED_STEP_FIELD_NUMBER: _ClassVar[int]
    CANDIDATE_REASON_FIELD_NUMBER: _ClassVar[int]
    STANDBY_FIELD_NUMBER: _ClassVar[int]
    task: str
    desired_version: str
    revision: int
    active_version: str
    active_digest: str
    state: State
    failed_step: str
    reason: str
    golden_deviation: float
    active_seconds: float
    candidate_version: str
    candidate_state: State
    candidate_failed_step: str
    candidate_reason: str
    standby: bool
    def __init__(self, task: _Optional[str] = ..., desired_version: _Optional[str] = ..., revision: _Optional[int] = ..., active_version: _Optional[str] = ..., active_digest: _Optional[str] = ..., state: _Optional[_Union[State, str]] = ..., failed_step: _Optional[str] = ..., reason: _Optional[str] = ..., golden_deviation: _Optional[float] = ..., active_seconds: _Optional[float] = ..., candidate_version: _Optional[str] = ..., candidate_state: _Optional[_Union[State, str]] = ..., candidate_failed_step: _Optional[str] = ..., candidate_reason: _Optional[str] = ..., standby: _Optional[bool] = ...) -> None: ...

class Window(_message.Message):
    __slots__ = ("kind", "task", "version", "rollout", "stage", "seconds", "answered", "errors", "over_budget", "predictions", "unknown", "score_counts", "label_counts", "feedback_right", "feedback_wrong", "disagreed", "latency_sum", "latency_squares")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[Window.Kind]
        KIND_LIVE: _ClassVar[Window.Kind]
        KIND_BEFORE: _ClassVar[Window.Kind]
        KIND_REPLAY: _ClassVar[Window.Kind]
        KIND_SHADOW: _ClassVar[Window.Kind]
    KIND_UNSPECIFIED: Window.Kind
    KIND_LIVE: Window.Kind
    KIND_BEFORE: Window.Kind
    KIND_REPLAY: Window.Kind
    KIND_SHADOW: Window.Kind
    class ErrorsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class LabelCountsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    KIND_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ROLLOUT_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    OVER_BUDGET_FIELD_NUMBER: _ClassVar[int]
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    SCORE_COUNTS_FIELD_NUMBER: _ClassVar[int]
    LABEL_COUNTS_FIELD_NUMBER: _ClassVar[int]
    FEEDBACK_RIGHT_FIELD_NUMBER: _ClassVar[int]
    FEEDBACK_WRONG_FIELD_NUMBER: _ClassVar[int]
    DISAGREED_FIELD_NUMBER: _ClassVar[int]
    LATENCY_SUM_FIELD_NUMBER: _ClassVar[int]
    LATENCY_SQUARES_FIELD_NUMBER: _ClassVar[int]
    kind: Window.Kind
    task: str
    version: str
    rollout: str
    stage: int
    seconds: float
    answered: int
    errors: _containers.ScalarMap[str, int]
    over_budget: int
    predictions: int
    unknown: int
    score_counts: _containers.RepeatedScalarFieldContainer[int]
    label_counts: _containers.ScalarMap[str, int]
    feedback_right: int
    feedback_wrong: int
    disagreed: int
    latency_sum: float
    latency_squares: float
    def __init__(self, kind: _Optional[_Union[Window.Kind, str]] = ..., task: _Optional[str] = ..., version: _Optional[str] = ..., rollout: _Optional[str] = ..., stage: _Optional[int] = ..., seconds: _Optional[float] = ..., answered: _Optional[int] = ..., errors: _Optional[_Mapping[str, int]] = ..., over_budget: _Optional[int] = ..., predictions: _Optional[int] = ..., unknown: _Optional[int] = ..., score_counts: _Optional[_Iterable[int]] = ..., label_counts: _Optional[_Mapping[str, int]] = ..., feedback_right: _Optional[int] = ..., feedback_wrong: _Optional[int] = ..., disagreed: _Optional[int] = ..., latency_sum: _Optional[float] = ..., latency_squares: _Optional[float] = ...) -> None: ...

class Device(_message.Message):
    __slots__ = ("device_id", "environment", "board", "software", "last_seen", "online", "tasks", "pins", "has_token", "cpu_temperature", "throttled", "memory_available", "up_seconds")
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    BOARD_FIELD_NUMBER: _ClassVar[int]
    SOFTWARE_FIELD_NUMBER: _ClassVar[int]
    LAST_SEEN_FIELD_NUMBER: _ClassVar[int]
    ONLINE_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    PINS_FIELD_NUMBER: _ClassVar[int]
    HAS_TOKEN_FIELD_NUMBER: _ClassVar[int]
    CPU_TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    THROTTLED_FIELD_NUMBER: _ClassVar[int]
    MEMORY_AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    UP_SECONDS_FIELD_NUMBER: _ClassVar[int]
    device_id: str
    environment: str
    board: str
    software: str
    last_seen: _timestamp_pb2.Timestamp
    online: bool
    tasks: _containers.RepeatedCompositeFieldContainer[TaskReport]
    pins: _containers.RepeatedCompositeFieldContainer[PinnedTask]
    has_token: bool
    cpu_temperature: float
    throttled: bool
    memory_available: int
    up_seconds: float
    def __init__(self, device_id: _Optional[str] = ..., environment: _Optional[str] = ..., board: _Optional[str] = ..., software: _Optional[str] = ..., last_seen: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., online: _Optional[bool] = ..., tasks: _Optional[_Iterable[_Union[TaskReport, _Mapping]]] = ..., pins: _Optional[_Iterable[_Union[PinnedTask, _Mapping]]] = ..., has_token: _Optional[bool] = ..., cpu_temperature: _Optional[float] = ..., throttled: _Optional[bool] = ..., memory_available: _Optional[int] = ..., up_seconds: _Optional[float] = ...) -> None: ...

class PinnedTask(_message.Message):
    __slots__ = ("task", "version", "digest", "by", "reason", "at")
    TASK_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    task: str
    version: str
    digest: str
    by: str
    reason: str
    at: _timestamp_pb2.Timestamp
    def __init__(self, task: _Optional[str] = ..., version: _Optional[str] = ..., digest: _Optional[str] = ..., by: _Optional[str] = ..., reason: _Optional[str] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListDevicesRequest(_message.Message):
    __slots__ = ("environment", "task")
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    environment: str
    task: str
    def __init__(self, environment: _Optional[str] = ..., task: _Optional[str] = ...) -> None: ...

class ListDevicesResponse(_message.Message):
    __slots__ = ("devices",)
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    devices: _containers.RepeatedCompositeFieldContainer[Device]
    def __init__(self, devices: _Optional[_Iterable[_Union[Device, _Mapping]]] = ...) -> None: ...

class AddDeviceRequest(_message.Message):
    __slots__ = ("device_id", "tasks")
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    device_id: str
    tasks: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, device_id: _Optional[str] = ..., tasks: _Optional[_Iterable[str]] = ...) -> None: ...

class AddDeviceResponse(_message.Message):
    __slots__ = ("token", "replaced")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    REPLACED_FIELD_NUMBER: _ClassVar[int]
    token: str
    replaced: bool
    def __init__(self, token: _Optional[str] = ..., replaced: _Optional[bool] = ...) -> None: ...

class RemoveDeviceRequest(_message.Message):
    __slots__ = ("device_id",)
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    device_id: str
    def __init__(self, device_id: _Optional[str] = ...) -> None: ...

class RemoveDeviceResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PinRequest(_message.Message):
    __slots__ = ("device_id", "task", "version", "reason")
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    device_id: str
    task: str
    version: str
    reason: str
    def __init__(self, device_id: _Optional[str] = ..., task: _Optional[str] = ..., version: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class PinResponse(_message.Message):
    __slots__ = ("pin",)
    PIN_FIELD_NUMBER: _ClassVar[int]
    pin: PinnedTask
    def __init__(self, pin: _Optional[_Union[PinnedTask, _Mapping]] = ...) -> None: ...

class UnpinRequest(_message.Message):
    __slots__ = ("device_id", "task")
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    device_id: str
    task: str
    def __init__(self, device_id: _Optional[str] = ..., task: _Optional[str] = ...) -> None: ...

class UnpinResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Stage(_message.Message):
    __slots__ = ("devices", "share", "bake_seconds", "holds")
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    BAKE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    HOLDS_FIELD_NUMBER: _ClassVar[int]
    devices: int
    share: float
    bake_seconds: float
    holds: bool
    def __init__(self, devices: _Optional[int] = ..., share: _Optional[float] = ..., bake_seconds: _Optional[float] = ..., holds: _Optional[bool] = ...) -> None: ...

class Rollout(_message.Message):
    __slots__ = ("id", "task", "environment", "from_version", "to_version", "state", "stage", "stages", "started_at", "stage_since", "by", "reason", "profile", "rules", "when_silent", "shadow", "order", "canaries", "verdict", "ended_at", "revision")
    ID_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    FROM_VERSION_FIELD_NUMBER: _ClassVar[int]
    TO_VERSION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    STAGE_SINCE_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    WHEN_SILENT_FIELD_NUMBER: _ClassVar[int]
    SHADOW_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    CANARIES_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    id: str
    task: str
    environment: str
    from_version: str
    to_version: str
    state: RolloutState
    stage: int
    stages: _containers.RepeatedCompositeFieldContainer[Stage]
    started_at: _timestamp_pb2.Timestamp
    stage_since: _timestamp_pb2.Timestamp
    by: str
    reason: str
    profile: str
    rules: str
    when_silent: str
    shadow: bool
    order: _containers.RepeatedScalarFieldContainer[str]
    canaries: _containers.RepeatedScalarFieldContainer[str]
    verdict: Verdict
    ended_at: _timestamp_pb2.Timestamp
    revision: int
    def __init__(self, id: _Optional[str] = ..., task: _Optional[str] = ..., environment: _Optional[str] = ..., from_version: _Optional[str] = ..., to_version: _Optional[str] = ..., state: _Optional[_Union[RolloutState, str]] = ..., stage: _Optional[int] = ..., stages: _Optional[_Iterable[_Union[Stage, _Mapping]]] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., stage_since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., by: _Optional[str] = ..., reason: _Optional[str] = ..., profile: _Optional[str] = ..., rules: _Optional[str] = ..., when_silent: _Optional[str] = ..., shadow: _Optional[bool] = ..., order: _Optional[_Iterable[str]] = ..., canaries: _Optional[_Iterable[str]] = ..., verdict: _Optional[_Union[Verdict, _Mapping]] = ..., ended_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., revision: _Optional[int] = ...) -> None: ...

class Evidence(_message.Message):
    __slots__ = ("rule", "value", "limit", "fires", "then", "sentence", "devices")
    RULE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    FIRES_FIELD_NUMBER: _ClassVar[int]
    THEN_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    rule: str
    value: float
    limit: float
    fires: bool
    then: str
    sentence: str
    devices: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, rule: _Optional[str] = ..., value: _Optional[float] = ..., limit: _Optional[float] = ..., fires: _Optional[bool] = ..., then: _Optional[str] = ..., sentence: _Optional[str] = ..., devices: _Optional[_Iterable[str]] = ...) -> None: ...

class Verdict(_message.Message):
    __slots__ = ("kind", "rule", "sentence", "at", "evidence")
    KIND_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    kind: str
    rule: str
    sentence: str
    at: _timestamp_pb2.Timestamp
    evidence: _containers.RepeatedCompositeFieldContainer[Evidence]
    def __init__(self, kind: _Optional[str] = ..., rule: _Optional[str] = ..., sentence: _Optional[str] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., evidence: _Optional[_Iterable[_Union[Evidence, _Mapping]]] = ...) -> None: ...

class Lane(_message.Message):
    __slots__ = ("device_id", "lane", "version", "reason", "answered", "failed")
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    LANE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    device_id: str
    lane: str
    version: str
    reason: str
    answered: int
    failed: int
    def __init__(self, device_id: _Optional[str] = ..., lane: _Optional[str] = ..., version: _Optional[str] = ..., reason: _Optional[str] = ..., answered: _Optional[int] = ..., failed: _Optional[int] = ...) -> None: ...

class StartRolloutRequest(_message.Message):
    __slots__ = ("task", "version", "environment", "reason", "override_gates", "profile", "first", "when_silent", "supersede", "shadow", "expected_revision")
    TASK_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    OVERRIDE_GATES_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    WHEN_SILENT_FIELD_NUMBER: _ClassVar[int]
    SUPERSEDE_FIELD_NUMBER: _ClassVar[int]
    SHADOW_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    task: str
    version: str
    environment: str
    reason: str
    override_gates: bool
    profile: str
    first: _containers.RepeatedScalarFieldContainer[str]
    when_silent: str
    supersede: bool
    shadow: bool
    expected_revision: int
    def __init__(self, task: _Optional[str] = ..., version: _Optional[str] = ..., environment: _Optional[str] = ..., reason: _Optional[str] = ..., override_gates: _Optional[bool] = ..., profile: _Optional[str] = ..., first: _Optional[_Iterable[str]] = ..., when_silent: _Optional[str] = ..., supersede: _Optional[bool] = ..., shadow: _Optional[bool] = ..., expected_revision: _Optional[int] = ...) -> None: ...

class StartRolloutResponse(_message.Message):
    __slots__ = ("rollout", "moved_at_once", "version", "digest", "revision", "gates")
    ROLLOUT_FIELD_NUMBER: _ClassVar[int]
    MOVED_AT_ONCE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    GATES_FIELD_NUMBER: _ClassVar[int]
    rollout: Rollout
    moved_at_once: str
    version: str
    digest: str
    revision: int
    gates: _containers.RepeatedCompositeFieldContainer[Gate]
    def __init__(self, rollout: _Optional[_Union[Rollout, _Mapping]] = ..., moved_at_once: _Optional[str] = ..., version: _Optional[str] = ..., digest: _Optional[str] = ..., revision: _Optional[int] = ..., gates: _Optional[_Iterable[_Union[Gate, _Mapping]]] = ...) -> None: ...

class Gate(_message.Message):
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

class GetRolloutRequest(_message.Message):
    __slots__ = ("task", "environment", "id")
    TASK_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    task: str
    environment: str
    id: str
    def __init__(self, task: _Optional[str] = ..., environment: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class GetRolloutResponse(_message.Message):
    __slots__ = ("rollout", "evidence", "lanes", "explanation", "comparisons")
    ROLLOUT_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    LANES_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    COMPARISONS_FIELD_NUMBER: _ClassVar[int]
    rollout: Rollout
    evidence: _containers.RepeatedCompositeFieldContainer[Evidence]
    lanes: _containers.RepeatedCompositeFieldContainer[Lane]
    explanation: str
    comparisons: _containers.RepeatedCompositeFieldContainer[ArmComparison]
    def __init__(self, rollout: _Optional[_Union[Rollout, _Mapping]] = ..., evidence: _Optional[_Iterable[_Union[Evidence, _Mapping]]] = ..., lanes: _Optional[_Iterable[_Union[Lane, _Mapping]]] = ..., explanation: _Optional[str] = ..., comparisons: _Optional[_Iterable[_Union[ArmComparison, _Mapping]]] = ...) -> None: ...

class ArmComparison(_message.Message):
    __slots__ = ("measure", "from_value", "to_value", "difference", "low", "high", "from_samples", "to_samples", "better", "more_seconds")
    MEASURE_FIELD_NUMBER: _ClassVar[int]
    FROM_VALUE_FIELD_NUMBER: _ClassVar[int]
    TO_VALUE_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    FROM_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    TO_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    BETTER_FIELD_NUMBER: _ClassVar[int]
    MORE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    measure: str
    from_value: float
    to_value: float
    difference: float
    low: float
    high: float
    from_samples: int
    to_samples: int
    better: str
    more_seconds: float
    def __init__(self, measure: _Optional[str] = ..., from_value: _Optional[float] = ..., to_value: _Optional[float] = ..., difference: _Optional[float] = ..., low: _Optional[float] = ..., high: _Optional[float] = ..., from_samples: _Optional[int] = ..., to_samples: _Optional[int] = ..., better: _Optional[str] = ..., more_seconds: _Optional[float] = ...) -> None: ...

class ListRolloutsRequest(_message.Message):
    __slots__ = ("task", "environment", "only_open")
    TASK_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    ONLY_OPEN_FIELD_NUMBER: _ClassVar[int]
    task: str
    environment: str
    only_open: bool
    def __init__(self, task: _Optional[str] = ..., environment: _Optional[str] = ..., only_open: _Optional[bool] = ...) -> None: ...

class ListRolloutsResponse(_message.Message):
    __slots__ = ("rollouts",)
    ROLLOUTS_FIELD_NUMBER: _ClassVar[int]
    rollouts: _containers.RepeatedCompositeFieldContainer[Rollout]
    def __init__(self, rollouts: _Optional[_Iterable[_Union[Rollout, _Mapping]]] = ...) -> None: ...

class PauseRolloutRequest(_message.Message):
    __slots__ = ("task", "environment", "reason")
    TASK_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    task: str
    environment: str
    reason: str
    def __init__(self, task: _Optional[str] = ..., environment: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class PauseRolloutResponse(_message.Message):
    __slots__ = ("rollout",)
    ROLLOUT_FIELD_NUMBER: _ClassVar[int]
    rollout: Rollout
    def __init__(self, rollout: _Optional[_Union[Rollout, _Mapping]] = ...) -> None: ...

class ResumeRolloutRequest(_message.Message):
    __slots__ = ("task", "environment", "reason", "advance")
    TASK_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ADVANCE_FIELD_NUMBER: _ClassVar[int]
    task: str
    environment: str
    reason: str
    advance: bool
    def __init__(self, task: _Optional[str] = ..., environment: _Optional[str] = ..., reason: _Optional[str] = ..., advance: _Optional[bool] = ...) -> None: ...

class ResumeRolloutResponse(_message.Message):
    __slots__ = ("rollout",)
    ROLLOUT_FIELD_NUMBER: _ClassVar[int]
    rollout: Rollout
    def __init__(self, rollout: _Optional[_Union[Rollout, _Mapping]] = ...) -> None: ...

class AbortRolloutRequest(_message.Message):
    __slots__ = ("task", "environment", "reason")
    TASK_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    task: str
    environment: str
    reason: str
    def __init__(self, task: _Optional[str] = ..., environment: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class AbortRolloutResponse(_message.Message):
    __slots__ = ("rollout",)
    ROLLOUT_FIELD_NUMBER: _ClassVar[int]
    rollout: Rollout
    def __init__(self, rollout: _Optional[_Union[Rollout, _Mapping]] = ...) -> None: ...
