"""A small ruleset for tests of what goes on around rules."""

from __future__ import annotations

from prempti_otel.rules.loader import load
from prempti_otel.rules.options import RuleFile
from prempti_otel.rules.ruleset import Ruleset

RULES = """\
- rule: Deny marker
  desc: a call that names the marker is stopped
  condition: tool.input contains "deny-me"
  output: the marker is in %tool.input_command
  priority: CRITICAL
  source: coding_agent
  tags: [coding_agent_deny]
- rule: Ask marker
  desc: a call that names the marker is asked about
  condition: tool.input contains "ask-me"
  output: please confirm %tool.name
  priority: WARNING
  source: coding_agent
  tags: [coding_agent_ask]
- rule: Notice marker
  desc: a call that names the marker is noted
  condition: tool.input contains "note-me"
  output: noted %tool.name
  priority: NOTICE
  source: coding_agent
  tags: [coding_agent_mark:noted]
- rule: Deny after notice
  desc: a session that was noted must not publish
  condition: session.mark_count[noted] > 0 and tool.input contains "publish"
  output: this session was noted %session.mark_count[noted] times
  priority: ERROR
  source: coding_agent
  tags: [coding_agent_deny]
"""


def ruleset(text: str = RULES) -> Ruleset:
    """Loads a ruleset that must be good."""
    result = load([RuleFile("test.yaml", text)])
    assert result.ruleset is not None, result.as_text()
    return result.ruleset
