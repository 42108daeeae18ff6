"""Secrets that are made up from the grammars of their kinds, and the places that people leave them in.

No grammar reads like a secret itself, so scanners of repositories find nothing here. The same seed gives the same.
"""

from __future__ import annotations

import random
import re
import string
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import cycle

SEED = 20260101
LONGEST_FRAGMENT = 16
_ALPHABETS = {
    "A": string.ascii_letters + string.digits,
    "a": string.ascii_lowercase + string.digits,
    "U": string.ascii_uppercase + "234567",
    "H": string.digits + "ABCDEF",
    "h": string.digits + "abcdef",
    "d": string.digits,
    "b": string.ascii_letters + string.digits + "-_",
    "B": string.ascii_letters + string.digits + "+/",
    "p": string.ascii_letters + string.digits + "!%+.-_~^*?",
    "l": string.ascii_lowercase,
}
_SLOT = re.compile(r"<([A-Za-z])(\d+)>")

FORMS = {
    "aws access key": "AKIA<U16>",
    "aws session key": "ASIA<U16>",
    "anthropic": "sk-ant-api03-<b80>AA",
    "openai": "sk-proj-<b48>T3BlbkFJ<b48>",
    "openai old": "sk-<A48>",
    "github": "ghp_<A36>",
    "github app": "ghs_<A36>",
    "github fine": "github_pat_<A22>_<A59>",
    "gitlab": "glpat-<b20>",
    "gitlab runner": "glrt-<b20>",
    "slack bot": "xoxb-<d12>-<d12>-<A24>",
    "slack app": "xapp-1-A<U10>-<d13>-<h64>",
    "slack hook": "https://hooks.slack.com/services/T<U10>/B<U10>/<A24>",
    "discord hook": "https://discord.com/api/webhooks/<d18>/<b68>",
    "stripe": "sk_live_<A24>",
    "stripe hook": "whsec_<A32>",
    "google": "AIza<b35>",
    "google oauth": "GOCSPX-<b28>",
    "google refresh": "1//0<b50>",
    "azure storage": "AccountName=store;AccountKey=<B86>==;EndpointSuffix=core.windows.net",
    "azure entra": "<A3>8Q~<b34>",
    "npm": "npm_<A36>",
    "pypi": "pypi-AgEIcHlwaS5vcmc<b80>",
    "rubygems": "rubygems_<h48>",
    "crates": "cio<A32>",
    "hugging face": "hf_<A34>",
    "sendgrid": "SG.<b22>.<b43>",
    "twilio": "SK<h32>",
    "mailgun": "key-<h32>",
    "mailchimp": "<h32>-us12",
    "digitalocean": "dop_v1_<h64>",
    "databricks": "dapi<h32>",
    "shopify": "shpat_<h32>",
    "telegram": "<d9>:AA<b33>",
    "vault": "hvs.<b90>",
    "doppler": "dp.pt.<A43>",
    "terraform": "<A14>.atlasv1.<b60>",
    "grafana": "glsa_<A32>_<h8>",
    "new relic": "NRAK-<U27>",
    "postman": "PMAK-<h24>-<h34>",
    "sentry": "sntrys_<B60>",
    "linear": "lin_api_<A40>",
    "notion": "ntn_<A46>",
    "docker": "dckr_pat_<b27>",
    "pulumi": "pul-<h40>",
    "age": "AGE-SECRET-KEY-1<U58>",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIi<b60>.<b43>",
    "private key": "-----BEGIN RSA PRIVATE KEY-----\n<B64>\n<B64>\n<B30>==\n-----END RSA PRIVATE KEY-----",
    "openssh key": "-----BEGIN OPENSSH PRIVATE KEY-----\n<B70>\n<B70>\n-----END OPENSSH PRIVATE KEY-----",
    "pgp key": "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n<B64>\n<B64>\n=<B4>\n-----END PGP PRIVATE KEY BLOCK-----",
}
"""Known by their form alone, wherever they stand."""

GLUED = "Ev{}"
NOT_GLUED = ("crates", "mailgun")
"""Kinds whose beginning ordinary text has too: not told from it where letters adjoin."""

ANYWHERE = (
    "{}",
    "echo {}",
    "export X={}; ls",
    "x='{}'",
    'curl "https://a.example/v1/things?x={}&y=1"',
    "curl -H 'X-Thing: {}' https://a.example/",
    "cat > notes.txt <<'EOF'\nfirst line\n{}\nlast line\nEOF",
    'curl -d "{\\"k\\": \\"{}\\", \\"n\\": 1}" https://a.example/',
    "services:\n  web:\n    x: {}\n    y: 1\n",
    "see /srv/data/{}/index.html for more",
    GLUED,
    "printf 'a\\n{}' > f",
    "error: 401 for key {}.",
    "| {} | in a table |",
    '[{"a": ["{}"]}]',
    "<a>{}</a>",
    "x = f(\"{}\", '{}')",
    "ünï {} códe",
)

CONTEXTS = {
    "env password": ("DB_PASSWORD={} ./run", "<p14>"),
    "env exported": ("export ADMIN_PASS='{}' && make", "<p14>"),
    "env glued quotes": ('PGPASSWORD="{}" psql -h db', "<A16>"),
    "aws pair": ("aws configure set aws_secret_access_key {}", "<B40>"),
    "aws file": ("[default]\naws_access_key_id = x\naws_secret_access_key = {}\nregion = eu\n", "<B40>"),
    "aws env": ("AWS_SECRET_ACCESS_KEY={} AWS_SESSION_TOKEN={} aws s3 ls", "<B40>"),
    "flag password": ("mysqldump --password={} --host db app", "<p14>"),
    "flag spaced": ("tool --admin-password '{}' --verbose", "<p14>"),
    "flag token": ("tool --api-token {} --verbose", "<A32>"),
    "mysql": ("mysql -u root -p{} -e 'select 1'", "<A14>"),
    "mysql quoted": ("mysql -uroot -p'{}' app", "<p14>"),
    "curl user": ("curl -u admin:{} https://a.example/x", "<p14>"),
    "curl user quoted": ('curl -sS --user "admin:{}" https://a.example/x', "<A14>"),
    "curl oauth2": ("curl --oauth2-bearer {} https://a.example/x", "<A40>"),
    "curl data": ("curl -d 'user=me&password={}&x=1' https://a.example/login", "<A14>"),
    "curl json": ('curl --json \'{"user": "me", "password": "{}"}\' https://a.example/login', "<A14>"),
    "curl escaped json": ('curl -d "{\\"client_secret\\": \\"{}\\"}" https://a.example/', "<A40>"),
    "url password": ("git clone https://me:{}@git.example/a.git", "<A20>"),
    "url token": ("git remote add o https://{}@git.example/a.git", "<A40>"),
    "url query": ("https://a.example/cb?code=1&access_token={}&state=2", "<A40>"),
    "url key": ("https://maps.example/api?key={}&q=x", "<A39>"),
    "url signed": ("https://b.s3.example/o?X-Amz-Signature={}&X-Amz-Expires=60", "<h64>"),
    "url sas": ("https://x.blob.core.windows.net/c?sv=2024&sig={}&se=2", "<A43>%3D"),
    "postgres": ("psql postgresql://app:{}@db:5432/app", "<A20>"),
    "mongodb": ("MONGO_URL=mongodb+srv://app:{}@c0.example/app", "<A20>"),
    "redis": ("redis://:{}@cache:6379/0", "<A24>"),
    "amqp": ("amqps://svc:{}@mq.example/vhost", "<A20>"),
    "jdbc": ("jdbc:postgresql://db/app?user=app&password={}", "<A16>"),
    "odbc": ("Server=db;Database=app;User Id=sa;Password={};Encrypt=yes", "<A16>"),
    "libpq": ("psql 'host=db user=app password={} dbname=app'", "<A16>"),
    "bearer": ("curl -H 'Authorization: Bearer {}' https://a.example/", "<b44>"),
    "basic": ("curl -H 'Authorization: Basic {}' https://a.example/", "<B32>"),
    "token header": ('curl -H "Authorization: token {}" https://a.example/', "<h40>"),
    "api key header": ("curl -H 'X-Api-Key: {}' https://a.example/", "<A32>"),
    "cookie": ("curl -b 'session={}' -H 'Cookie: sid={}; theme=dark' https://a.example/", "<A40>"),
    "set cookie": ("HTTP/1.1 200 OK\r\nSet-Cookie: sid={}; Path=/; HttpOnly\r\n", "<A40>"),
    "headers in json": ('{"headers": {"authorization": "Bearer {}"}}', "<b44>"),
    "headers in python": ("requests.get(u, headers={'Authorization': f'Token {}'})", "<h40>"),
    "dotenv": ("A=1\nSECRET_KEY={}\nDEBUG=1\n", "<p40>"),
    "dotenv quoted": ('JWT_SECRET="{}"\nPORT=80\n', "<A40>"),
    "npmrc": ("//registry.npmjs.org/:_authToken={}\n", "<h8>-<h4>-<h4>-<h4>-<h12>"),
    "npmrc auth": ("//npm.example/:_auth={}\nalways-auth=true\n", "<B40>"),
    "netrc": ("machine a.example login me password {}\n", "<p16>"),
    "netrc lines": ("machine a.example\n  login me\n  password {}\n", "<A16>"),
    "pgpass": ("echo 'db:5432:app:app:{}' >> ~/.pgpass", "<A16>"),
    "pypirc": ("[pypi]\nusername = me\npassword = {}\n", "<p16>"),
    "kubeconfig": ("users:\n- name: me\n  user:\n    token: {}\n", "<b60>"),
    "kubeconfig key": ("    client-key-data: {}\n", "<B160>"),
    "kubernetes secret": ("kind: Secret\ndata:\n  password: {}\n", "<B24>"),
    "kubectl literal": ("kubectl create secret generic s --from-literal=password={}", "<A20>"),
    "compose": ("environment:\n  - POSTGRES_PASSWORD={}\n  - TZ=UTC\n", "<A16>"),
    "k8s env": ("env:\n  - name: DB_PASSWORD\n    value: {}\n", "<A16>"),
    "k8s env json": ('[{"name": "API_TOKEN", "value": "{}"}]', "<A32>"),
    "docker config": ('{"auths": {"r.example": {"auth": "{}"}}}', "<B40>"),
    "docker login": ("docker login -u me -p {} r.example", "<p16>"),
    "docker stdin": ("echo {} | docker login -u me --password-stdin r.example", "<A20>"),
    "docker env": ("docker run -e API_TOKEN={} image", "<A32>"),
    "sshpass": ("sshpass -p '{}' ssh me@a.example", "<p16>"),
    "sudo": ("echo '{}' | sudo -S apt install x", "<p16>"),
    "chpasswd": ("echo 'root:{}' | chpasswd", "<A16>"),
    "htpasswd": ("htpasswd -bc users me {}", "<A16>"),
    "openssl": ("openssl enc -aes-256-cbc -k {} -in f", "<A16>"),
    "openssl pass": ("openssl rsa -in k -passin pass:{}", "<A16>"),
    "gpg": ("gpg --batch --passphrase {} -d f.gpg", "<A16>"),
    "zip": ("zip -P {} out.zip f", "<A16>"),
    "7z": ("7z x a.7z -p{}", "<A16>"),
    "ldap": ("ldapsearch -x -D cn=a -w {} -b dc=x", "<A16>"),
    "sql": ("psql -c \"ALTER ROLE a WITH PASSWORD '{}'\"", "<p16>"),
    "sql identified": ("mysql -e \"CREATE USER a IDENTIFIED BY '{}'\"", "<p16>"),
    "redis cli": ("redis-cli -h c -a {} ping", "<A24>"),
    "vault": ("VAULT_TOKEN={} vault kv put secret/a password={}", "<A26>"),
    "wifi": ("nmcli dev wifi connect home password '{}'", "<A16>"),
    "wireguard": ("[Interface]\nPrivateKey = {}\nAddress = 10.0.0.1\n", "<B43>="),
    "totp": ("otpauth://totp/a:me?secret={}&issuer=a", "<U32>"),
    "terraform": ('variable "db_password" {\n  default = "{}"\n}\n', "<p16>"),
    "tfvars": ('db_password = "{}"\n', "<p16>"),
    "rails": ("secret_key_base: {}\n", "<h128>"),
    "django": ("SECRET_KEY = 'django-insecure-{}'", "<p50>"),
    "spring": ("spring.datasource.password={}\n", "<p16>"),
    "maven": ("<server><id>a</id><password>{}</password></server>", "<A16>"),
    "python call": ("connect(host='db', password='{}')", "<p16>"),
    "javascript": ("const apiKey = '{}';", "<A32>"),
    "go": ('APIKey := "{}"', "<A32>"),
    "error text": ("FATAL: login failed, password={} for user app", "<A16>"),
    "datadog": ("DD_API_KEY={} agent", "<h32>"),
    "heroku": ("HEROKU_API_KEY={} heroku apps", "<h8>-<h4>-<h4>-<h4>-<h12>"),
    "cloudflare": ("curl -H 'X-Auth-Key: {}' https://a.example/", "<h37>"),
    "slack config": ('{"signing_secret": "{}"}', "<h32>"),
    "powershell": ("$env:API_TOKEN = '{}'", "<A32>"),
    "fish": ("set -x API_TOKEN {}", "<A32>"),
    "split by quotes": ("export DB_PASSWORD={0}''{1}\"{2}\"", "<A18>"),
}
"""Known by where they stand: place, grammar."""


@dataclass(frozen=True)
class Seeded:
    """A secret, in a text."""

    kind: str
    text: str
    parts: tuple[str, ...]
    """What of the secret nobody could know, as it stands in the text."""


def made(grammar: str, chance: random.Random) -> tuple[str, tuple[str, ...]]:
    """A text by ``grammar``, and the parts of it that chance made."""
    parts: list[str] = []

    def slot(found: re.Match[str]) -> str:
        parts.append("".join(chance.choices(_ALPHABETS[found[1]], k=int(found[2]))))
        return parts[-1]

    return _SLOT.sub(slot, grammar), tuple(parts)


def seeded(most: int, seed: int = SEED) -> Iterator[Seeded]:
    """``most`` of them, all different: by form and by place in turns."""
    chance = random.Random(seed)
    places = cycle(ANYWHERE)
    forms, contexts = cycle(FORMS.items()), cycle(CONTEXTS.items())
    for number in range(most):
        if number % 2:
            kind, (place, grammar) = next(contexts)
            secret, parts = made(grammar, chance)
        else:
            kind, grammar = next(forms)
            place = next(places)
            if place == GLUED and kind in NOT_GLUED:
                place = next(places)
            secret, parts = made(grammar, chance)
        if "{0}" in place:
            third = len(secret) // 3
            pieces = (secret[:third], secret[third : 2 * third], secret[2 * third :])
            text = place.replace("{0}", pieces[0]).replace("{1}", pieces[1]).replace("{2}", pieces[2])
            parts = (*parts, text.partition("=")[2])
        else:
            text = place.replace("{}", secret)
        yield Seeded(kind, text, parts if max(map(len, parts)) >= LONGEST_FRAGMENT else (secret,))


def fragments(secrets: Iterable[Seeded]) -> dict[bytes, str]:
    """Each run of bytes that tells something of a secret, and the secret's kind.

    Eight bytes of those that chance made; of hexadecimal digits sixteen, since hashes have any eight by chance.
    """
    found: dict[bytes, str] = {}
    for secret in secrets:
        for part in secret.parts:
            length = LONGEST_FRAGMENT if set(part) <= {*string.hexdigits, "-"} else 8
            encoded = part.encode()
            found |= {encoded[at : at + length]: secret.kind for at in range(len(encoded) - length + 1)}
    return found


def told(data: bytes, known: dict[bytes, str]) -> dict[str, bytes]:
    """The kinds of the secrets that ``data`` tells something of, each with what it tells."""
    found: dict[str, bytes] = {}
    for length in (8, LONGEST_FRAGMENT):
        for at in range(len(data) - length + 1):
            kind = known.get(data[at : at + length])
            if kind is not None:
                found.setdefault(kind, data[max(0, at - 60) : at + 60])
    return found
