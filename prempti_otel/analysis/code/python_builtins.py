"""Python's built-in and other library functions that compute a value, as far as it can be told.

They look up attributes and names, call functions that they are given, decode and join text; none of
them touches anything by itself.
"""

from __future__ import annotations

import base64
import binascii
import posixpath
import shlex
from collections.abc import Callable, Mapping
from types import MappingProxyType

from prempti_otel.analysis.code import python_fold as fold
from prempti_otel.analysis.code.findings import Arg, Call
from prempti_otel.analysis.code.python_walk import Special, Walk, first_argument, note_environment
from prempti_otel.analysis.code.values import (
    NOTHING,
    Items,
    Object,
    PathText,
    Plain,
    Ref,
    Text,
    Unknown,
    Value,
    alternatives,
    as_text,
    choose,
    concat,
)


def _print(walk: Walk, call: Call) -> Value:
    note_environment(walk, call)
    target = call.keywords.get("file")
    if isinstance(target, Object) and target.kind == "file":
        line: list[Value] = []
        for value in call.args:
            line += [Text(" "), value]
        walk.findings.written(target.access, concat([*line[1:], call.keywords.get("end") or Text("\n")]))
    else:
        walk.findings.put_out(call.args)
    return NOTHING


def _import(walk: Walk, call: Call) -> Value:
    name = first_argument(call, "name")
    if isinstance(name, Text) and name.known:
        return walk.attribute(Ref("builtins"), name.text) if "." not in name.text else Ref(name.text)
    walk.findings.dynamic = True
    return Ref("?")


def _get_attribute(walk: Walk, call: Call) -> Value:
    owner, name = first_argument(call), call.get(Arg(1))
    if isinstance(name, Text) and name.known:
        return walk.attribute(owner, name.text)
    return Ref(f"{owner.name}.?") if isinstance(owner, Ref) else Unknown("...")


def _namespace(_: Walk, call: Call) -> Value:
    owner = call.get(Arg(0))
    return Ref(f"{owner.name}.__dict__") if isinstance(owner, Ref) else Ref("globals()")


def _mapped(walk: Walk, call: Call) -> Value:
    function, over = first_argument(call), call.get(Arg(1)) or Items(())
    values = over.values if isinstance(over, Items) else (Unknown("..."),)
    return Items(tuple(walk.call(function, Call(call.name, (value,))) for value in values))


def _partial(_: Walk, call: Call) -> Value:
    return Object("functools.partial", call.args)


def _environment(walk: Walk, call: Call) -> Value:
    name, default = first_argument(call, "key"), call.get(Arg(1, "default"))
    found = walk.item(Ref("os.environ"), name)
    return found if default in (None, NOTHING) or not isinstance(found, Unknown) else choose([default, found])


def _expanded(walk: Walk, call: Call) -> Value:
    return choose(_home(walk, as_text(each)) for each in alternatives(first_argument(call, "path")))


def _home(walk: Walk, text: Text) -> Value:
    if text.text == "~" or text.text.startswith("~/"):
        return Text((walk.setting.home or "~") + text.text[1:], text.known and bool(walk.setting.home), text.pattern)
    return text


def _expanded_variables(walk: Walk, call: Call) -> Value:
    text = as_text(first_argument(call, "path"))
    for name in ("$HOME", "${HOME}"):
        if text.text.startswith(name) and walk.setting.home:
            text = Text(walk.setting.home + text.text[len(name) :], text.known)
    return Text(text.text, text.known and "$" not in text.text)


def _path(_: Walk, call: Call) -> Value:
    parts = call.args or (Text("."),)
    return choose(PathText(as_text(each)) for each in alternatives(fold.join_path(parts)))


def _path_home(walk: Walk, _: Call) -> Value:
    return PathText(as_text(_home(walk, Text("~"))))


def _here(walk: Walk, call: Call) -> Value:
    text = Text(walk.setting.cwd) if walk.setting.cwd else Text(".")
    return PathText(text) if call.name.startswith("pathlib") else text


def _joined_path(_: Walk, call: Call) -> Value:
    return fold.join_path(call.args)


def _same(_: Walk, call: Call) -> Value:
    return first_argument(call)


def _of_path(function: Callable[[str], str]) -> Special:
    def apply(_: Walk, call: Call) -> Value:
        text = as_text(first_argument(call))
        return Text(function(text.text), text.known, text.pattern)

    return apply


def _decoded(decoder: Callable[..., bytes]) -> Special:
    def apply(_: Walk, call: Call) -> Value | None:
        data = first_argument(call)
        if not isinstance(data, Text) or not data.known:
            return data if isinstance(data, Unknown) else None
        return fold.decode_bytes(decoder, data.text.encode("latin-1", "replace"))

    return apply


def _codec(_: Walk, call: Call) -> Value | None:
    data = first_argument(call)
    method = call.name.rpartition(".")[2]
    return fold.text_method(data, method, call.args[1:]) if isinstance(data, Text) else None


def _bytes(_: Walk, call: Call) -> Value | None:
    data = first_argument(call)
    if isinstance(data, Items):
        codes = [item.value for item in data.values if isinstance(item, Plain)]
        if len(codes) == len(data.values) and all(isinstance(code, int) and 0 <= code < 256 for code in codes):
            return Text("".join(chr(int(code or 0)) for code in codes), binary=True)
        return None
    return fold.text_method(data, "encode", ()) if isinstance(data, Text) and not data.binary else data


def _character(_: Walk, call: Call) -> Value | None:
    code = first_argument(call)
    number = code.value if isinstance(code, Plain) else None
    return Text(chr(number)) if isinstance(number, int) and 0 <= number < 0x110000 else Unknown("chr")


def _code_point(_: Walk, call: Call) -> Value | None:
    text = first_argument(call)
    return Plain(ord(text.text)) if isinstance(text, Text) and text.known and len(text.text) == 1 else None


def _string(_: Walk, call: Call) -> Value:
    first = first_argument(call)
    return first if isinstance(first, Unknown) else choose(as_text(each) for each in alternatives(first))


def _number(_: Walk, call: Call) -> Value | None:
    text, base = as_text(first_argument(call)), call.get(Arg(1, "base"))
    try:
        return Plain(int(text.text[:40], base.value if isinstance(base, Plain) and isinstance(base.value, int) else 10))
    except ValueError:
        return None


def _listed_values(_: Walk, call: Call) -> Value:
    first = first_argument(call)
    if first == Ref("os.environ"):
        return first
    if isinstance(first, Text) and first.known and len(first.text) <= fold.MAX_ITEMS:
        return Items(tuple(Plain(ord(each)) if first.binary else Text(each) for each in first.text))
    return first


def _reversed(_: Walk, call: Call) -> Value:
    found = _listed_values(_, call)
    return Items(found.values[::-1]) if isinstance(found, Items) else found


def _range(_: Walk, call: Call) -> Value | None:
    numbers = [arg.value for arg in call.args if isinstance(arg, Plain) and isinstance(arg.value, int)]
    if len(numbers) != len(call.args) or not 1 <= len(numbers) <= 3 or (len(numbers) == 3 and not numbers[2]):
        return None
    span = range(*numbers)
    return Items(tuple(Plain(number) for number in span)) if len(span) <= fold.MAX_ITEMS else None


def _paired(_: Walk, call: Call) -> Value | None:
    columns = [arg.values for arg in call.args if isinstance(arg, Items)]
    if len(columns) != len(call.args) or not columns:
        return None
    return Items(tuple(Items(row) for row in zip(*columns, strict=False)))


def _numbered(_: Walk, call: Call) -> Value | None:
    over = first_argument(call)
    if not isinstance(over, Items):
        return None
    return Items(tuple(Items((Plain(at), value)) for at, value in enumerate(over.values)))


def _standard_input(walk: Walk, _: Call) -> Value:
    return walk.setting.stdin or Unknown("stdin")


def _split_words(_: Walk, call: Call) -> Value:
    text = first_argument(call)
    try:
        return fold.of_native(shlex.split(text.text)) if isinstance(text, Text) and text.known else text
    except ValueError:
        return Unknown("shlex.split")


def _joined_words(_: Walk, call: Call) -> Value:
    over = first_argument(call)
    if not isinstance(over, Items):
        return Unknown("shlex.join")
    return Text(
        shlex.join(as_text(each).text for each in over.values), all(as_text(each).known for each in over.values)
    )


def _unquoted(_: Walk, call: Call) -> Value:
    return fold.url_quoted(as_text(first_argument(call)), undo=call.name.endswith(("unquote", "unquote_plus")))


_DECODERS: Mapping[str, Callable[..., bytes]] = {
    "base64.b64decode": base64.b64decode,
    "base64.standard_b64decode": base64.b64decode,
    "base64.urlsafe_b64decode": base64.urlsafe_b64decode,
    "base64.decodebytes": base64.decodebytes,
    "base64.b32decode": base64.b32decode,
    "base64.b16decode": base64.b16decode,
    "base64.b85decode": base64.b85decode,
    "base64.a85decode": base64.a85decode,
    "binascii.unhexlify": binascii.unhexlify,
    "binascii.a2b_hex": binascii.unhexlify,
    "binascii.a2b_base64": binascii.a2b_base64,
    "bytes.fromhex": bytes.fromhex,
    "bytearray.fromhex": bytes.fromhex,
    "zlib.decompress": fold.inflate,
    "gzip.decompress": fold.inflate,
}

VALUE_CALLS: Mapping[str, Special] = MappingProxyType(
    {
        "print": _print,
        "pprint.pprint": _print,
        "pprint.pp": _print,
        "sys.stdout.write": _print,
        "str": _string,
        "repr": _string,
        "__import__": _import,
        "importlib.import_module": _import,
        "importlib.__import__": _import,
        "getattr": _get_attribute,
        "vars": _namespace,
        "globals": _namespace,
        "locals": _namespace,
        "map": _mapped,
        "filter": _mapped,
        "functools.partial": _partial,
        "os.getenv": _environment,
        "os.environ.get": _environment,
        "os.environ.copy": lambda _walk, _call: Ref("os.environ"),
        "os.environ.items": lambda _walk, _call: Ref("os.environ"),
        "os.path.expanduser": _expanded,
        "os.path.expandvars": _expanded_variables,
        "os.path.join": _joined_path,
        "os.path.abspath": _same,
        "os.path.realpath": _same,
        "os.path.normpath": _of_path(posixpath.normpath),
        "os.path.dirname": _of_path(posixpath.dirname),
        "os.path.basename": _of_path(posixpath.basename),
        "os.fspath": _string,
        "os.fsencode": _string,
        "os.fsdecode": _string,
        "os.getcwd": _here,
        "pathlib.Path": _path,
        "pathlib.Path.cwd": _here,
        "pathlib.Path.home": _path_home,
        "bytes": _bytes,
        "bytearray": _bytes,
        "codecs.decode": _codec,
        "codecs.encode": _codec,
        "chr": _character,
        "ord": _code_point,
        "int": _number,
        "list": _listed_values,
        "tuple": _listed_values,
        "set": _listed_values,
        "dict": _listed_values,
        "sorted": _listed_values,
        "iter": _listed_values,
        "reversed": _reversed,
        "range": _range,
        "zip": _paired,
        "enumerate": _numbered,
        "input": _standard_input,
        "sys.stdin.read": _standard_input,
        "sys.stdin.readline": _standard_input,
        "sys.stdin.buffer.read": _standard_input,
        "shlex.split": _split_words,
        "shlex.join": _joined_words,
        "shlex.quote": _string,
        "textwrap.dedent": _same,
        "urllib.parse.unquote": _unquoted,
        "urllib.parse.unquote_plus": _unquoted,
        "urllib.parse.quote": _unquoted,
        **{name: _decoded(decoder) for name, decoder in _DECODERS.items()},
    }
)
"""Functions by full name."""
