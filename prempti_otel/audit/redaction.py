"""Takes secrets out of a record's body before it is written: none may reach disk, wire or log.

A secret is replaced by one shell word, ``REDACTED_<kind>_<8 hex>``, the digits from the HMAC-SHA256 of the
secret under the installation's key: equal secrets stay recognisable as equal, and a command keeps its shape.
Once found anywhere in a body, a secret is replaced everywhere in it. Rules judge the full text before this.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import string
import urllib.parse
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import msgspec
import re2

from prempti_otel.audit import secret_patterns
from prempti_otel.audit.key import fingerprint, load_key
from prempti_otel.errors import PremptiError

if TYPE_CHECKING:
    from prempti_otel.model.call import JsonValue
    from prempti_otel.settings.home import Home

PLACEHOLDER = "REDACTED_"
MOST_SECRETS = 10_000
"""Different ones in one record; no honest call comes near, and time is bounded."""
_LEAST_ANYWHERE = 6
"""A shorter secret is replaced where it was found and where it is a whole string, not inside other words."""
_SHORTEST_TOKEN = 15
"""No token that is known by its form alone is shorter."""
_SET_MEMORY = 64 << 20
"""RE2's budget in bytes for all patterns in one automaton; with too small a one it would find nothing."""
_HARD_GROUPS = ("hard", "hard2")
_HARD_KIND = "password"
_MARKS = frozenset("=: \t\n")
_FEW = 16
"""So many secrets are looked for one after the other; more of them by one automaton."""
_LONGEST_COMMON_NAME = 64
"""Longer names are not remembered, so that what is stays small."""


@dataclass(frozen=True, slots=True)
class Found:
    """A secret and what it is."""

    kind: str
    text: str


class Redactor:
    """Redacts with one installation's key. Stateless after construction; shared by all threads."""

    def __init__(self, key: bytes, patterns: Sequence[str] = ()) -> None:
        """``patterns``: the user's own (RE2); group 1, else the whole match. Raises PremptiError for a bad one."""
        self._key = key
        tokens = [(item.kind, item.pattern, item.hint) for item in secret_patterns.TOKENS]
        contexts = [(item.kind, item.pattern, item.hint) for item in secret_patterns.CONTEXTS]
        custom = [("custom", pattern, pattern) for pattern in patterns]
        self._named = [(kind, _compiled(pattern)) for kind, pattern, _ in [*custom, *tokens, *contexts]]
        options = re2.Options()
        options.max_mem = _SET_MEMORY
        options.log_errors = False
        self._forms = re2.Set.SearchSet(options)
        for _, pattern, _ in [*custom, *tokens, *contexts]:
            self._forms.Add(pattern)
        self._forms.Compile()
        self._assignments = (_compiled(secret_patterns.ASSIGNMENT), _compiled(secret_patterns.FLAG))
        hints = {hint for _, _, hint in [*tokens, *contexts]} | {secret_patterns.ASSIGNMENT_HINT}
        self._hint = _compiled("|".join(f"(?:{hint})" for hint in sorted(hints))) if not custom else None

    @classmethod
    def open(cls, home: Home, patterns: Sequence[str] = ()) -> Redactor:
        """With the installation's key, which is made where there is none. Raises StoreError."""
        return cls(load_key(home), patterns)

    def fingerprint(self, text: str) -> str:
        """``hmac-sha256:...`` of a text."""
        return fingerprint(self._key, text)

    def placeholder(self, kind: str, secret: str) -> str:
        """What stands for ``secret``."""
        digest = hmac.digest(self._key, secret.encode("utf-8", "surrogatepass"), hashlib.sha256)
        return f"{PLACEHOLDER}{kind}_{digest[:4].hex()}"

    def redact(self, body: dict[str, Any]) -> dict[str, Any]:
        """``body`` (JSON values) without secrets and lone surrogates; the same object where there is nothing to do."""
        try:
            encoded = msgspec.json.encode(body)
        except UnicodeEncodeError:
            body = _without_surrogates(body)
            encoded = msgspec.json.encode(body)
        if self._hint is not None and self._hint.search(encoded) is None:
            return body
        secrets = self.find(body)
        return self._replace(body, secrets) if secrets else body

    def redact_text(self, text: str) -> str:
        """One text without its secrets."""
        redacted = self.redact({"text": text})["text"]
        assert isinstance(redacted, str)
        return redacted

    def find(self, value: JsonValue) -> dict[str, str]:
        """All secrets in ``value`` and what stands for each."""
        found: dict[str, str] = {}
        texts: dict[str, None] = {}
        named: dict[tuple[str, str], None] = {}
        _collect(value, texts, named)
        for text in texts if self._hint is None else self._hinted(list(texts)):
            for item in self._in_text(text):
                if item.text not in found:
                    found[item.text] = self.placeholder(item.kind, item.text)
            if len(found) > MOST_SECRETS:
                raise PremptiError(f"it holds more than {MOST_SECRETS} secrets, which takes too long to redact")
        for name, text in named:
            kind = _named_kind(name)
            if kind and _is_secret(text, hard=kind == _HARD_KIND):
                found.setdefault(text, self.placeholder(kind, text))
        for secret in list(found):
            decoded = urllib.parse.unquote(secret)
            if decoded != secret:
                found.setdefault(decoded, found[secret])
        return found

    def _hinted(self, texts: Sequence[str]) -> Iterator[str]:
        """Those of ``texts`` that could hold a secret: one search over all of them, since each costs microseconds.

        A line feed between two of them bounds every hint but those with a blank, which mark both texts then.
        """
        assert self._hint is not None
        searched = [text for text in texts if not _is_bare_word(text)]
        ends = list(accumulate(len(text) + 1 for text in searched))
        place = 0
        for match in self._hint.finditer("\n".join(searched)):
            last = bisect_left(ends, match.end())
            place = max(place, bisect_right(ends, match.start()))
            yield from searched[place : last + 1]
            place = last + 1

    def _in_text(self, text: str) -> Iterator[Found]:
        encoded = text.encode()
        for index in self._forms.Match(encoded) or ():
            kind, pattern = self._named[index]
            for match in pattern.finditer(encoded):
                secret = match[1] if pattern.groups and match[1] is not None else match[0]
                secret = _unquoted(secret.decode())
                if secret and not _is_reference(secret):
                    yield Found(kind, secret)
        for pattern in self._assignments:
            for match in pattern.finditer(encoded):
                groups = {name: value and value.decode() for name, value in match.groupdict().items()}
                quoted = groups["double"] or groups["single"]
                secret = quoted or groups["bare"].rstrip(",.")
                if _is_assigned_secret(groups, secret, quoted=quoted is not None):
                    yield Found(_kind_of(match), secret)

    def _replace(self, value: Any, secrets: Mapping[str, str]) -> Any:
        """Longest first, so that a secret inside a longer one does not tear it apart."""
        longest_first = sorted(secrets, key=_by_length)
        inside = [secret for secret in longest_first if len(secret) >= _LEAST_ANYWHERE]
        short = [secret for secret in longest_first if len(secret) < _LEAST_ANYWHERE]
        anywhere = _any_of(inside) if len(inside) > _FEW else None
        word = _as_word(short) if short else None

        def text(original: str) -> str:
            whole = secrets.get(original)
            if whole is not None:
                return whole
            changed = original
            if anywhere is None:
                for secret in inside:
                    changed = changed.replace(secret, secrets[secret])
            elif len(original) >= _LEAST_ANYWHERE:
                changed = _replaced(anywhere, changed, secrets)
            return changed if word is None else _replace_words(changed, word, secrets)

        return _mapped(value, text)


def _is_bare_word(text: str) -> bool:
    """Too short for a token, and nothing in it that could set a value apart from its name."""
    return len(text) < _SHORTEST_TOKEN and _MARKS.isdisjoint(text)


def _by_length(secret: str) -> tuple[int, str]:
    return -len(secret), secret


def _any_of(secrets: Sequence[str]) -> Any:
    return _compiled("|".join(map(re2.escape, secrets)))


def _as_word(secrets: Sequence[str]) -> Any:
    """Matches a secret where no letter or digit adjoins, or right after an option's letter (``-psecret``)."""
    return _compiled(rf"(^|[^A-Za-z0-9]|\s-[A-Za-z])({'|'.join(map(re2.escape, secrets))})($|[^A-Za-z0-9])")


def _replaced(pattern: Any, text: str, placeholders: Mapping[str, str]) -> str:
    encoded = text.encode()
    parts: list[str] = []
    last = 0
    for match in pattern.finditer(encoded):
        parts += (encoded[last : match.start()].decode(), placeholders[match[0].decode()])
        last = match.end()
    return "".join((*parts, encoded[last:].decode())) if parts else text


def _replace_words(text: str, pattern: Any, placeholders: Mapping[str, str]) -> str:
    for _ in range(64):
        changed: str = pattern.sub(lambda match: match[1] + placeholders[match[2]] + match[3], text)
        if changed == text:
            return changed
        text = changed
    return text


def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _SET_MEMORY
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        raise PremptiError(
            f"{pattern!r} is not a regular expression: {error}", remedy="write it in RE2's syntax"
        ) from error


def _kind_of(match: Any) -> str:
    groups = match.groupdict()
    return _HARD_KIND if any(groups[name] is not None for name in _HARD_GROUPS) else "token"


def _named_kind(name: str) -> str:
    """Which kind of secret a value of this name is; empty for other names."""
    return _common_kind(name) if len(name) <= _LONGEST_COMMON_NAME else _common_kind.__wrapped__(name)


@lru_cache(maxsize=1024)
def _common_kind(name: str) -> str:
    """Remembered, since most names are those of rule fields."""
    match = _secret_name().fullmatch(name)
    return "" if match is None else _kind_of(match)


@cache
def _secret_name() -> Any:
    return _compiled(secret_patterns.SECRET_NAME)


def _is_assigned_secret(groups: Mapping[str, str | None], secret: str, *, quoted: bool) -> bool:
    hard = any(groups[name] is not None for name in _HARD_GROUPS)
    if not quoted and any(mark in secret for mark in "([{") and "}" not in secret:
        return False  # an expression in code, not a value
    if hard and not quoted and groups.get("sign") == ":" and (groups["name"] or "").lower() in ("pass", "pw", "pwd"):
        return False  # "pass: 12" in the output of tests
    return _is_secret(secret, hard=hard)


def _is_secret(text: str, *, hard: bool) -> bool:
    if _is_reference(text) or text.lower() in secret_patterns.HARMLESS:
        return False
    if hard:
        return not text.startswith(("/", "./", "../", "~/"))
    if (
        len(text) < 8
        or any(character.isspace() for character in text)
        or text.startswith(("/", "./", "../", "~", "http"))
    ):
        return False
    kinds = sum(
        any(character in kind for character in text)
        for kind in (string.digits, string.ascii_lowercase, string.ascii_uppercase)
    )
    if kinds >= 2 and any(character in string.digits for character in text):
        return True
    return len(text) >= 16 and _entropy(text) >= 3.5 and text.isalnum()


def _is_reference(text: str) -> bool:
    """A variable, a template's slot, a mask, or what already stands for a secret: names a secret and tells none."""
    if text.startswith(("$", "<", "{{", "%(", "%{", "#{", "@", PLACEHOLDER)) or PLACEHOLDER in text:
        return True
    return len(text) > 0 and not text.strip("*.xX•-_")


def _entropy(text: str) -> float:
    """Shannon entropy in bits a character."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())


def _unquoted(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    return text


def _collect(value: JsonValue, texts: dict[str, None], named: dict[tuple[str, str], None]) -> None:
    """All strings, keys included, a list of them (an argument vector) also as one line; those with a name once more."""
    # Concrete types go first: asking abstract ones takes longer than all the rest.
    if isinstance(value, str):
        texts[value] = None
    elif isinstance(value, (dict, Mapping)):
        for key, item in value.items():
            texts[key] = None
            if isinstance(item, str):
                texts[item] = None
                named[key, item] = None
            else:
                _collect(item, texts, named)
    elif isinstance(value, (list, Sequence)):
        strings = [item for item in value if isinstance(item, str)]
        texts.update(dict.fromkeys(strings))
        if len(strings) > 1:
            texts[" ".join(strings)] = None
        if len(strings) < len(value):
            for item in value:
                _collect(item, texts, named)


def _mapped(value: Any, change: Any) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {change(key): _mapped(item, change) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [_mapped(item, change) for item in value]
    return value


def _without_surrogates(body: dict[str, Any]) -> dict[str, Any]:
    cleaned = _mapped(body, lambda text: text.encode("utf-8", "replace").decode())
    assert isinstance(cleaned, dict)
    return cleaned
