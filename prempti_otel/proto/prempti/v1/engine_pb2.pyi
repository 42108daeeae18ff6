from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class HookRequest(_message.Message):
    __slots__ = ("agent", "payload", "traceparent", "parent_pid")
    AGENT_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    PARENT_PID_FIELD_NUMBER: _ClassVar[int]
    agent: str
    payload: bytes
    traceparent: str
    parent_pid: int
    def __init__(self, agent: _Optional[str] = ..., payload: _Optional[bytes] = ..., traceparent: _Optional[str] = ..., parent_pid: _Optional[int] = ...) -> None: ...

class HookReply(_message.Message):
    __slots__ = ("stdout", "stderr", "exit_code", "complete")
    STDOUT_FIELD_NUMBER: _ClassVar[int]
    STDERR_FIELD_NUMBER: _ClassVar[int]
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    stdout: bytes
    stderr: bytes
    exit_code: int
    complete: bool
    def __init__(self, stdout: _Optional[bytes] = ..., stderr: _Optional[bytes] = ..., exit_code: _Optional[int] = ..., complete: _Optional[bool] = ...) -> None: ...

class EvaluateRequest(_message.Message):
    __slots__ = ("agent", "session_id", "cwd", "tool_name", "tool_input", "tool_use_id", "dry_run")
    AGENT_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    CWD_FIELD_NUMBER: _ClassVar[int]
    TOOL_NAME_FIELD_NUMBER: _ClassVar[int]
    TOOL_INPUT_FIELD_NUMBER: _ClassVar[int]
    TOOL_USE_ID_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    agent: str
    session_id: str
    cwd: str
    tool_name: str
    tool_input: str
    tool_use_id: str
    dry_run: bool
    def __init__(self, agent: _Optional[str] = ..., session_id: _Optional[str] = ..., cwd: _Optional[str] = ..., tool_name: _Optional[str] = ..., tool_input: _Optional[str] = ..., tool_use_id: _Optional[str] = ..., dry_run: _Optional[bool] = ...) -> None: ...

class RuleMatch(_message.Message):
    __slots__ = ("rule", "priority", "verdict", "output", "tags", "level", "count")
    RULE_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    rule: str
    priority: str
    verdict: str
    output: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    level: str
    count: int
    def __init__(self, rule: _Optional[str] = ..., priority: _Optional[str] = ..., verdict: _Optional[str] = ..., output: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ..., level: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...

class EvaluateReply(_message.Message):
    __slots__ = ("verdict", "action", "reason", "matches", "correlation_id", "error")
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MATCHES_FIELD_NUMBER: _ClassVar[int]
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    verdict: str
    action: str
    reason: str
    matches: _containers.RepeatedCompositeFieldContainer[RuleMatch]
    correlation_id: int
    error: str
    def __init__(self, verdict: _Optional[str] = ..., action: _Optional[str] = ..., reason: _Optional[str] = ..., matches: _Optional[_Iterable[_Union[RuleMatch, _Mapping]]] = ..., correlation_id: _Optional[int] = ..., error: _Optional[str] = ...) -> None: ...

class StatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StatusReply(_message.Message):
    __slots__ = ("version", "pid", "started_ns", "mode", "default_action", "ruleset_digest", "rules_loaded", "rules_enabled", "calls", "degraded", "ruleset_error", "socket", "last_seq")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    STARTED_NS_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_ACTION_FIELD_NUMBER: _ClassVar[int]
    RULESET_DIGEST_FIELD_NUMBER: _ClassVar[int]
    RULES_LOADED_FIELD_NUMBER: _ClassVar[int]
    RULES_ENABLED_FIELD_NUMBER: _ClassVar[int]
    CALLS_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    RULESET_ERROR_FIELD_NUMBER: _ClassVar[int]
    SOCKET_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQ_FIELD_NUMBER: _ClassVar[int]
    version: str
    pid: int
    started_ns: int
    mode: str
    default_action: str
    ruleset_digest: str
    rules_loaded: int
    rules_enabled: int
    calls: int
    degraded: _containers.RepeatedScalarFieldContainer[str]
    ruleset_error: str
    socket: str
    last_seq: int
    def __init__(self, version: _Optional[str] = ..., pid: _Optional[int] = ..., started_ns: _Optional[int] = ..., mode: _Optional[str] = ..., default_action: _Optional[str] = ..., ruleset_digest: _Optional[str] = ..., rules_loaded: _Optional[int] = ..., rules_enabled: _Optional[int] = ..., calls: _Optional[int] = ..., degraded: _Optional[_Iterable[str]] = ..., ruleset_error: _Optional[str] = ..., socket: _Optional[str] = ..., last_seq: _Optional[int] = ...) -> None: ...

class SetModeRequest(_message.Message):
    __slots__ = ("mode", "default_action")
    MODE_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_ACTION_FIELD_NUMBER: _ClassVar[int]
    mode: str
    default_action: str
    def __init__(self, mode: _Optional[str] = ..., default_action: _Optional[str] = ...) -> None: ...

class SetModeReply(_message.Message):
    __slots__ = ("mode", "default_action", "error")
    MODE_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_ACTION_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    mode: str
    default_action: str
    error: str
    def __init__(self, mode: _Optional[str] = ..., default_action: _Optional[str] = ..., error: _Optional[str] = ...) -> None: ...

class ReloadRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReloadReply(_message.Message):
    __slots__ = ("changed", "ruleset_digest", "rules_loaded", "error")
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    RULESET_DIGEST_FIELD_NUMBER: _ClassVar[int]
    RULES_LOADED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    changed: bool
    ruleset_digest: str
    rules_loaded: int
    error: str
    def __init__(self, changed: _Optional[bool] = ..., ruleset_digest: _Optional[str] = ..., rules_loaded: _Optional[int] = ..., error: _Optional[str] = ...) -> None: ...

class ApprovalsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Approval(_message.Message):
    __slots__ = ("id", "agent", "session_id", "tool", "rules", "seq", "asked_ns", "given_ns", "expires_ns", "once", "by")
    ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    TOOL_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    ASKED_NS_FIELD_NUMBER: _ClassVar[int]
    GIVEN_NS_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_NS_FIELD_NUMBER: _ClassVar[int]
    ONCE_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    id: str
    agent: str
    session_id: str
    tool: str
    rules: _containers.RepeatedScalarFieldContainer[str]
    seq: int
    asked_ns: int
    given_ns: int
    expires_ns: int
    once: bool
    by: str
    def __init__(self, id: _Optional[str] = ..., agent: _Optional[str] = ..., session_id: _Optional[str] = ..., tool: _Optional[str] = ..., rules: _Optional[_Iterable[str]] = ..., seq: _Optional[int] = ..., asked_ns: _Optional[int] = ..., given_ns: _Optional[int] = ..., expires_ns: _Optional[int] = ..., once: _Optional[bool] = ..., by: _Optional[str] = ...) -> None: ...

class ApprovalsReply(_message.Message):
    __slots__ = ("approvals",)
    APPROVALS_FIELD_NUMBER: _ClassVar[int]
    approvals: _containers.RepeatedCompositeFieldContainer[Approval]
    def __init__(self, approvals: _Optional[_Iterable[_Union[Approval, _Mapping]]] = ...) -> None: ...
