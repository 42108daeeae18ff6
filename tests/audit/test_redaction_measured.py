"""How much of many made-up secrets is found, and how little of what only looks like one."""

from __future__ import annotations

import base64
import json
import urllib.parse
from typing import Any

import pytest

from tests.support.ordinary_values import ordinary
from tests.support.records import REDACTOR
from tests.support.seeded_secrets import CONTEXTS, FORMS, fragments, seeded, told

SECRETS, ORDINARY = 500, 2_000
MOST_MISTAKEN = 0.01


def in_json(text: str) -> dict[str, Any]:
    return {"input": {"content": json.dumps({"a": json.dumps([text])})}}


def in_lines(text: str) -> dict[str, Any]:
    return {"fields": [{"proc.cmdline": text, "proc.argv": text.split()}], "output": f"before\n{text}\nafter"}


@pytest.mark.parametrize("around", [in_json, in_lines])
def test_no_part_of_a_secret_is_left(around: Any) -> None:
    assert len({*FORMS, *CONTEXTS}) >= 30
    secrets = list(seeded(SECRETS))
    assert len({secret.text for secret in secrets}) == SECRETS
    kept = [json.dumps(REDACTOR.redact(around(secret.text)), ensure_ascii=False) for secret in secrets]
    assert told("\n".join(kept).encode(), fragments(secrets)) == {}


def test_secrets_are_told_where_nothing_is_redacted() -> None:
    secrets = list(seeded(SECRETS))
    plain = "\n".join(secret.text for secret in secrets).encode()
    assert told(plain, fragments(secrets)).keys() == {secret.kind for secret in secrets}


def test_hardly_any_ordinary_value_is_taken_for_a_secret() -> None:
    mistaken = [text for text in ordinary(ORDINARY) if REDACTOR.redact_text(text) != text]
    assert len(mistaken) <= ORDINARY * MOST_MISTAKEN, mistaken


WRITTEN = [
    ("export PASSWORD=ab'cdef'gh\"ij\" x", "export PASSWORD=@ x"),
    ("TOKEN='abc'\"def\"123456789 x", "TOKEN=@ x"),
    ("PASSWORD=pa\\$\\$w0rd x", "PASSWORD=@ x"),
    ('PASSWORD="pa\\"ss99" x', 'PASSWORD="@" x'),
    ("PGPASSWORD=$'a\\'b99' x", "PGPASSWORD=$'@' x"),
    ("mysql -p'pa''ss99' db", "mysql -p@ db"),
    ('-d "{\\"password\\": \\"abc99xyz\\", \\"x\\": \\"y\\"}"', '-d "{\\"password\\": \\"@\\", \\"x\\": \\"y\\"}"'),
    ("{'Authorization':'Token x99aaabbb','b':'c'}", "{'Authorization':'Token @','b':'c'}"),
    ("curl --proxy http://me:s3cr3t@p x", "curl --proxy http://me:@@p x"),
    ("https://me:p@ss99word@h/x", "https://me:@@h/x"),
    ("https%3A%2F%2Fme%3As3cr3tpw%40host", "https%3A%2F%2Fme%3A@%40host"),
    ("<Password>s3cr3t</Password>", "<Password>@</Password>"),
    ('echo "machine h login u password s3cr3t" >> ~/.netrc', 'echo "machine h login u password @" >> ~/.netrc'),
    ("password: abc9\\nfoo: bar", "password: @\\nfoo: bar"),
    ("DB_PASS=hunter2;ls", "DB_PASS=@;ls"),
    ("db.password=hunter2, x=1", "db.password=@, x=1"),
    ("ssh-keygen -N 's3cr3t pass' -f x", "ssh-keygen -N '@' -f x"),
    ("x $2b$12$" + "abcdefgABCDEFG0123456" * 2 + "abcdefgABCD", "x @"),
]


@pytest.mark.parametrize(("text", "kept"), WRITTEN)
def test_what_stands_around_a_secret_stays(text: str, kept: str) -> None:
    secrets = sorted(set(REDACTOR.find({"text": text}).values()))
    redacted = REDACTOR.redact_text(text)
    for placeholder in secrets:
        redacted = redacted.replace(placeholder, "@")
    assert redacted == kept


PASSED_TO = """\
mongosh -u a -p @ --host x
mongodump -p@
rabbitmqctl add_user bob @
useradd -p @ bob
net user bob @
snmpget -v3 -A @ host
ipmitool -U a -P @ chassis
sqlcmd -U sa -P @ -Q x
curl -u :@ x
curl --user @: x
twine upload -u a -p @
vault login @
cargo login @
consul kv put a/password @
kubectl create secret generic a --from-literal=key=@
poetry config http-basic.r u @
openssl passwd -6 @
wpa_passphrase ssid @
rclone config create x sftp pass @
xfreerdp /u:a /p:@ /v:h
requirepass @
my secret is @
pw: @
KEY=@
os.environ['API_KEY'] = '@'
config.set('password', '@')
setPassword("@")
password: |\\n  @
<input type=password value=@>
ENV API_TOKEN @
--build-arg TOKEN=@
TF_VAR_password=@
curl -b 'session=@' x
echo '@' | passwd --stdin bob
docker login --password-stdin <<< '@'
-Dpassword=@
process.env.API_KEY = '@'
<add key="ApiKey" value="@"/>
$env:API_KEY = "@"
""".splitlines()


@pytest.mark.parametrize("text", PASSED_TO)
def test_a_password_is_known_by_what_it_is_passed_to(text: str) -> None:
    password = "tR0ub4dor9" + "xKq2Lm8V"
    written = text.replace("\\n", "\n").replace("@", password)
    assert password not in REDACTOR.redact_text(written)


@pytest.mark.parametrize(
    "text",
    [
        "PASSWORD=$(pass show db)",
        "PASSWORD=`pass show db`",
        "PASSWORD = os.environ['PASSWORD']",
        "self.key_password = key_password",
        "self._password = parsed.password",
        "password: ${{ secrets.DB_PASSWORD }}",
        "grep -rn -- '-----BEGIN OPENSSH PRIVATE KEY-----' .",
        '_START = b"-----BEGIN OPENSSH PRIVATE KEY-----"\n_END = b"-----END OPENSSH PRIVATE KEY-----"',
        "tool --pass --verbose",
        "this$1$1.popper, this$1$1.options",
        'HEX_PAT = "[0-9A-Fa-f]{1,4}"',
        "curl -H @headers.txt https://a.example",
        "def set_cookie(self, cookie: Cookie, *args: Any) -> None:",
        "pass: 12, fail: 3",
        "echo y | sudo -S apt-get install jq",
        "net user bob; openssl passwd -help; vault login -method=oidc",
    ],
)
def test_what_only_names_a_secret_stays(text: str) -> None:
    assert REDACTOR.redact_text(text) == text


@pytest.mark.parametrize(
    "encode",
    [
        lambda secret: json.dumps(secret)[1:-1],
        lambda secret: urllib.parse.quote(secret, safe=""),
        lambda secret: base64.b64encode(secret.encode()).decode(),
    ],
)
def test_a_secret_goes_in_its_other_spellings_too(encode: Any) -> None:
    secret = 'p4ss"w/rd+é='
    body = {"input": {"password": secret}, "said": f"it is {encode(secret)} now"}
    redacted = REDACTOR.redact(body)
    assert redacted["said"] == f"it is {redacted['input']['password']} now"


def test_a_token_that_the_shell_puts_together_goes_with_its_quotes() -> None:
    token = "gh" + "p_" + "a1B2c3D4" * 5
    for torn in (f"{token[:3]}''{token[3:]}", f'"{token[:9]}"{token[9:]}', f"{token[:5]}\\\n{token[5:]}"):
        redacted = REDACTOR.redact({"command": f"deploy {torn} now", "argv": ["deploy", token, "now"]})
        assert redacted["command"] == f"deploy {redacted['argv'][1]} now"
