"""The first ``config.yaml`` of an installation: every key with its meaning, commented out, from the declarations."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

import msgspec
from msgspec import NODEFAULT, inspect

from prempti_otel.settings.config import Config, words

_HEAD = """\
# Settings of prempti-otel. Each line that is commented out shows the default; a running engine takes over an edit
# by itself, and `premptictl config validate` checks it.
"""
_EXAMPLES = {
    "Destination": {"name": "local", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317"},
    "OwnPattern": {"name": "badge", "pattern": '"badge ([0-9]{6})"'},
}
"""What stands for keys without a default."""


def config_template() -> str:
    """The text of the file; as it is, it means all defaults."""
    root = inspect.type_info(Config)
    assert isinstance(root, inspect.StructType)
    return _HEAD + "".join(f"\n{part}" for part in _fields(root, Config(), ""))


def _fields(struct: inspect.StructType, defaults: msgspec.Struct | None, indent: str) -> Iterator[str]:
    for field in struct.fields:
        kind, meaning = _bare(field.type)
        text = _comment(meaning, indent)
        if isinstance(kind, inspect.StructType):
            inner = "".join(_fields(kind, getattr(defaults, field.name), indent + "  "))
            yield f"{text}# {indent}{field.encode_name}:\n{inner}"
            continue
        if isinstance(kind, inspect.ListType) and isinstance(kind.item_type, inspect.StructType):
            entry = "".join(_fields(kind.item_type, None, indent + "    "))
            name = kind.item_type.fields[0].encode_name
            first = f"# {indent}    {name}:"
            yield f"{text}# {indent}{field.encode_name}:\n" + entry.replace(first, f"# {indent}  - {name}:", 1)
            continue
        if isinstance(kind, inspect.LiteralType):
            text = _comment(f"{meaning} One of: {', '.join(words(struct.cls, field.name))}.", indent)
        yield f"{text}# {indent}{field.encode_name}: {_default(struct, field, defaults)}\n"


def _default(struct: inspect.StructType, field: inspect.Field, defaults: msgspec.Struct | None) -> str:
    if defaults is not None:
        value = getattr(defaults, field.name)
    elif field.default is NODEFAULT:
        value = _EXAMPLES[struct.cls.__name__][field.encode_name]
    else:
        value = field.default
    return value if isinstance(value, str) and value else msgspec.json.encode(value).decode()


def _comment(meaning: str, indent: str) -> str:
    prefix = f"# {indent}# "
    return "".join(f"{line}\n" for line in textwrap.wrap(meaning, 110, initial_indent=prefix, subsequent_indent=prefix))


def _bare(kind: inspect.Type) -> tuple[inspect.Type, str]:
    if isinstance(kind, inspect.Metadata):
        return kind.type, str((kind.extra_json_schema or {}).get("description", ""))
    return kind, ""
