"""``docs/configuration.md``, made from the declarations in :mod:`prempti_otel.settings.config`."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import NODEFAULT, inspect

from prempti_otel.settings.config import Config, words

_HEAD = """\
<!-- Generated from the code by `make docs`; do not edit. -->

# Configuration

`config.yaml` lies in `PREMPTI_HOME` (default `~/.prempti`). A missing file, or a missing key, means the default.
An unknown key, a key given twice and a bad value are refused with file, line, column and the nearest right name.
A running engine notices an edit within two seconds. Settings that do not load leave those in force that did,
and `premptictl status` says so. `premptictl mode` and `premptictl default-action` change their key in place and keep
everything else in the file, comments included.

Relative paths in `rules.files` start at `PREMPTI_HOME`. `durability` takes effect when the engine starts.
"""


def configuration_page() -> str:
    """The whole page as Markdown."""
    root = inspect.type_info(Config)
    assert isinstance(root, inspect.StructType)
    return "\n".join([_HEAD, _table(root, Config()), *_sections(root, Config(), "")])


def _sections(struct: inspect.StructType, defaults: msgspec.Struct, prefix: str) -> Iterator[str]:
    """A heading and a table for each mapping in ``struct``, and for each list of mappings."""
    for field in struct.fields:
        kind, _ = _bare(field.type)
        name = f"{prefix}{field.encode_name}"
        if isinstance(kind, inspect.StructType):
            values = getattr(defaults, field.name)
            yield f"## {name}\n"
            yield _table(kind, values)
            yield from _sections(kind, values, f"{name}.")
        elif isinstance(kind, inspect.ListType) and isinstance(kind.item_type, inspect.StructType):
            yield f"## {name}\n"
            capitals = any(item.encode_name.isupper() for item in kind.item_type.fields)
            yield "A list; each entry has these keys." + (
                " Those in capitals are OpenTelemetry's own.\n" if capitals else "\n"
            )
            yield _table(kind.item_type, None)


def _table(struct: inspect.StructType, defaults: msgspec.Struct | None) -> str:
    return "\n".join(["| key | values | default | meaning |", "|---|---|---|---|", *_rows(struct, defaults)]) + "\n"


def _rows(struct: inspect.StructType, defaults: msgspec.Struct | None) -> Iterator[str]:
    for field in struct.fields:
        kind, description = _bare(field.type)
        literal = isinstance(kind, inspect.LiteralType)
        known = ", ".join(f"`{word}`" for word in words(struct.cls, field.name)) if literal else _values(kind)
        if defaults is not None:
            default = _shown(getattr(defaults, field.name))
        else:
            default = "required" if field.default is NODEFAULT else _shown(field.default)
        yield f"| `{field.encode_name}` | {known} | {default} | {description} |"


def _bare(kind: inspect.Type) -> tuple[inspect.Type, str]:
    """The type without its annotations, and its description."""
    if isinstance(kind, inspect.Metadata):
        schema = kind.extra_json_schema or {}
        return kind.type, str(schema.get("description", ""))
    return kind, ""


def _shown(value: object) -> str:
    if isinstance(value, msgspec.Struct):
        return "see below"
    if value == "":
        return "none"
    return f"`{msgspec.json.encode(value).decode()}`" if not isinstance(value, str) else f"`{value}`"


def _values(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.StructType):
        return "mapping"
    if isinstance(kind, inspect.ListType):
        item, _ = _bare(kind.item_type)
        return "list of mappings" if isinstance(item, inspect.StructType) else "list of texts"
    if isinstance(kind, inspect.BoolType):
        return "`true`, `false`"
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        return _range(kind)
    if isinstance(kind, inspect.StrType):
        return f"text that matches `{kind.pattern}`" if kind.pattern else "text"
    raise TypeError(f"no words for {kind!r}")


def _range(kind: inspect.IntType | inspect.FloatType) -> str:
    noun = "whole number" if isinstance(kind, inspect.IntType) else "number"
    bounds = [
        f"{word} {bound}"
        for word, bound in (("over", kind.gt), ("from", kind.ge), ("below", kind.lt), ("to", kind.le))
        if bound is not None
    ]
    return " ".join([noun, *bounds])
