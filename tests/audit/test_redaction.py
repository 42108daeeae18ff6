"""Secrets go, whatever form they take and wherever they are; what only looks like one stays."""

from __future__ import annotations

import base64
import random
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prempti_otel.audit.redaction import MOST_SECRETS, PLACEHOLDER, Redactor
from prempti_otel.errors import PremptiError
from tests.support.records import KEY, REDACTOR

LOWER, UPPER, DIGITS = string.ascii_lowercase, string.ascii_uppercase, string.digits
ALNUM = LOWER + UPPER + DIGITS
HEX = DIGITS + "abcdef"
_random = random.Random(1)


def some(alphabet: str, length: int) -> str:
    """A text that no two secrets share; made here, so that no real-looking secret is in this file."""
    return "".join(_random.choice(alphabet) for _ in range(length))


TOKENS = {
    "aws access key": ("AK" + "IA" + some(UPPER, 16), "aws"),
    "anthropic": ("sk-" + "ant-api03-" + some(ALNUM, 40), "anthropic"),
    "openai": ("sk-" + "proj-" + some(ALNUM, 48), "openai"),
    "github": ("gh" + "p_" + some(ALNUM, 36), "github"),
    "github fine": ("github_" + "pat_" + some(ALNUM, 40), "github"),
    "gitlab": ("gl" + "pat-" + some(ALNUM, 20), "gitlab"),
    "slack": ("xo" + "xb-" + some(DIGITS, 12) + "-" + some(ALNUM, 24), "slack"),
    "slack hook": ("T" + some(UPPER, 8) + "/B" + some(UPPER, 8) + "/" + some(ALNUM, 24), "slack"),
    "stripe": ("sk_" + "live_" + some(ALNUM, 24), "stripe"),
    "google": ("AI" + "za" + some(ALNUM, 35), "google"),
    "npm": ("npm" + "_" + some(ALNUM, 36), "npm"),
    "pypi": ("py" + "pi-" + some(ALNUM, 60), "pypi"),
    "hugging face": ("h" + "f_" + some(ALNUM, 34), "huggingface"),
    "sendgrid": ("S" + "G." + some(ALNUM, 22) + "." + some(ALNUM, 43), "sendgrid"),
    "twilio": ("S" + "K" + some(HEX, 32), "twilio"),
    "digitalocean": ("do" + "p_v1_" + some(HEX, 64), "digitalocean"),
    "databricks": ("da" + "pi" + some(HEX, 32), "databricks"),
    "telegram": (some(DIGITS, 9) + ":AA" + some(ALNUM, 33), "telegram"),
    "vault": ("hv" + "s." + some(ALNUM, 30), "vault"),
    "grafana": ("gl" + "sa_" + some(ALNUM, 32) + "_" + some(HEX, 8), "grafana"),
    "docker": ("dckr" + "_pat_" + some(ALNUM, 27), "docker"),
    "linear": ("lin" + "_api_" + some(ALNUM, 40), "linear"),
    "shopify": ("shp" + "at_" + some(HEX, 32), "shopify"),
    "age": ("AGE-" + "SECRET-KEY-1" + some(UPPER + DIGITS, 58), "age"),
    "jwt": ("ey" + "J" + some(ALNUM, 20) + ".ey" + "J" + some(ALNUM, 40) + "." + some(ALNUM, 43), "jwt"),
}


@pytest.mark.parametrize("name", TOKENS)
@pytest.mark.parametrize("around", ["{}", "echo {}", "export X={};ls", 'curl "https://a.b/c?x={}"', "a\n{}\nb", "'{}'"])
def test_a_token_is_known_by_its_form(name: str, around: str) -> None:
    token, kind = TOKENS[name]
    text = around.replace("{}", f"https://hooks.slack.com/services/{token}" if name == "slack hook" else token)
    redacted = REDACTOR.redact_text(text)
    assert token not in redacted
    assert f"{PLACEHOLDER}{kind}_" in redacted or PLACEHOLDER in redacted


S = "h7Gq2" + some(LOWER, 6)
"""Something that could be a password or a token."""

CONTEXTS = [
    f"PGPASSWORD={S} psql -h db",
    f"export DB_PASSWORD='{S}'",
    f'AWS_SECRET_ACCESS_KEY="{S}{S}{S}"',
    f"psql postgres://app:{S}@db/app",
    f"git clone https://x-access-token:{S}{S}@github.com/a/b.git",
    f"mysql -u root -p{S} -e 'select 1'",
    f"mysqldump --password={S} db",
    f"curl -u admin:{S} https://example.com",
    f"curl --user 'admin:{S}' https://example.com",
    f"curl -H 'Authorization: Basic {S}' https://example.com",
    f'curl -H "Authorization: token {S}" https://example.com',
    f"curl -H 'X-Api-Key: {S}' https://example.com",
    f"curl -H 'Cookie: session={S}; a=b' https://example.com",
    f"curl https://example.com/?api_key={S}&x=1",
    f'curl -d \'{{"password": "{S}"}}\' https://example.com',
    f"sshpass -p {S} ssh host",
    f"docker login -u me -p {S} registry",
    f"redis-cli -a {S} ping",
    f"tool --api-key {S} --verbose",
    f"tool --token={S}",
    f"openssl enc -aes-256-cbc -pass pass:{S} -in f",
    f"htpasswd -b users me {S}",
    f"zip -P {S} out.zip f",
    f"ldapsearch -x -w {S} -b dc=x",
    f"psql -c \"ALTER USER a WITH PASSWORD '{S}'\"",
    f"password: {S}",
    f"client_secret = {S}",
    f"-----BEGIN RSA PRIVATE KEY-----\n{S}\n{S}\n-----END RSA PRIVATE KEY-----",
    f"-----BEGIN OPENSSH PRIVATE KEY-----\n{S}\ncut off",
    f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={S}{S}{S}==;EndpointSuffix=x",
]


@pytest.mark.parametrize("text", CONTEXTS)
def test_a_secret_is_known_by_where_it_stands(text: str) -> None:
    redacted = REDACTOR.redact_text(text)
    assert S not in redacted
    assert PLACEHOLDER in redacted


ORDINARY = [
    "git commit -m 'fix token parsing in the password form'",
    "cd /home/user && PWD=/home/user ls",
    "npm run build -- --max-tokens 100 --watch",
    "pytest tests/test_auth.py -k 'password and not token' -p no:cacheprovider",
    "password = get_password()",
    "def login(user: str, password: str) -> Token:",
    "export PASSWORD=$SECRET_FROM_VAULT",
    "curl -H 'Authorization: Bearer $TOKEN' https://example.com",
    "docker run -e TOKEN=${TOKEN} image",
    "https://registry.example.com:5000/team/image@sha256:" + some(HEX, 64),
    "git show " + some(HEX, 40),
    "ssh -p 2222 user@host",
    "mkdir -p src/secrets && touch src/secrets/token.py",
    "tar -xzpf a.tar.gz",
    "cp -p a b; curl -u https://example.com/a",
    "kubectl get secret my-secret -o yaml",
    "grep -rn 'api_key' src/",
    "uuid 123e4567-e89b-12d3-a456-426614174000",
    "sort_key=lambda pair: pair[1]",
    '{"type": "password", "required": true}',
    "pass: 12, fail: 3",
    "token_type: bearer",
    "ls ~/.aws/credentials",
    "make -j8 PREFIX=/usr/local",
    "sha512-" + some(ALNUM, 80) + "==",
    "rm -rf node_modules package-lock.json",
    "--token-file /run/secrets/token",
    "x = tokens[0]; key = keys[1]",
]


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert REDACTOR.redact_text(text) == text


def test_a_placeholder_is_one_shell_word_that_tells_kind_and_identity() -> None:
    one, two = (REDACTOR.redact_text(f"PASSWORD={secret} run").split()[0] for secret in ("first1", "second2"))
    again = REDACTOR.redact_text("echo; PASSWORD=first1 other").split()[1]
    assert one == again != two
    assert one.removeprefix("PASSWORD=").startswith("REDACTED_password_")
    assert one.rpartition("_")[2].isalnum()
    assert Redactor(b"x" * 32).redact_text("PASSWORD=first1 run").split()[0] != one


@pytest.mark.parametrize("text", [*CONTEXTS, *(token for token, _ in TOKENS.values())])
def test_what_is_redacted_is_not_redacted_again(text: str) -> None:
    once = REDACTOR.redact_text(text)
    assert REDACTOR.redact_text(once) == once


def test_a_secret_found_once_is_replaced_everywhere_in_the_body() -> None:
    body: dict[str, Any] = {
        "command": "mysql -phunter2 db; echo done",
        "argv": ["mysql", "-phunter2", "db"],
        "note": {"hunter2": ["it was hunter2!"], "count": 3},
    }
    assert "hunter2" not in str(REDACTOR.redact(body))


def test_the_name_of_a_key_tells_that_its_value_is_a_secret() -> None:
    body = {"input": {"password": "abc", "apiKey": "abcd1234efgh", "name": "abcdef"}, "copy": ["abc"]}
    redacted = REDACTOR.redact(body)
    assert redacted["input"]["name"] == "abcdef"
    assert PLACEHOLDER in redacted["input"]["password"]
    assert PLACEHOLDER in redacted["input"]["apiKey"]
    assert redacted["copy"] == [redacted["input"]["password"]]


def test_an_argument_vector_is_read_as_the_line_that_it_was() -> None:
    assert "tops3cret" not in str(REDACTOR.redact({"argv": ["curl", "-u", "me:tops3cret", "https://a.b"]}))


def test_a_secret_is_replaced_in_its_decoded_form_too() -> None:
    body = {"command": "psql postgres://app:p%40ssw0rd@db", "url": "password is p@ssw0rd"}
    assert "p@ssw0rd" not in str(REDACTOR.redact(body))


def test_a_users_own_pattern_is_redacted() -> None:
    redactor = Redactor(KEY, [("order", r"ACME-[0-9]{6}"), ("badge", r"^badge (\d+)$")])
    body = {"note": "ACME-123456", "lines": ["first\nbadge 4711\nlast", "no badge 4712"]}
    redacted = redactor.redact(body)
    assert redacted["note"].startswith("REDACTED_order_")
    assert redacted["lines"][0].startswith("first\nbadge REDACTED_badge_")
    assert redacted["lines"][0].endswith("\nlast")
    assert redacted["lines"][1] == "no badge 4712"


def test_a_users_bad_pattern_is_refused_with_a_sentence() -> None:
    with pytest.raises(PremptiError, match="not a regular expression"):
        Redactor(KEY, [("mine", "(unclosed")])


def test_a_users_pattern_that_finds_nothing_everywhere_is_refused() -> None:
    with pytest.raises(PremptiError, match="matches an empty text"):
        Redactor(KEY, [("mine", "x*")])


def test_a_body_without_secrets_is_handed_back_as_it_is() -> None:
    body = {"command": "git status", "list": [1, None, True]}
    assert REDACTOR.redact(body) is body


def test_many_secrets_go_as_few_do_and_wherever_they_stand_again() -> None:
    passwords = [f"s3cret{number}é" for number in range(400)]
    pins = [f"z{number}" for number in range(400, 800)]
    body = {
        "env": " ".join(f"PASSWORD={password}" for password in passwords),
        "pins": [f"pw={pin}" for pin in pins],
        "argv": [*passwords, *pins],
        "said": f"kept, {passwords[7]} and {pins[9]} gone, x{pins[9]}x kept",
    }
    redacted = REDACTOR.redact(body)
    alone = {secret: REDACTOR.redact({"a": f"password={secret}"})["a"] for secret in [*passwords, *pins]}
    assert redacted["argv"] == [alone[secret].removeprefix("password=") for secret in [*passwords, *pins]]
    assert redacted["said"].startswith("kept, REDACTED_password_")
    assert redacted["said"].endswith(f"gone, x{pins[9]}x kept")
    assert not [secret for secret in passwords if secret in str(redacted)]


def test_more_secrets_than_any_honest_call_has_are_refused() -> None:
    with pytest.raises(PremptiError, match="secrets"):
        REDACTOR.redact({"text": " ".join(f"PASSWORD=s3cret{number}" for number in range(MOST_SECRETS + 1))})


@pytest.mark.parametrize("first", ["git status", "password", "a b", "=", ""])
def test_a_secret_is_found_in_whichever_text_it_stands(first: str) -> None:
    texts = [first, "password=s3cretWord1", "nothing", "--token abcDEF123456", "x = 1"]
    assert REDACTOR.redact({"a": texts})["a"][1].startswith("password=REDACTED_")
    assert REDACTOR.redact({"a": texts})["a"][3].startswith("--token REDACTED_")
    assert REDACTOR.redact({"a": texts})["a"][2] == "nothing"


def test_lone_surrogates_become_replacement_characters() -> None:
    assert REDACTOR.redact({"a\ud800": ["b\udfff"]}) == {"a?": ["b?"]}


@given(st.text(max_size=200))
def test_no_text_breaks_the_redaction(text: str) -> None:
    redacted = REDACTOR.redact_text(text)
    assert REDACTOR.redact_text(redacted) == redacted


@given(
    st.sampled_from(sorted(TOKENS)),
    st.lists(st.sampled_from(["echo", "--x", "a=b", "$(", '"', "'", "\\", "\n", "\t", "|", "é", "💥"]), max_size=12),
)
def test_a_token_among_shell_syntax_is_found(name: str, around: list[str]) -> None:
    token = TOKENS[name][0]
    text = " ".join([*around, f"hooks.slack.com/services/{token}" if name == "slack hook" else token, *around])
    assert token not in REDACTOR.redact_text(text)


def test_among_many_secrets_each_is_found_however_it_is_written() -> None:
    secrets = ["ghp_" + some(ALNUM, 36) for _ in range(40)]
    spelled = [base64.b64encode(secret.encode()).decode() for secret in secrets]
    lowered = [secret.lower() for secret in secrets]
    body = {"env": "\n".join(f"export A={secret}" for secret in secrets), "again": " ".join([*spelled, *lowered])}
    redacted = REDACTOR.redact(body)
    assert not any(word in redacted["again"] or word in redacted["env"] for word in [*secrets, *spelled, *lowered])
    assert redacted["again"].count(PLACEHOLDER) == len(spelled) + len(lowered)
