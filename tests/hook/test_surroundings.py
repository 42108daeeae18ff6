"""What the hook loads, and what it lets its surroundings decide."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from prempti_otel.errors import PremptiError
from prempti_otel.settings.home import Home
from tests.support.hook_modules import hook_forward
from tests.support.hook_process import HOOK, PYTHON, command, reply, run_hook, serving, short_home

OWN = {"prempti_forward", "prempti_grpc"}
ALLOWED = OWN | {"_socket", "posix", "sys", "time", "_signal"}


def loaded(*words: str) -> set[str]:
    """Names of the modules that a run of the interpreter ends with."""
    done = subprocess.run([PYTHON, "-I", "-S", *words], input=b"{}", capture_output=True, check=True)
    return set(done.stderr.decode().split())


def test_nothing_is_imported_on_the_way_to_a_reply_but_what_is_declared(home: Home) -> None:
    told = "import sys; sys.stderr.write(' '.join(sys.modules))"
    # posix._exit is the hook's last word: tell what is loaded by then.
    wrapped = (
        "import sys, posix; leave = posix._exit;"
        "posix._exit = lambda code: (posix.write(2, ' '.join(sys.modules).encode()), leave(code));"
        f"sys.path.insert(0, {str(HOOK.parent)!r}); "
        "from prempti_forward import main; main(sys.argv[1:])"
    )
    with serving(home):
        extra = loaded("-c", wrapped, "claude_code", "--home", str(home.root)) - loaded("-c", told)
    assert extra
    assert extra <= ALLOWED


def test_the_file_that_agents_run_stays_short() -> None:
    """It is compiled anew on every run."""
    assert len(HOOK.read_bytes()) < 1500


def test_a_hostile_environment_changes_nothing(home: Home, tmp_path: Path) -> None:
    for name in ("sitecustomize", "usercustomize", "posix", "_socket", "prempti_forward", "prempti_grpc", "time"):
        (tmp_path / f"{name}.py").write_text("import posix; posix.write(1, b'{}'); posix._exit(0)")
    evil = str(tmp_path)
    hostile = {
        "PATH": evil,
        "HOME": evil,
        "PYTHONPATH": evil,
        "PYTHONHOME": evil,
        "PYTHONSTARTUP": f"{evil}/posix.py",
        "PYTHONINSPECT": "1",
        "PYTHONPYCACHEPREFIX": evil,
        "PREMPTI_HOME": evil,
        "PREMPTI_FAIL_OPEN": "1",
        "PREMPTI_MODE": "monitor",
        "LD_PRELOAD": f"{evil}/missing.so",
        "GRPC_PROXY": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
        "TRACEPARENT": "00-" + "\n" * 60,
    }
    with serving(home, lambda _: reply(b'{"deny":1}')):
        done = subprocess.run(
            command(home), input=b"{}", capture_output=True, env=hostile, cwd=tmp_path, timeout=300, check=False
        )
    assert (done.returncode, done.stdout) == (0, b'{"deny":1}')
    down = subprocess.run(
        command(home), input=b"{}", capture_output=True, env=hostile, cwd=tmp_path, timeout=300, check=False
    )
    assert (down.returncode, down.stdout) == (2, b"")
    assert b"prempti: call blocked: the engine is not running" in down.stderr


@pytest.mark.parametrize("cache", ["missing", "stale", "broken", "not writable"])
def test_compiled_files_are_a_convenience_only(home: Home, cache: str) -> None:
    for file in HOOK.parent.glob("prempti_*.py"):
        shutil.copy(file, home.bin)
    with serving(home):
        if cache in ("stale", "broken"):
            assert run_hook(home, hook=home.hook).exit_code == 0
            assert (home.bin / "__pycache__").stat().st_mode & 0o777 == 0o700
            for compiled in (home.bin / "__pycache__").iterdir():
                compiled.write_bytes(b"broken" if cache == "broken" else compiled.read_bytes())
            if cache == "stale":
                text = (home.bin / "prempti_forward.py").read_text()
                (home.bin / "prempti_forward.py").write_text(text.replace("is not registered properly", "is new"))
        elif cache == "not writable":
            (home.bin / "__pycache__").write_text("in the way")
        assert run_hook(home, hook=home.hook).stdout == b'{"ok":1}'
    if cache == "stale":
        assert b"the hook is new" in run_hook(home, b"{}", "--unknown", hook=home.hook).stderr


@pytest.mark.parametrize(
    "root", ["/h", "/home/dev/.prempti", "/x" * 43, "/" + "x" * 86, "/" + "x" * 87, "/" + "é" * 43, "/" + "x" * 300]
)
def test_hook_and_engine_agree_where_the_socket_is(root: str) -> None:
    path = Home(Path(root)).socket
    assert hook_forward.socket_path(root) == str(path)
    assert len(os.fsencode(path)) <= 103


def test_a_home_with_a_long_path_works() -> None:
    with short_home() as outer:
        home = Home(outer.root / ("long" * 40))
        home.create()
        try:
            assert home.socket.parent != home.run
            assert home.socket.parent.stat().st_mode & 0o777 == 0o700
            with serving(home):
                assert run_hook(home).exit_code == 0
        finally:
            shutil.rmtree(home.socket.parent)


@pytest.mark.parametrize("taken", ["link", "file"])
def test_a_short_socket_folder_that_is_not_our_own_is_refused(tmp_path: Path, taken: str) -> None:
    with short_home() as outer:
        home = Home(outer.root / ("taken" * 40))
        folder = home.socket.parent
        if taken == "link":
            folder.symlink_to(tmp_path)
        else:
            folder.touch()
        try:
            with pytest.raises((PremptiError, OSError)):
                home.create()
        finally:
            folder.unlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to act as another user")
def test_an_engine_of_another_user_is_not_trusted(home: Home) -> None:
    program = (
        "import os, socket, sys; os.setuid(65534); s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen();"
        "print('up', flush=True); c, _ = s.accept(); c.recv(99)"
    )
    home.root.parent.chmod(0o755)
    for folder in (home.root, home.run):
        folder.chmod(0o777)
    other = subprocess.Popen([PYTHON, "-c", program, str(home.socket)], stdout=subprocess.PIPE)
    assert other.stdout
    assert other.stdout.readline() == b"up\n"
    done = run_hook(home)
    other.wait()
    other.stdout.close()
    assert done.blocked
    assert b"belongs to another user, 65534" in done.stderr
