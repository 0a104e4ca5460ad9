from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RulesOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RULES_OUTCOME_UNSPECIFIED: _ClassVar[RulesOutcome]
    RULES_OUTCOME_ACTIVATED: _ClassVar[RulesOutcome]
    RULES_OUTCOME_UNCHANGED: _ClassVar[RulesOutcome]
    RULES_OUTCOME_SHADOWING: _ClassVar[RulesOutcome]
    RULES_OUTCOME_REFUSED: _ClassVar[RulesOutcome]
    RULES_OUTCOME_ROLLED_BACK: _ClassVar[RulesOutcome]
    RULES_OUTCOME_PROMOTED: _ClassVar[RulesOutcome]
    RULES_OUTCOME_SHADOW_ENDED: _ClassVar[RulesOutcome]
RULES_OUTCOME_UNSPECIFIED: RulesOutcome
RULES_OUTCOME_ACTIVATED: RulesOutcome
RULES_OUTCOME_UNCHANGED: RulesOutcome
RULES_OUTCOME_SHADOWING: RulesOutcome
RULES_OUTCOME_REFUSED: RulesOutcome
RULES_OUTCOME_ROLLED_BACK: RulesOutcome
RULES_OUTCOME_PROMOTED: RulesOutcome
RULES_OUTCOME_SHADOW_ENDED: RulesOutcome

class PushRequest(_message.Message):
    __slots__ = ("archive", "shadow")
    ARCHIVE_FIELD_NUMBER: _ClassVar[int]
    SHADOW_FIELD_NUMBER: _ClassVar[int]
    archive: bytes
    shadow: bool
    def __init__(self, archive: _Optional[bytes] = ..., shadow: _Optional[bool] = ...) -> None: ...

class StatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RollbackRequest(_message.Message):
    __slots__ = ("revision",)
    REVISION_FIELD_NUMBER: _ClassVar[int]
    revision: str
    def __init__(self, revision: _Optional[str] = ...) -> None: ...

class PromoteRequest(_message.Message):
    __slots__ = ("discard",)
    DISCARD_FIELD_NUMBER: _ClassVar[int]
    discard: bool
    def __init__(self, discard: _Optional[bool] = ...) -> None: ...

class RulesResponse(_message.Message):
    __slots__ = ("outcome", "bundle", "faults", "workers")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    FAULTS_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    outcome: RulesOutcome
    bundle: BundleInfo
    faults: _containers.RepeatedScalarFieldContainer[str]
    workers: _containers.RepeatedCompositeFieldContainer[WorkerRules]
    def __init__(self, outcome: _Optional[_Union[RulesOutcome, str]] = ..., bundle: _Optional[_Union[BundleInfo, _Mapping]] = ..., faults: _Optional[_Iterable[str]] = ..., workers: _Optional[_Iterable[_Union[WorkerRules, _Mapping]]] = ...) -> None: ...

class WorkerRules(_message.Message):
    __slots__ = ("worker", "pid", "generation", "revision", "version", "failure")
    WORKER_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    worker: int
    pid: int
    generation: int
    revision: str
    version: str
    failure: str
    def __init__(self, worker: _Optional[int] = ..., pid: _Optional[int] = ..., generation: _Optional[int] = ..., revision: _Optional[str] = ..., version: _Optional[str] = ..., failure: _Optional[str] = ...) -> None: ...

class BundleInfo(_message.Message):
    __slots__ = ("name", "version", "revision", "rules")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    revision: str
    rules: int
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., revision: _Optional[str] = ..., rules: _Optional[int] = ...) -> None: ...

class StatusResponse(_message.Message):
    __slots__ = ("active", "previous", "shadow", "workers", "last_refusal")
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_FIELD_NUMBER: _ClassVar[int]
    SHADOW_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    LAST_REFUSAL_FIELD_NUMBER: _ClassVar[int]
    active: BundleInfo
    previous: BundleInfo
    shadow: ShadowStatus
    workers: _containers.RepeatedCompositeFieldContainer[WorkerRules]
    last_refusal: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, active: _Optional[_Union[BundleInfo, _Mapping]] = ..., previous: _Optional[_Union[BundleInfo, _Mapping]] = ..., shadow: _Optional[_Union[ShadowStatus, _Mapping]] = ..., workers: _Optional[_Iterable[_Union[WorkerRules, _Mapping]]] = ..., last_refusal: _Optional[_Iterable[str]] = ...) -> None: ...

class ShadowStatus(_message.Message):
    __slots__ = ("bundle", "compared", "dropped", "failed", "differences")
    class DifferencesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    COMPARED_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCES_FIELD_NUMBER: _ClassVar[int]
    bundle: BundleInfo
    compared: int
    dropped: int
    failed: int
    differences: _containers.ScalarMap[str, int]
    def __init__(self, bundle: _Optional[_Union[BundleInfo, _Mapping]] = ..., compared: _Optional[int] = ..., dropped: _Optional[int] = ..., failed: _Optional[int] = ..., differences: _Optional[_Mapping[str, int]] = ...) -> None: ...
