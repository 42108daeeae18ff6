"""The hook before a prompt where calls go over HTTP: no prompt begins unless they would get to the engine."""

from __future__ import annotations

import pytest

from prempti_otel.settings.home import Home
from tests.support.hook_process import Done, run_hook, serving

PORT = "25000"
PROXY = "http://evil.example:3128"


def watch(home: Home, *, env: dict[str, str] | None = None, listening: str | None = f"{PORT}\n") -> Done:
    """One run while an engine answers; ``listening`` is what it says of its port."""
    with serving(home):
        if listening is not None:
            home.http_port.write_text(listening)
        return run_hook(home, b"{}", "--http", PORT, env=env)


def blocked(done: Done) -> bool:
    return done.exit_code == 2 and done.stdout == b"" and done.stderr.startswith(b"prempti: prompt blocked: ")


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"NO_PROXY": "nothing"},
        {"HTTP_PROXY": ""},
        {"FTP_PROXY": PROXY},
        {"HTTPS_PROXY": PROXY, "NO_PROXY": "127.0.0.1"},
        {"http_proxy": PROXY, "no_proxy": "localhost, 127.0.0.1 ,.example"},
        {"https_proxy": PROXY, "NO_PROXY": "*"},
        {"HTTPS_PROXY": PROXY, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"},
        {"HTTPS_PROXY": PROXY, "NO_PROXY": "127.0.0.1", "no_proxy": ""},
    ],
    ids=str,
)
def test_a_prompt_begins_where_calls_get_to_the_engine(home: Home, env: dict[str, str]) -> None:
    done = watch(home, env=env)
    assert (done.exit_code, done.stdout, done.stderr) == (0, b'{"ok":1}', b"")
    assert not home.fallbacks.exists()


@pytest.mark.parametrize(
    "env",
    [
        {"HTTP_PROXY": PROXY},
        {"http_proxy": PROXY},
        {"HTTPS_PROXY": PROXY},
        {"https_proxy": PROXY},
        {"ALL_PROXY": PROXY},
        {"Http_Proxy": PROXY},
        {"HTTPS_PROXY": PROXY, "NO_PROXY": ""},
        {"HTTPS_PROXY": PROXY, "NO_PROXY": "localhost"},
        {"HTTPS_PROXY": PROXY, "NO_PROXY": "127.0.0.10"},
        {"HTTPS_PROXY": PROXY, "NO_PROXY": "127.0.0.1", "no_proxy": "nothing"},
        {"HTTPS_PROXY": PROXY, "NO_PROXY": "nothing", "no_proxy": "127.0.0.1"},
    ],
    ids=str,
)
def test_a_proxy_between_agent_and_engine_lets_no_prompt_begin(home: Home, env: dict[str, str]) -> None:
    done = watch(home, env=env)
    assert blocked(done)
    assert b"NO_PROXY" in done.stderr
    assert PROXY.encode() not in done.stderr, "a proxy's address may hold a password"
    assert "prompt blocked" in home.fallbacks.read_text()


@pytest.mark.parametrize(
    ("listening", "remedy"),
    [
        (None, "--rotate"),
        ("", "--rotate"),
        ("25001\n", "restart the agent"),
        ("2500", "restart"),
        ("x" * 99, "restart"),
    ],
)
def test_an_engine_that_does_not_listen_on_that_port_lets_no_prompt_begin(
    home: Home, listening: str | None, remedy: str
) -> None:
    done = watch(home, listening=listening)
    assert blocked(done)
    assert remedy in done.stderr.decode()


def test_without_an_engine_no_prompt_begins(home: Home) -> None:
    home.http_port.write_text(f"{PORT}\n")
    assert blocked(run_hook(home, b"{}", "--http", PORT))


@pytest.mark.parametrize("words", [("--http",), ("--http", ""), ("--http", "no port")])
def test_without_a_port_no_prompt_begins(home: Home, words: tuple[str, ...]) -> None:
    with serving(home):
        home.http_port.write_text(f"{PORT}\n")
        assert blocked(run_hook(home, b"{}", *words))


def test_a_link_in_place_of_the_engines_file_lets_no_prompt_begin(home: Home) -> None:
    with serving(home):
        (home.run / "elsewhere").write_text(f"{PORT}\n")
        home.http_port.symlink_to("elsewhere")
        assert blocked(run_hook(home, b"{}", "--http", PORT))


def test_in_monitor_mode_prompts_begin_all_the_same(home: Home) -> None:
    home.monitor_flag.touch()
    done = watch(home, env={"HTTPS_PROXY": PROXY})
    assert (done.exit_code, done.stdout) == (0, b"{}\n")
    assert done.stderr.startswith(b"prempti: prompt passed unjudged: ")
