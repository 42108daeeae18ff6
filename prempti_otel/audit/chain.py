"""The hash chain over records: what is hashed, exactly.

``hash = SHA-256(head + body)``, in which ``body`` is the record's JSON text as it is stored (UTF-8) and
``head`` is these lines, each ended by a line feed: ``prempti-record-1``, the previous record's hash in
lower-case hexadecimal (64 zeros before the first), the sequence number, the kind, the time in nanoseconds,
the session id as a JSON string. Anyone can check a store with these few words and a SHA-256 tool.
"""

from __future__ import annotations

import hashlib

import msgspec

GENESIS = "0" * 64
"""Previous hash of the first record."""


def record_hash(prev_hash: str, seq: int, kind: str, time_ns: int, session_id: str, body: bytes) -> str:
    """The record's hash in lower-case hexadecimal."""
    session = msgspec.json.encode(session_id).decode()
    head = f"prempti-record-1\n{prev_hash}\n{seq}\n{kind}\n{time_ns}\n{session}\n"
    return hashlib.sha256(head.encode() + body).hexdigest()
