"""What was recorded survives whatever happens to the process, the disk and the file."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest

from prempti_otel.audit.errors import StoreError
from prempti_otel.audit.reader import StoreReader
from prempti_otel.audit.store import Store
from prempti_otel.audit.verify import verify
from prempti_otel.model.record import Record, StoredRecord
from prempti_otel.settings.home import Home
from tests.support.records import a_record

ROOT = Path(__file__).parents[2]

WRITER = """
    import sys
    from pathlib import Path
    from prempti_otel.audit.store import Store
    from prempti_otel.settings.home import Home
    from tests.support.records import a_record

    with Store.open(Home(Path(sys.argv[1])), sys.argv[2], retention_days=36_500) as store:
        number = store.last_seq
        while True:
            number += 1
            stored = store.append(a_record(number, "echo " + "x" * (number % 3000)))
            print(stored.seq, stored.hash, flush=True)
"""


@pytest.mark.parametrize("durability", ["process", "power"])
def test_every_append_that_returned_survives_a_kill(home: Home, durability: str) -> None:
    told: dict[int, str] = {}
    for _ in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WRITER), str(home.root), durability],
            stdout=subprocess.PIPE,
            cwd=ROOT,
            text=True,
        )
        assert process.stdout is not None
        told.update([_pair(process.stdout.readline())])
        time.sleep(random.uniform(0.0, 0.25))
        process.send_signal(signal.SIGKILL)
        told.update(_pair(line) for line in process.stdout if line.endswith("\n"))
        process.wait()
        process.stdout.close()
        with StoreReader(home) as reader:
            found: dict[int, str] = {}
            while records := reader.records(max(found, default=0), 10_000):
                found.update((record.seq, record.hash) for record in records)
        assert told.items() <= found.items()
        assert verify(home).ok


def _pair(line: str) -> tuple[int, str]:
    seq, digest = line.split()
    return int(seq), digest


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Home]:
    """A home on a disk of its own that can be filled."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        home = Home(folder / "home")
        home.create()
        yield home
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("durability", ["process", "power"])
def test_a_full_disk_refuses_records_harms_none_and_passes(
    small_disk: Home, durability: Literal["process", "power"]
) -> None:
    big = a_record(1, "echo " + "x" * 30_000)
    with Store.open(small_disk, durability, retention_days=36_500) as store:
        kept = [store.append(a_record(1))]
        ballast = small_disk.root / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(b"\0" * 4096)
        with pytest.raises(StoreError, match="disk is full") as caught:
            kept.extend(_append_for_ever(store, big))
        assert "free some space" in caught.value.diagnostics()
        with pytest.raises(StoreError, match="disk is full"):
            store.append(big)
        ballast.unlink()
        kept.append(store.append(big))
        assert [record.seq for record in kept] == list(range(1, len(kept) + 1))
    with StoreReader(small_disk) as reader:
        assert [record.hash for record in reader.records()] == [record.hash for record in kept]
    assert verify(small_disk).ok


def _append_for_ever(store: Store, record: Record) -> Iterator[StoredRecord]:
    while True:
        yield store.append(record)


LIMITED = """
    import resource, sys
    from pathlib import Path
    from prempti_otel.audit.errors import StoreError
    from prempti_otel.audit.store import Store
    from prempti_otel.audit.verify import verify
    from prempti_otel.settings.home import Home
    from tests.support.records import a_record
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    home = Home(Path(sys.argv[1]))
    with Store.open(home, retention_days=36_500) as store:
        store.append(a_record(1))
        unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (256 * 1024, unlimited[1]))
        try:
            while True:
                store.append(a_record(2, "echo " + "x" * 20_000))
        except StoreError as error:
            print(error.diagnostics())
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
        store.append(a_record(3))
    assert verify(home).ok
"""


def test_a_file_that_may_not_grow_refuses_records_and_harms_none(home: Home) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(LIMITED), str(home.root)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "audit store" in done.stdout
    assert "Traceback" not in done.stderr


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "first page overwritten": lambda content: b"\xee" * 4096 + content[4096:],
    "not a database at all": lambda content: b"just some text",
    "table pages overwritten": lambda content: content[:4096] + os.urandom(len(content) - 4096),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_database_is_an_error_with_a_remedy_and_is_left_alone(
    home: Home, damage: Callable[[bytes], bytes]
) -> None:
    with Store.open(home, retention_days=36_500) as store:
        for number in range(50):
            store.append(a_record(number))
    spoiled = damage(home.audit_db.read_bytes())
    home.audit_db.write_bytes(spoiled)
    with pytest.raises(StoreError) as caught:
        Store.open(home)
    assert "Traceback" not in caught.value.diagnostics()
    assert "move audit.db" in caught.value.diagnostics()
    assert home.audit_db.read_bytes() == spoiled
    with pytest.raises(StoreError):
        verify(home)


def test_a_new_store_can_be_begun_once_the_damaged_one_is_moved_away(home: Home) -> None:
    home.audit_db.write_bytes(b"just some text")
    with pytest.raises(StoreError):
        Store.open(home)
    home.audit_db.rename(home.root / "audit.db.damaged")
    with Store.open(home) as store:
        assert store.append(a_record()).seq == 1


def test_a_store_of_an_unknown_layout_is_refused(home: Home) -> None:
    with Store.open(home):
        pass
    connection = sqlite3.connect(home.audit_db)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="layout 99"):
        Store.open(home)
    with pytest.raises(StoreError, match="layout 99"):
        StoreReader(home)


def test_a_store_that_is_just_being_made_is_not_there_yet(home: Home) -> None:
    home.audit_db.touch()
    with pytest.raises(StoreError, match="no audit store yet"):
        StoreReader(home)


def test_a_checkpoint_that_fails_is_told_and_appends_go_on(home: Home) -> None:
    home.audit_head.with_name("audit.head.new").mkdir()
    with Store.open(home, retention_days=36_500) as store:
        store.append(a_record(1))
        while not store.problems:
            time.sleep(0.05)
        home.audit_head.with_name("audit.head.new").rmdir()
        while store.problems:
            store.append(a_record(2))
            time.sleep(0.05)
    assert verify(home).ok


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        Store.open(Home(tmp_path / "nowhere"))
