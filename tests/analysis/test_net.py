"""Which host a target names: spellings of addresses, disagreeing clients, and hostile text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prempti_otel.analysis.net import ip_class, local_file, read_targets

URLS = [
    ("https://Example.COM/a?b=c#d", "example.com", 443, "https", "https://example.com/a?b=c"),
    ("http://good.example@evil.example/", "evil.example", 80, "http", "http://evil.example/"),
    ("http://user:p@ss@evil.example:8080/x", "evil.example", 8080, "http", "http://evil.example:8080/x"),
    ("http://a.example#@evil.example/", "a.example", 80, "http", "http://a.example/"),
    ("http://a.example?@evil.example/", "a.example", 80, "http", "http://a.example/?@evil.example/"),
    ("http://ex%61mple.com./x", "example.com", 80, "http", "http://example.com/x"),
    ("ht\ttp://exa\nmple.com/", "example.com", 80, "http", "http://example.com/"),
    ("  http://example.com/  ", "example.com", 80, "http", "http://example.com/"),
    ("http:example.com/x", "example.com", 80, "http", "http://example.com/x"),
    ("http:////example.com/x", "example.com", 80, "http", "http://example.com/x"),
    ("//example.com/x", "example.com", 0, "", "http://example.com/x"),
    ("example.com/x", "example.com", 0, "", "http://example.com/x"),
    ("localhost:3000/health", "localhost", 3000, "", "http://localhost:3000/health"),
    ("http://bücher.example/", "xn--bcher-kva.example", 80, "http", "http://xn--bcher-kva.example/"),
    ("http://\u0435xample.com/", "xn--xample-2of.com", 80, "http", "http://xn--xample-2of.com/"),
    ("http://2852039166/", "169.254.169.254", 80, "http", "http://169.254.169.254/"),
    ("http://0xA9FEA9FE/", "169.254.169.254", 80, "http", "http://169.254.169.254/"),
    ("http://0251.0376.0251.0376/", "169.254.169.254", 80, "http", "http://169.254.169.254/"),
    ("http://169.254.43518/", "169.254.169.254", 80, "http", "http://169.254.169.254/"),
    ("http://127.1:8000/", "127.0.0.1", 8000, "http", "http://127.0.0.1:8000/"),
    ("http://１２７.０.０.１/", "127.0.0.1", 80, "http", "http://127.0.0.1/"),
    ("http://[::ffff:169.254.169.254]/", "169.254.169.254", 80, "http", "http://169.254.169.254/"),
    ("http://[fe80::1%25eth0]:81/", "fe80::1", 81, "http", "http://[fe80::1]:81/"),
    ("http://[0:0:0:0:0:0:0:1]/", "::1", 80, "http", "http://[::1]/"),
    ("git+https://github.com/a/b", "github.com", 443, "git+https", "git+https://github.com/a/b"),
    ("ssh://git@0x7f.1:2222/x", "127.0.0.1", 2222, "ssh", "ssh://127.0.0.1:2222/x"),
    ("redis://:secret@cache.internal/0", "cache.internal", 6379, "redis", "redis://cache.internal/0"),
    ("http://foo_bar:99999/", "foo_bar", 0, "http", "http://foo_bar/"),
]


@pytest.mark.parametrize(("text", "host", "port", "scheme", "url"), URLS)
def test_a_url_names_the_host_its_clients_contact(text: str, host: str, port: int, scheme: str, url: str) -> None:
    target = read_targets(text, "url")[0]
    assert target.host == host
    assert target.scheme == scheme
    assert target.url == url
    if port:
        assert target.port == port


@pytest.mark.parametrize(
    ("text", "form", "host", "port"),
    [
        ("git@github.com:a/b.git", "scp", "github.com", 0),
        ("backup:/srv/x", "scp", "backup", 0),
        ("[::1]:x", "scp", "::1", 0),
        ("u@2130706433:x", "scp", "127.0.0.1", 0),
        ("ssh://u@h.example:22/x", "scp", "h.example", 22),
        ("u@h.example", "scp", "h.example", 0),
        ("h.example:8080", "hostport", "h.example", 8080),
        ("[::1]:80", "hostport", "::1", 80),
        ("::1", "hostport", "::1", 0),
        ("u@h.example:22", "hostport", "h.example", 22),
        ("tcp://h.example:99", "hostport", "h.example", 99),
        ("H.Example.", "host", "h.example", 0),
        ("0", "host", "0.0.0.0", 0),
    ],
)
def test_other_forms_name_their_host(text: str, form: str, host: str, port: int) -> None:
    target = read_targets(text, form)[0]
    assert (target.host, target.port) == (host, port)


def test_a_backslash_before_an_at_sign_names_both_hosts() -> None:
    hosts = [target.host for target in read_targets("http://good.example\\@evil.example/", "url")]
    assert hosts == ["good.example", "evil.example"]


def test_credentials_of_a_url_are_never_reported() -> None:
    for text in ("https://u:hunter2@h.example/x", "redis://:hunter2@h", "http:\\\\u:hunter2@h\\x"):
        assert all("hunter2" not in target.url for target in read_targets(text, "url"))


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", "loopback"),
        ("127.8.8.8", "loopback"),
        ("::1", "loopback"),
        ("0.0.0.0", "loopback"),
        ("localhost", "loopback"),
        ("app.localhost", "loopback"),
        ("10.0.0.1", "private"),
        ("192.168.1.1", "private"),
        ("172.16.0.1", "private"),
        ("100.64.0.1", "private"),
        ("fd00::1", "private"),
        ("169.254.1.1", "link_local"),
        ("fe80::1", "link_local"),
        ("169.254.169.254", "metadata"),
        ("169.254.170.2", "metadata"),
        ("100.100.100.200", "metadata"),
        ("fd00:ec2::254", "metadata"),
        ("metadata.google.internal", "metadata"),
        ("64:ff9b::a9fe:a9fe", "metadata"),
        ("2002:a9fe:a9fe::", "metadata"),
        ("8.8.8.8", "public"),
        ("2606:4700::1111", "public"),
        ("example.com", "name"),
        ("localhost.example.com", "name"),
        ("", "name"),
    ],
)
def test_hosts_have_a_class(host: str, expected: str) -> None:
    assert ip_class(host) == expected


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:///etc/passwd", "/etc/passwd"),
        ("FILE://localhost/etc/pass%77d", "/etc/passwd"),
        ("file:/etc/passwd?x", "/etc/passwd"),
        ("https://example.com/file:///x", None),
        ("", None),
    ],
)
def test_a_file_url_is_a_path(url: str, path: str | None) -> None:
    assert local_file(url) == path


FORMS = st.sampled_from(["url", "host", "hostport", "scp", "nonsense"])
URLISH = st.text(alphabet="htps:/\\@[]%.0x9aß\t#? \x00\ud800é1", max_size=60)


@given(text=st.text() | URLISH | URLISH.map("http://{}".format), form=FORMS)
def test_no_text_makes_reading_a_target_raise(text: str, form: str) -> None:
    for target in read_targets(text, form):
        assert target.ip_class in ("loopback", "private", "link_local", "metadata", "public", "name")
        assert 0 <= target.port <= 65_535
    local_file(text)


@given(st.ip_addresses(v=4))
def test_every_spelling_of_an_ipv4_address_is_that_address(address: object) -> None:
    number = int(address)  # type: ignore[call-overload]
    high, low = number >> 24, number & 0xFFFFFF
    for spelling in (str(number), hex(number), f"0{number:o}", f"{high}.{low}", f"0x{high:x}.0{low:o}"):
        assert read_targets(f"http://{spelling}/", "url")[0].host == str(address), spelling
