"""Answers a tool call without the engine: blocks it, says why, and notes it in the fallback log.

Loaded only when something went wrong. It must never hang, and never exit 0 without ``{}`` on standard output.
"""

import _signal  # type: ignore[import-not-found]
import posix
import time

from prempti_forward import Hook, write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

BLOCKED = 2
"""The one exit code that every known agent takes for a refusal, given text on standard error."""
GRACE_SECONDS = 1.0
"""For noting a failure, and again for saying it, when the deadline is already over."""
TEXT_LIMIT = 400
AGENT_LIMIT = 64


class Answer:
    """What the hook answers on its own account. Makes no promise before :meth:`conclude`, which ends the process."""

    def __init__(self, hook: Hook, problem: str, remedy: str) -> None:
        self.agent = printable(hook.agent[:AGENT_LIMIT]).replace(" ", "?") or "?"
        opened = hook.fail_open or hook.lifecycle or exists(hook.home + "/run/monitor")
        self.passes = hook.lifecycle or (opened and not hook.answering)
        self.outcome = "call passed unjudged" if self.passes else "call blocked"
        if hook.lifecycle:
            self.outcome = "event not recorded"
        elif hook.http:
            self.outcome = "prompt passed unjudged" if self.passes else "prompt blocked"
        self.problem = printable(problem[:TEXT_LIMIT])
        self.remedy = printable(remedy[:TEXT_LIMIT])
        self.log = hook.home + "/log/fallbacks.log" if hook.home.startswith("/") else ""
        self.denial = "" if self.passes or hook.answering else hook.denial
        self.concluding = False

    def note(self) -> None:
        """Appends time (UTC), agent and reason to the fallback log, as one line with tabs between."""
        if not self.log:
            return
        now = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
        line = f"{stamp}.{int(now * 1000) % 1000:03}Z\t{self.agent}\t{self.outcome}: {self.problem}\n"
        flags = posix.O_WRONLY | posix.O_APPEND | posix.O_CREAT | posix.O_NOFOLLOW | posix.O_NONBLOCK
        try:
            posix.write(posix.open(self.log, flags, 0o600), line.encode("utf-8", "replace"))
        except OSError as error:
            self.problem += f"; it is not in fallbacks.log either: {error.strerror}"

    def conclude(self) -> "NoReturn":
        """Says the sentence and ends the process."""
        self.concluding = True
        _signal.setitimer(_signal.ITIMER_REAL, GRACE_SECONDS)
        sentence = f"prempti: {self.outcome}: {self.problem} ({self.remedy})"
        written(2, sentence + "\n")
        if self.denial:
            # The exit code is the refusal, whether or not all of this gets there.
            quoted = sentence.replace("\\", "\\\\").replace('"', '\\"')
            written(1, self.denial.replace("%s", quoted) + "\n")
        posix._exit(0 if self.passes and written(1, "{}\n") else BLOCKED)


def fail(hook: Hook, problem: str, remedy: str) -> "NoReturn":
    """Answers without the engine, notes that, and ends the process."""
    hook.answer = answer = Answer(hook, problem, remedy)
    _signal.setitimer(_signal.ITIMER_REAL, GRACE_SECONDS)
    answer.note()
    answer.conclude()


def interrupted(hook: Hook, number: int) -> "NoReturn":
    """For a signal: the deadline, or somebody who wants the hook to end. Ends the process."""
    if hook.answer is None:
        if number == _signal.SIGALRM:
            fail(hook, f"no reply within {hook.deadline:g} s ({hook.step})", "run premptictl status")
        fail(hook, f"the hook was ended by signal {number} ({hook.step})", "try the call again")
    if hook.answer.concluding:
        posix._exit(BLOCKED)
    hook.answer.conclude()


def printable(text: str) -> str:
    """``text`` on one line, without control characters, surrogates and the like."""
    return "".join(c if c.isprintable() else "?" for c in text)


def exists(path: str) -> bool:
    """Whether there is such a file; one that cannot be looked at counts as missing."""
    try:
        posix.stat(path)
    except OSError:
        return False
    return True


def written(fd: int, text: str) -> bool:
    """Whether all of ``text`` could be written."""
    try:
        write_all(fd, text.encode("utf-8", "replace"))
    except OSError:
        return False
    return True
