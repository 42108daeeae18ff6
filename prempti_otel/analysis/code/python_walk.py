"""What the known library calls of Python need of the walk that meets them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from prempti_otel.analysis.code.findings import Arg, Call
from prempti_otel.analysis.code.values import NOTHING, Ref, Text, Value

if TYPE_CHECKING:
    from prempti_otel.analysis.code.findings import Findings
    from prempti_otel.analysis.code.python_expressions import Setting


class Walk(Protocol):
    """What these functions need of the walk."""

    findings: Findings
    setting: Setting
    ssh_host: Value | None

    def call(self, callee: Value, call: Call) -> Value:
        """Call a value."""

    def run_code(self, code: Text) -> Value:
        """Walk Python code that is run."""

    def named(self, name: str) -> Value:
        """The value of a name."""

    def attribute(self, value: Value, name: str) -> Value:
        """An attribute of a value."""

    def item(self, base: Value, key: Value) -> Value:
        """An element of a value."""

    def environment(self, name: str) -> Value:
        """An environment variable."""


Special = Callable[[Walk, Call], "Value | None"]
"""Records what a call does and answers what it returns; None where nothing is known of that."""


def first_argument(call: Call, keyword: str = "") -> Value:
    """The call's first argument, by position or keyword; nothing where there is none."""
    found = call.get(Arg(0, keyword))
    return NOTHING if found is None else found


def note_environment(walk: Walk, call: Call) -> None:
    """Record that the whole environment is printed, serialised or sent, where an argument is that."""
    if any(value == Ref("os.environ") for value in (*call.args, *call.keywords.values())):
        walk.findings.cause("dumps_environment")
