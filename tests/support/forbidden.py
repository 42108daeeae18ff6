"""What the guard of the end-to-end tests stops: its rules, and the command that the first of them is about."""

from __future__ import annotations

RULES = """
- rule: Recursive removal
  desc: For these tests only.
  condition: tool.name = Bash and tool.input_command contains "rm -rf"
  output: "`%tool.input_command` removes whole folders; remove single files"
  priority: CRITICAL
  source: coding_agent
  tags: [coding_agent_deny]

- rule: Publishing
  desc: For these tests only.
  condition: tool.name = Bash and tool.input_command contains publish
  output: "`%tool.input_command` publishes something"
  priority: WARNING
  source: coding_agent
  tags: [coding_agent_ask]
"""
REMOVE = "rm -rf ~/important"
