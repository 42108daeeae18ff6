"""``config.yaml``: every key, declared once. ``docs/configuration.md`` is generated from here."""

from __future__ import annotations

from typing import Annotated, Literal, get_args, get_type_hints

import msgspec
from msgspec import Meta, field


def words(struct: type, name: str) -> tuple[str, ...]:
    """The words that a field declared as a ``Literal`` can be, in order; msgspec sorts them by the alphabet."""
    return get_args(get_type_hints(struct)[name])


class Destination(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Somewhere to export to. Keys in capitals are OpenTelemetry's own names and meanings."""

    name: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9_-]{0,31}$", description="A short name, unique in the list.")]
    endpoint: Annotated[
        str,
        Meta(pattern="^https?://", description="Base URL of an OTLP receiver, such as http://127.0.0.1:4317."),
    ] = field(name="OTEL_EXPORTER_OTLP_ENDPOINT")
    protocol: Annotated[Literal["grpc", "http/protobuf"], Meta(description="Wire protocol.")] = field(
        name="OTEL_EXPORTER_OTLP_PROTOCOL", default="grpc"
    )
    headers: Annotated[
        str, Meta(description="Headers as key=value,key=value; values percent-encoded. May hold a token.")
    ] = field(name="OTEL_EXPORTER_OTLP_HEADERS", default="")
    timeout: Annotated[float, Meta(gt=0, le=600_000, description="Milliseconds for one request.")] = field(
        name="OTEL_EXPORTER_OTLP_TIMEOUT", default=10_000
    )
    compression: Annotated[Literal["none", "gzip"], Meta(description="Compression of requests.")] = field(
        name="OTEL_EXPORTER_OTLP_COMPRESSION", default="none"
    )
    certificate: Annotated[str, Meta(description="File with the receiver's CA certificates (PEM).")] = field(
        name="OTEL_EXPORTER_OTLP_CERTIFICATE", default=""
    )
    client_key: Annotated[str, Meta(description="File with the client's private key (PEM).")] = field(
        name="OTEL_EXPORTER_OTLP_CLIENT_KEY", default=""
    )
    client_certificate: Annotated[str, Meta(description="File with the client's certificate (PEM).")] = field(
        name="OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", default=""
    )


class RuleSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which rules are in force."""

    default: Annotated[bool, Meta(description="Load the default ruleset.")] = True
    files: Annotated[
        list[str],
        Meta(description="More rule files or folders, loaded after the default and before the user's own."),
    ] = []
    disable: Annotated[
        list[str],
        Meta(description="Names of rules (`*` stands for any run) that are loaded but not in force."),
    ] = []
    disable_tags: Annotated[list[str], Meta(description="Tags whose rules are loaded but not in force.")] = []
    minimum_priority: Annotated[
        Literal["emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug"],
        Meta(description="Rules less severe than this are loaded but not in force."),
    ] = "debug"


class Retention(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How long records stay in the store."""

    days: Annotated[int, Meta(ge=1, le=36_500, description="Records older than this are pruned.")] = 90


class OwnPattern(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What else is a secret here."""

    name: Annotated[
        str,
        Meta(pattern="^[a-z][a-z0-9]{0,23}$", description="Goes into what stands for the secret: `REDACTED_NAME_...`."),
    ]
    pattern: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=4096,
            description="Regular expression (RE2; `^` and `$` are the ends of lines). Its first group is the secret, "
            "else all that matches.",
        ),
    ]


class Privacy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is kept, and what leaves the machine. All of it is redacted first; calls themselves are always kept."""

    prompts: Annotated[bool, Meta(description="Keep the text of prompts in the audit trail.")] = False
    arguments: Annotated[
        bool, Meta(description="Export the whole arguments of calls (`gen_ai.tool.call.arguments`).")
    ] = False
    results: Annotated[
        bool,
        Meta(description="Keep what tools give back in the audit trail, and export it (`gen_ai.tool.call.result`)."),
    ] = False
    user_name: Annotated[bool, Meta(description="Export the name of the user (`user.name`).")] = False
    host_name: Annotated[bool, Meta(description="Export the name of the machine (`host.name`).")] = True
    redact: Annotated[
        list[OwnPattern], Meta(description="What else is redacted, besides the secrets that are known by themselves.")
    ] = []


class ApprovalSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What becomes of a call that rules ask about where nobody can be asked."""

    lifetime: Annotated[
        int,
        Meta(ge=10, le=86_400, description="Seconds for which an approval is in force that was given for one call."),
    ] = 600
    headless: Annotated[
        Literal["deny", "suspend"],
        Meta(
            description="What a headless Claude Code does with a call that waits: `deny` tells the model, `suspend` "
            "ends the run, to be resumed (`claude -p --resume ID`) once the call is approved."
        ),
    ] = "deny"


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The user's settings; a missing file means all defaults."""

    mode: Annotated[
        Literal["guardrails", "monitor"],
        Meta(description="`guardrails` enforces verdicts, `monitor` only judges and records."),
    ] = "guardrails"
    default_action: Annotated[
        Literal["defer", "allow"],
        Meta(
            description="What a call gets that no rule stops: `defer` leaves it to the agent, `allow` skips its prompt."
        ),
    ] = "defer"
    durability: Annotated[
        Literal["process", "power"],
        Meta(description="What a recorded verdict survives: the end of the process, or a loss of power (slower)."),
    ] = "process"
    rules: Annotated[RuleSettings, Meta(description="Which rules are in force.")] = RuleSettings()
    retention: Annotated[Retention, Meta(description="How long records stay.")] = Retention()
    privacy: Annotated[Privacy, Meta(description="What is kept and exported of what people type and tools say.")] = (
        Privacy()
    )
    approvals: Annotated[
        ApprovalSettings, Meta(description="Approval of calls by `premptictl approve`, where an agent cannot ask.")
    ] = ApprovalSettings()
    export: Annotated[list[Destination], Meta(description="Where telemetry goes; empty: nowhere.")] = []
