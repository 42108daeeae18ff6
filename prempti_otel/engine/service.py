"""The gRPC service: requests to the engine's parts and back. Every call ends with status OK and a whole reply."""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from prempti_otel import __version__
from prempti_otel.engine.health import describe
from prempti_otel.engine.pipeline import Outcome, Pipeline, read_structured
from prempti_otel.errors import PremptiError
from prempti_otel.model.decision import Verdict
from prempti_otel.proto.prempti.v1 import engine_pb2 as pb
from prempti_otel.proto.prempti.v1.engine_pb2_grpc import EngineServicer

if TYPE_CHECKING:
    import grpc

    from prempti_otel.engine.approvals.calls import Approvals, Asked
    from prempti_otel.engine.health import Health
    from prempti_otel.engine.keeper import Keeper
    from prempti_otel.engine.numbering import Numbers
    from prempti_otel.settings.home import Home

_BLOCKED = b"prempti blocked this call: the engine failed on it; its log has more\n"
_AGENT_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")


class Facts(Protocol):
    """What the status tells of the store."""

    @property
    def last_seq(self) -> int:
        """Sequence number of the newest record."""


class Service(EngineServicer):
    """Answers hooks and clients."""

    def __init__(
        self,
        home: Home,
        pipeline: Pipeline,
        keeper: Keeper,
        numbers: Numbers,
        health: Health,
        store: Facts,
        approvals: Approvals,
    ) -> None:
        self._home = home
        self._pipeline = pipeline
        self._keeper = keeper
        self._numbers = numbers
        self._health = health
        self._store = store
        self._approvals = approvals
        self._started_ns = time.time_ns()

    def Hook(self, request: pb.HookRequest, _context: grpc.ServicerContext) -> pb.HookReply:  # noqa: N802
        """Opaque in, opaque out."""
        try:
            reply = self._pipeline.hook(request.agent, request.payload, request.traceparent, request.parent_pid)
        except Exception as error:  # noqa: BLE001 - the boundary of one request; blocked in any mode
            describe(error)
            return pb.HookReply(stderr=_BLOCKED, exit_code=2, complete=True)
        return pb.HookReply(stdout=reply.stdout, stderr=reply.stderr, exit_code=reply.exit_code, complete=True)

    def Evaluate(self, request: pb.EvaluateRequest, _context: grpc.ServicerContext) -> pb.EvaluateReply:  # noqa: N802
        """Judge a structured call."""
        try:
            agent, payload = _as_payload(request)
            outcome = self._pipeline.structured(
                agent, read_structured(agent, payload), payload, dry_run=request.dry_run
            )
        except Exception as error:  # noqa: BLE001 - the boundary of one request
            return pb.EvaluateReply(verdict=Verdict.DENY, action=Verdict.DENY, error=describe(error))
        return _evaluated(outcome)

    def Status(self, _request: pb.StatusRequest, _context: grpc.ServicerContext) -> pb.StatusReply:  # noqa: N802
        """How the engine is."""
        keeper = self._keeper
        policy = keeper.policy
        degraded = self._health.sentences()
        return pb.StatusReply(
            version=__version__,
            pid=os.getpid(),
            started_ns=self._started_ns,
            mode=policy.mode,
            default_action=policy.floor,
            ruleset_digest=policy.digest,
            rules_loaded=keeper.rules_loaded,
            rules_enabled=keeper.rules_enabled,
            calls=self._numbers.taken,
            degraded=degraded,
            ruleset_error=keeper.ruleset_error,
            socket=str(self._home.socket),
            last_seq=self._store.last_seq,
        )

    def SetMode(self, request: pb.SetModeRequest, _context: grpc.ServicerContext) -> pb.SetModeReply:  # noqa: N802
        """Switch mode or default action and keep the choice."""
        error = ""
        try:
            self._keeper.set_mode(request.mode, request.default_action)
        except Exception as problem:  # noqa: BLE001 - the boundary of one request
            error = describe(problem)
        policy = self._keeper.policy
        return pb.SetModeReply(mode=policy.mode, default_action=policy.floor, error=error)

    def Reload(self, _request: pb.ReloadRequest, _context: grpc.ServicerContext) -> pb.ReloadReply:  # noqa: N802
        """Load rules and settings again."""
        before = self._keeper.policy
        error = ""
        try:
            self._keeper.reload()
            error = self._keeper.load_error
        except Exception as problem:  # noqa: BLE001 - the boundary of one request
            error = describe(problem)
        policy = self._keeper.policy
        return pb.ReloadReply(
            changed=policy != before,
            ruleset_digest=policy.digest,
            rules_loaded=self._keeper.rules_loaded,
            error=error,
        )

    def Approvals(self, _request: pb.ApprovalsRequest, _context: grpc.ServicerContext) -> pb.ApprovalsReply:  # noqa: N802
        """What waits for approval, and what has it. Nothing here can give one."""
        asked, given = self._approvals.listed()
        return pb.ApprovalsReply(
            approvals=[
                *(_approval(one) for one in asked),
                *(
                    _approval(
                        grant.asked,
                        given_ns=grant.given_ns,
                        expires_ns=grant.expires_ns,
                        once=grant.once,
                        by=grant.by,
                    )
                    for grant in given
                ),
            ]
        )


def _approval(asked: Asked, **given: Any) -> pb.Approval:
    return pb.Approval(
        id=asked.id,
        agent=asked.agent,
        session_id=asked.session_id,
        tool=asked.tool,
        rules=sorted(asked.rules),
        seq=asked.seq,
        asked_ns=asked.asked_ns,
        **given,
    )


def _as_payload(request: pb.EvaluateRequest) -> tuple[str, bytes]:
    """The client's own name and the call in the form that the adapter with the normal tool names reads."""
    if not _AGENT_NAME.fullmatch(request.agent):
        raise PremptiError("agent must be a short name of lower-case letters, digits, `_`, `.` and `-`")
    try:
        tool_input = msgspec.Raw(request.tool_input.encode())
        payload = msgspec.json.encode(
            {
                "session_id": request.session_id,
                "cwd": request.cwd,
                "hook_event_name": "PreToolUse",
                "tool_name": request.tool_name,
                "tool_input": tool_input if request.tool_input else {},
                "tool_use_id": request.tool_use_id,
            }
        )
    except UnicodeEncodeError:
        raise PremptiError("tool_input is not UTF-8 text") from None
    return request.agent, payload


def _evaluated(outcome: Outcome) -> pb.EvaluateReply:
    decision = outcome.decision
    return pb.EvaluateReply(
        verdict=decision.verdict,
        action=decision.action,
        reason=decision.reason,
        matches=[
            pb.RuleMatch(
                rule=match.rule,
                priority=match.priority,
                verdict=match.verdict,
                output=match.output.encode("utf-8", "replace").decode(),
                tags=match.tags,
                level=match.event.level.label,
                count=match.count,
            )
            for match in decision.matches
        ],
        correlation_id=outcome.correlation_id,
        error=outcome.problem,
    )
