"""Matches to a decision: verdict, action, and a reason that a language model can act on.

Pure: the same matches and policy give the same decision. A rule can never grant; only the
user's floor can, and nothing here turns a verdict that stops into one that does not, save monitor mode
and, for an ask alone, a person's approval.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from prempti_otel.model.decision import Decision, DecisionSource, Match, Mode, Priority, Verdict

if TYPE_CHECKING:
    from prempti_otel.model.call import ToolCall

REASON_BYTES = 2048
"""A reason is never longer than this in UTF-8, its last line with the correlation id included."""
_LINE_BYTES = 256
"""What every rule's line may take however many rules matched."""
_RANK = {Verdict.DENY: 0, Verdict.ASK: 1, Verdict.DEFER: 2, Verdict.ALLOW: 2}
_PRIORITY = {priority: rank for rank, priority in enumerate(Priority)}
_NOBODY = "This needs a person's approval, which {} cannot ask for."
_UNPRINTABLE = dict.fromkeys((*range(32), *range(127, 160), 8232, 8233), " ")


def most_severe_first(matches: Iterable[Match]) -> tuple[Match, ...]:
    """By verdict, then by priority, then in the order of the rules."""
    return tuple(sorted(matches, key=_severity))


def _severity(match: Match) -> tuple[int, int]:
    return _RANK[match.verdict], _PRIORITY[match.priority]


def decide(
    call: ToolCall,
    matches: Sequence[Match],
    *,
    mode: Mode,
    floor: Verdict,
    can_ask: bool,
    ruleset_digest: str,
    duration: float,
) -> Decision:
    """deny > ask > floor over all matches; ``duration`` in seconds."""
    if not matches:
        verdict = floor
    else:
        matches = most_severe_first(matches)
        verdict = matches[0].verdict if matches[0].verdict.stops else floor
    action = enforced(verdict, mode, can_ask=can_ask)
    stops = verdict.stops
    return Decision(
        verdict=verdict,
        action=action,
        source=DecisionSource.RULE if stops else DecisionSource.DEFAULT,
        reason=_reason(call, matches, unanswerable=verdict is Verdict.ASK and not can_ask) if stops else "",
        matches=tuple(matches),
        mode=mode,
        ruleset_digest=ruleset_digest,
        duration=duration,
    )


def asks(decision: Decision) -> bool:
    """Whether rules ask about the call, and it does not simply run."""
    return decision.verdict is Verdict.ASK and decision.action.stops


def approvable(call: ToolCall, decision: Decision, approval: str, call_hash: str) -> Decision:
    """The decision on a call that is denied for want of somebody to ask, with the way to an approval in its reason."""
    said = [
        _NOBODY.format(call.agent) + f" The user can run `premptictl approve {approval}` in a terminal of their own; "
        "then try exactly this call again. Do not run that yourself.",
        *_rule_lines(decision.matches),
    ]
    reason = _within(said, call.correlation_id)
    return replace(decision, reason=reason, approval=approval, call_hash=call_hash)


def approved(decision: Decision, floor: Verdict, approval: str, call_hash: str) -> Decision:
    """The same where a person approved the call: it gets what it would get if no rule asked."""
    return replace(
        decision,
        action=floor,
        source=DecisionSource.APPROVAL,
        reason=f"approved by a person: {approval}",
        approval=approval,
        call_hash=call_hash,
    )


def enforced(verdict: Verdict, mode: Mode, *, can_ask: bool) -> Verdict:
    """The action: nothing stops in monitor mode; where nobody can be asked, an ask is a deny."""
    if mode is Mode.MONITOR:
        return Verdict.DEFER
    if verdict is Verdict.ASK and not can_ask:
        return Verdict.DENY
    return verdict


def failure(sentence: str, correlation_id: int, *, mode: Mode, ruleset_digest: str, duration: float) -> Decision:
    """The decision on a call that could not be judged: deny, and passed only in monitor mode."""
    return Decision(
        verdict=Verdict.DENY,
        action=enforced(Verdict.DENY, mode, can_ask=False),
        source=DecisionSource.ERROR,
        reason=_within([_line(sentence)], correlation_id),
        matches=(),
        mode=mode,
        ruleset_digest=ruleset_digest,
        duration=duration,
    )


def _reason(call: ToolCall, matches: Sequence[Match], *, unanswerable: bool) -> str:
    said = _rule_lines(matches)
    if unanswerable:
        said.insert(0, _NOBODY.format(call.agent))
    return _within(said, call.correlation_id)


def _rule_lines(matches: Sequence[Match]) -> list[str]:
    lines: dict[str, str] = {}
    for match in matches:
        if match.verdict.stops and match.rule not in lines:
            more = f" (and {match.count - 1} more)" if match.count > 1 else ""
            lines[match.rule] = _line(f"{match.rule}: {match.output}{more}")
    return list(lines.values())


def _line(text: str) -> str:
    """One line of printable text that is valid UTF-8."""
    if not text.isprintable():
        text = text.translate(_UNPRINTABLE)
        text = text.encode("utf-8", "replace").decode()
    return text


def _within(lines: Sequence[str], correlation_id: int) -> str:
    """The lines, each cut to its share, then the correlation id; at most ``REASON_BYTES`` in all."""
    last = f"correlation id: {correlation_id}"
    room = REASON_BYTES - len(last)
    kept: list[str] = []
    for index, line in enumerate(lines):
        waiting = len(lines) - index - 1
        share = max(_LINE_BYTES, room - waiting * _LINE_BYTES)
        cut = cut_to(line, min(share, room - 1))
        if len(cut) < min(len(line), 24):
            break
        kept.append(cut)
        room -= len(cut.encode()) + 1
    return "\n".join([*kept, last])


def cut_to(text: str, size: int) -> str:
    """``text`` if it fits in ``size`` bytes of UTF-8, else as much as fits, cut between characters, and ``…``."""
    data = text.encode("utf-8", "replace")
    if len(data) <= size:
        return text
    return data[: max(0, size - 3)].decode("utf-8", "ignore") + "…" if size >= 3 else ""
