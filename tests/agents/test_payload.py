"""Hostile payloads: refused with the sentence that says why, never read two ways, never another exception."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prempti_otel.agents.errors import PayloadError
from prempti_otel.agents.payload import MAX_BYTES, MAX_DEPTH, MAX_VALUES, compact, decode

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        (b"", "the payload is empty"),
        (b" \n\t", "the payload is empty"),
        (b"{", "the payload is not JSON: "),
        (b'{"a":1} x', "the payload is not JSON: "),
        (b'{"a":NaN}', "the payload is not JSON: "),
        (b'{"a":1e999}', "the payload is not JSON: "),
        (b"hello", "the payload is not JSON: "),
        (b"\xef\xbb\xbf{}", "the payload is not JSON: "),
        (b'{"a":"\xff"}', "the payload is not UTF-8 (byte 6)"),
        (b'{"a":"\xed\xa0\x80"}', "the payload is not UTF-8 (byte 6)"),
        (b'{"a":"\\ud800"}', "a text in the payload has a lone surrogate"),
        (b'{"\\udfff":"a"}', "a text in the payload has a lone surrogate"),
        (b'{"a":"\\ude00\\ud83d"}', "a text in the payload has a lone surrogate"),
        (b"[]", "the payload is an array, not an object"),
        (b"null", "the payload is null, not an object"),
        (b'"x"', "the payload is a text, not an object"),
        (b"1", "the payload is a number, not an object"),
        (b"true", "the payload is a boolean, not an object"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "the payload is nested more than 128 levels deep"),
        (b"[" * 10_000 + b"]" * 10_000, "the payload is nested more than 128 levels deep"),
        (b'{"a":' + b"[" * 128 + b"]" * 128 + b"}", "the payload is nested more than 128 levels deep"),
        (b'{"a":"' + b"x" * MAX_BYTES + b'"}', f"more than the limit of {MAX_BYTES}"),
        (b'{"a":[' + b"{}," * MAX_VALUES + b"{}]}", "the payload has more than 100000 values"),
        (b'{"a":[' + b"1," * MAX_VALUES + b"1]}", "the payload has more than 100000 values"),
        (b"[" * MAX_VALUES * 2, "the payload has more than 100000 values"),
        (b'{"a":1,"a":1}', "an object in the payload has the key 'a' twice"),
        (b'{"x":[{"a":"b:c","a":":"}]}', "an object in the payload has the key 'a' twice"),
        (b'{"a" :1, "\\u0061"\n: 2}', "an object in the payload has the key 'a' twice"),
        (b'{"a":1,"a":2,"b":"\\u003a"}', "an object in the payload has the key 'a' twice"),
        (b'{"a":1,"a":2,"b":"\\u003A"}', "an object in the payload has the key 'a' twice"),
    ],
)
def test_what_cannot_be_read_in_one_way_only_is_refused_with_a_sentence(payload: bytes, sentence: str) -> None:
    with pytest.raises(PayloadError) as caught:
        decode(payload)
    assert sentence in caught.value.diagnostics()
    assert "\n" not in caught.value.diagnostics()


@pytest.mark.parametrize(
    "payload",
    [
        b' \n{"a":"\\ud83d\\ude00"}\n',
        b'{"a":"x:y","b:":":"}',
        b'{"a":"\\u003a\\\\u003a"}',
        b'{"a":"' + b"[{,\\\\" * MAX_VALUES + b'"}',
        b'{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}',
        b'{"a":' + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1) + b"}",
        b'{"a":"' + b"[{" * 1000 + b'"}',
    ],
)
def test_a_strict_payload_is_read_as_any_reader_would(payload: bytes) -> None:
    assert decode(payload) == json.loads(payload)


@given(st.dictionaries(st.text(), json_values))
def test_every_json_object_is_read_whatever_its_spelling(value: dict[str, object]) -> None:
    assert decode(json.dumps(value).encode()) == value
    assert decode(json.dumps(value, ensure_ascii=False, indent=1).encode()) == value


@given(
    st.lists(st.tuples(st.text(alphabet=':a"\\u03', max_size=3), st.text(alphabet=':a"\\u03', max_size=6)), max_size=5)
)
def test_equal_keys_are_always_noticed(pairs: list[tuple[str, str]]) -> None:
    text = "{" + ",".join(f"{json.dumps(key)}:{json.dumps(value)}" for key, value in pairs) + "}"
    if len({key for key, _ in pairs}) == len(pairs):
        assert decode(text.encode()) == dict(pairs)
    else:
        with pytest.raises(PayloadError, match="twice"):
            decode(text.encode())


@given(st.binary(max_size=60) | st.text().map(lambda text: text.encode("utf-8", "replace")))
def test_arbitrary_bytes_are_an_object_or_refused(payload: bytes) -> None:
    try:
        value = decode(payload)
    except PayloadError:
        value = {}
    assert type(value) is dict


@given(json_values)
def test_compact_json_has_sorted_keys_and_no_blanks(value: object) -> None:
    text = compact(value)  # type: ignore[arg-type]
    assert json.loads(text) == value
    if not _floats(value):
        assert text == json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _floats(value: object) -> bool:
    if isinstance(value, dict):
        return any(_floats(item) for item in value.values())
    if isinstance(value, list):
        return any(_floats(item) for item in value)
    return isinstance(value, float)


def test_compact_json_escapes_as_serde_json_does() -> None:
    value = {"b": [1.0, 1e5, 1e16, 1e-7, -0.0], "a": '\b\f\n\r\t\x00\x1f\x7f"\\/<é\u2028😀', "Z": {}, "ä": []}
    assert compact(value) == (
        '{"Z":{},"a":"\\b\\f\\n\\r\\t\\u0000\\u001f\x7f\\"\\\\/<é\u2028😀","b":[1.0,100000.0,1e16,1e-7,-0.0],"ä":[]}'
    )
