"""The events that the hook is entered for with each agent, in the agent's own words.

Words only, so that premptictl tells where the hook is registered without the adapters, which read what events say:
those take longer to load than a small command may. Judged are the events that an agent waits for before a call;
the others tell of something, in the order in which it happens.
"""

from __future__ import annotations

CLAUDE_CODE_JUDGED = "PreToolUse"
CLAUDE_CODE_OUTCOMES = ("PostToolUse", "PostToolUseFailure", "PermissionDenied")
"""How a call ended; they are matched by the tool's name."""
CLAUDE_CODE_TOLD = (
    "SessionStart",
    "UserPromptSubmit",
    *CLAUDE_CODE_OUTCOMES,
    "PostToolBatch",
    "SubagentStart",
    "SubagentStop",
    "Stop",
    "SessionEnd",
)
"""PostToolBatch, for calls that the agent's own rules or a headless ``ask`` refused: PermissionDenied does not tell of
them (seen on 2.1.330)."""
CLAUDE_CODE_ASYNCHRONOUS = ("SessionStart", "UserPromptSubmit")
"""Those that need not be waited for: at the end of a headless run the hooks of the others would be killed."""

CODEX_CALL = "PreToolUse"
CODEX_PERMISSION = "PermissionRequest"
CODEX_TOLD = ("SessionStart", "UserPromptSubmit", "PostToolUse", "Stop")
"""A session's end is not among them: Codex has no event for it."""

GEMINI_JUDGED = "BeforeTool"
GEMINI_TOLD = ("SessionStart", "BeforeAgent", "AfterTool", "AfterAgent", "SessionEnd")

COPILOT_JUDGED = "preToolUse"

CURSOR_JUDGED = "preToolUse"
