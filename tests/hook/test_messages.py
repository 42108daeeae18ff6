"""The hook's protobuf against the protobuf library."""

from __future__ import annotations

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from prempti_otel.proto.prempti.v1.engine_pb2 import HookReply, HookRequest
from tests.support.hook_modules import hook_grpc

UINT64 = st.integers(0, 2**64 - 1)


@given(st.text(), st.binary(), st.text(max_size=300), UINT64)
def test_a_request_is_what_the_library_reads(agent: str, payload: bytes, traceparent: str, parent: int) -> None:
    encoded = hook_grpc.encode_request(agent.encode(), payload, traceparent.encode(), parent)
    assert HookRequest.FromString(encoded) == HookRequest(
        agent=agent, payload=payload, traceparent=traceparent, parent_pid=parent
    )


@given(st.binary(min_size=1).filter(bytes.strip), st.binary(), st.integers(0, 255))
def test_a_reply_of_the_library_is_read(stdout: bytes, stderr: bytes, exit_code: int) -> None:
    encoded = HookReply(stdout=stdout, stderr=stderr, exit_code=exit_code, complete=True).SerializeToString()
    given_reason = stderr if stderr.strip() or not exit_code else None
    out, err, code = hook_grpc.decode_reply(encoded)
    assert (out, code) == (stdout, exit_code)
    assert err == given_reason if given_reason is not None else err.startswith(b"prempti: call blocked")


@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_read_as_the_library_reads_them_or_not_at_all(data: bytes) -> None:
    assert_agrees(data)


FIELDS = st.one_of(
    st.tuples(st.sampled_from([1, 2, 3, 4, 5, 200]), st.just(0), UINT64),
    st.tuples(st.sampled_from([1, 2, 3, 4, 5, 200]), st.just(2), st.binary(max_size=20)),
    st.tuples(st.sampled_from([1, 3, 4, 9]), st.just(1), st.binary(min_size=8, max_size=8)),
    st.tuples(st.sampled_from([2, 4, 9]), st.just(5), st.binary(min_size=4, max_size=4)),
)


@given(st.lists(FIELDS, max_size=8), st.integers(0, 3))
def test_fields_in_any_order_and_number_are_read_as_the_library_reads_them(
    fields: list[tuple[int, int, int | bytes]], cut: int
) -> None:
    encoded = b""
    for number, kind, value in fields:
        encoded += hook_grpc.varint(number << 3 | kind)
        if isinstance(value, int):
            encoded += hook_grpc.varint(value)
        else:
            encoded += (hook_grpc.varint(len(value)) if kind == 2 else b"") + value
    assert_agrees(encoded[: len(encoded) - cut])


def assert_agrees(data: bytes) -> None:
    """What the hook accepts is a complete reply of the library, with the same values."""
    try:
        stdout, stderr, exit_code = hook_grpc.decode_reply(data)
    except hook_grpc.Unanswered:
        return
    reply = HookReply.FromString(data)
    assert reply.complete
    assert (stdout, exit_code) == (reply.stdout, reply.exit_code)
    assert stderr in (reply.stderr, stderr if exit_code and not reply.stderr.strip() else None)


@given(st.binary(max_size=60))
def test_what_the_library_refuses_is_refused(data: bytes) -> None:
    try:
        HookReply.FromString(data + b"\x20\x01")
    except DecodeError:
        with pytest.raises(hook_grpc.Unanswered):
            hook_grpc.decode_reply(data + b"\x20\x01")


@pytest.mark.parametrize(
    "reply",
    [
        HookReply(),
        HookReply(stdout=b"{}"),
        HookReply(complete=True),
        HookReply(stdout=b" \n", complete=True),
        HookReply(stdout=b"{}", exit_code=-1, complete=True),
        HookReply(stdout=b"{}", exit_code=256, complete=True),
        HookReply(stdout=b"{}", exit_code=512, complete=True),
    ],
    ids=str,
)
def test_a_reply_that_an_agent_could_take_for_no_opinion_is_none(reply: HookReply) -> None:
    with pytest.raises(hook_grpc.Unanswered):
        hook_grpc.decode_reply(reply.SerializeToString())
