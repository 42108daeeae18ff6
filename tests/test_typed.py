"""Declared types that several threads read for the first time at once."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest

from prempti_otel import typed

ROUNDS = """
import sys, threading, types
import msgspec
from prempti_otel import typed

sys.setswitchinterval(1e-6)
FIELDS = "".join(f"    a{number}: dict[str, list[int]] | None = None\\n" for number in range(20))
CODE = f"class Inner(msgspec.Struct):\\n{FIELDS}class Outer(msgspec.Struct):\\n    x: Inner\\n"
for number in range(200):
    module = types.ModuleType(f"shapes{number}")
    module.msgspec = msgspec
    sys.modules[module.__name__] = module
    exec("from __future__ import annotations\\n" + CODE, module.__dict__)
    ready = threading.Barrier(4)

    def read(turn):
        ready.wait()
        value = {"x": {"a1": {"k": [turn]}}}
        found = READ
        assert found.x.a1 == {"k": [turn]}

    threads = [threading.Thread(target=read, args=(turn,)) for turn in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
print("read")
"""


@pytest.mark.parametrize(
    "read", ["typed.convert(value, module.Outer)", "typed.decode(msgspec.json.encode(value), module.Outer)"]
)
def test_threads_that_read_a_type_first_at_the_same_moment_all_read_it(read: str) -> None:
    """With msgspec's own functions this process dies of SIGSEGV within a few rounds."""
    done = subprocess.run(
        [sys.executable, "-c", ROUNDS.replace("READ", read)], capture_output=True, text=True, check=False, timeout=300
    )
    assert (done.returncode, done.stdout) == (0, "read\n"), done.stderr


class Shape(msgspec.Struct):
    number: int


def test_what_is_of_another_shape_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        typed.decode(b'{"number": "1"}', Shape)
    with pytest.raises(msgspec.ValidationError):
        typed.convert({"number": "1"}, Shape)
    assert typed.convert({"number": "1"}, Shape, strict=False) == Shape(1)
    assert typed.decode(b"[1, 2]", list[int]) == [1, 2]
