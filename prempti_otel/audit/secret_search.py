"""Finds secrets in texts, by the data of :mod:`secret_patterns` and :mod:`secret_places` and a user's own patterns.

A text that is itself written inside another (a JSON string, a URL) is also looked at as it was before that.
"""

from __future__ import annotations

import math
import string
import urllib.parse
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import re2

from prempti_otel.audit import secret_patterns, secret_places
from prempti_otel.errors import PremptiError
from prempti_otel.settings.own_patterns import of_lines, own_pattern

if TYPE_CHECKING:
    from prempti_otel.model.call import JsonValue

PLACEHOLDER = "REDACTED_"
SHORTEST_TOKEN = 15
"""No token that is known by its form alone is shorter."""
_SET_MEMORY = 64 << 20
"""RE2's budget in bytes for all patterns in one automaton; with too small a one it would find nothing."""
_HARD_GROUPS = ("hard", "hard2")
_HARD_KIND = "password"
_IN_LINES = "privatekey"
_MARKS = frozenset("=: \t\n")
_NO_TOKEN = frozenset("[](){}<>|\\" + string.whitespace)
"""No generated secret has one of these."""
_DEEPEST = 3
"""Texts inside texts inside texts are looked into, and no deeper."""
_LONGEST_COMMON_NAME = 64
"""Longer names are not remembered, so that what is stays small."""
_LONGEST_TAIL = 256
_ESCAPES = (("\\\\", "\0"), ('\\"', '"'), ("\\n", "\n"), ("\\r", "\r"), ("\\t", "\t"), ("\\/", "/"), ("\0", "\\"))
"""JSON's. A NUL in the text does no harm: nothing is looked for that has one."""


@dataclass(frozen=True, slots=True)
class Found:
    """A secret and what it is."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class _Form:
    kind: str
    pattern: Any
    groups: range
    """Numbers of the pattern's groups."""
    digits: bool = False
    mixed: bool = False

    @classmethod
    def of(cls, kind: str, pattern: Any, *, digits: bool = False, mixed: bool = False) -> _Form:
        return cls(kind, pattern, range(1, pattern.groups + 1), digits, mixed)


def compiled(pattern: str) -> Any:
    """The pattern for :mod:`re2`. Raises PremptiError for one that is none."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _SET_MEMORY
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        raise PremptiError(
            f"{pattern!r} is not a regular expression: {error}", remedy="write it in RE2's syntax"
        ) from error


class Search:
    """All patterns, compiled. Stateless after construction; shared by all threads."""

    def __init__(self, own: Sequence[tuple[str, str]]) -> None:
        """``own``: kind and pattern of each of the user's own. Raises PremptiError for a bad one."""
        known = (*secret_patterns.TOKENS, *secret_places.CONTEXTS)
        self._forms = [
            *(_Form.of(kind, own_pattern(pattern)) for kind, pattern in own),
            *(_Form.of(each.kind, compiled(each.pattern), digits=each.digits, mixed=each.mixed) for each in known),
        ]
        options = re2.Options()
        options.max_mem = _SET_MEMORY
        options.log_errors = False
        self._any = re2.Set.SearchSet(options)
        for pattern in (*(of_lines(text) for _, text in own), *(each.pattern for each in known)):
            self._any.Add(pattern)
        self._any.Compile()
        self._assignments = (compiled(secret_places.ASSIGNMENT), compiled(secret_places.FLAG))
        self._continued = compiled(secret_places.CONTINUED)
        hints = {each.hint for each in known} | {secret_places.ASSIGNMENT_HINT, secret_places.WITHIN_URL_HINT}
        self.hint = compiled("|".join(f"(?:{hint})" for hint in sorted(hints)))
        """Holds wherever something of ours could be found, in the text itself or in a JSON string of it."""
        self.own = compiled("|".join(f"(?:{of_lines(pattern)})" for _, pattern in own)) if own else None
        """The same for the user's own, in the text itself."""

    def in_text(self, text: str) -> Iterator[Found]:
        """The secrets of one text, some of them more than once."""
        for copy in _copies(text):
            yield from self._in_copy(copy)

    def _in_copy(self, text: str) -> Iterator[Found]:
        encoded = text.encode()
        for index in self._any.Match(encoded) or ():
            form = self._forms[index]
            for match in form.pattern.finditer(encoded):
                group = next((number for number in form.groups if match[number]), 0)
                secret = unquoted(match[group].decode())
                if _is_found(form, secret):
                    yield Found(form.kind, secret)
                    if form.kind == _IN_LINES:
                        yield from (Found(form.kind, line[0].decode()) for line in _key_lines().finditer(match[0]))
                    tail = self._tail(encoded, match.end(group)) if match[group] else b""
                    if tail:
                        yield from _both(form.kind, match[group] + tail)
        for pattern in self._assignments:
            for match in pattern.finditer(encoded):
                groups = {name: value and value.decode() for name, value in match.groupdict().items()}
                quoted = groups["double"] or groups["single"]
                secret = quoted or (groups["bare"] or "").rstrip(",.")
                tail = self._tail(encoded, match.end(), closes=quoted is not None)
                word = bare(secret + tail.decode("utf-8", "ignore")) if tail else secret
                if _is_assigned_secret(groups, word, quoted=quoted is not None):
                    yield Found(_kind_of(groups), secret)
                    if tail:
                        escaped = tail[:1] == b"\\" or secret.endswith("\\")
                        quote = b"" if quoted is None or escaped else tail[:1]
                        yield from _both(_kind_of(groups), quote + secret.encode() + tail)

    def _tail(self, encoded: bytes, end: int, *, closes: bool = False) -> bytes:
        """What of a shell word follows where its value seemed to end: ``pass"word"``, ``'pass'word``, ``pa\\$word``."""
        quote = encoded[end : end + 1]
        if quote not in (b"'", b'"', b"\\"):
            return b""
        closing = quote if closes and quote != b"\\" else b""
        tail = self._continued.search(encoded[end + len(closing) : end + _LONGEST_TAIL])
        return closing + tail[0] if tail is not None and tail[0].strip(b"'\"\\") else b""


@cache
def _key_lines() -> Any:
    """A private key may be in pieces, in an argument vector."""
    return compiled(r"[A-Za-z0-9+/=]{16,}")


def _both(kind: str, word: bytes) -> Iterator[Found]:
    """A word as it is written, and as the shell reads it."""
    text = word.decode("utf-8", "ignore")
    yield Found(kind, text)
    yield Found(kind, bare(text))


def _is_found(form: _Form, secret: str) -> bool:
    if not secret or is_reference(secret) or secret.lower() in secret_places.HARMLESS:
        return False
    if form.digits and not any(character in string.digits for character in secret):
        return False
    return not form.mixed or is_secret(secret, hard=False)


def _copies(text: str) -> Iterator[str]:
    """The text, and what it was before it was put into JSON strings or a URL."""
    yield text
    inner = text
    for _ in range(_DEEPEST):
        if "\\" not in inner:
            break
        outer = inner
        for escape, character in _ESCAPES:
            inner = inner.replace(escape, character)
        if inner == outer:
            break
        yield inner
    if "%3" in text:
        yield urllib.parse.unquote(text)


def is_bare_word(text: str) -> bool:
    """Too short for a token, and nothing in it that could set a value apart from its name."""
    return len(text) < SHORTEST_TOKEN and _MARKS.isdisjoint(text)


_QUOTING = str.maketrans("", "", "'\"\\")


def bare(word: str) -> str:
    """A shell word without what quotes it."""
    return word.replace("\\\n", "").replace("$'", "'").replace('$"', '"').translate(_QUOTING)


def unquoted(text: str) -> str:
    """Without the pair of quotes around it."""
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    return text


def _kind_of(groups: Mapping[str, Any]) -> str:
    return _HARD_KIND if any(groups[name] is not None for name in _HARD_GROUPS) else "token"


def named_secret(name: str, text: str) -> str:
    """Which kind of secret a value of this name is; empty where it is none."""
    kind = _common_kind(name) if len(name) <= _LONGEST_COMMON_NAME else _common_kind.__wrapped__(name)
    return kind if kind and is_secret(text, hard=kind == _HARD_KIND) else ""


@lru_cache(maxsize=1024)
def _common_kind(name: str) -> str:
    """Remembered, since most names are those of rule fields."""
    match = _secret_name().fullmatch(name)
    return "" if match is None else _kind_of(match.groupdict())


@cache
def _secret_name() -> Any:
    return compiled(secret_places.SECRET_NAME)


@cache
def _reference() -> Any:
    return compiled(r"\$[A-Za-z_][A-Za-z0-9_.:]*|\$[{(].*|\$[0-9@*#?!$]?|<.*>?|\{\{.*|[%#]\{.*|%\(.*|@[A-Za-z./~_-].*")


def _is_assigned_secret(groups: Mapping[str, str | None], secret: str, *, quoted: bool) -> bool:
    hard = any(groups[name] is not None for name in _HARD_GROUPS)
    if not quoted and any(mark in secret for mark in "([{") and "}" not in secret:
        return False  # an expression in code, not a value
    name = (groups["name"] or "").lower()
    if not quoted and (secret.startswith("--") or _last(secret.lower()) == _last(name)):
        return False  # the next flag; in code, a variable that is passed on
    if hard and not quoted and groups.get("sign") == ":" and name in ("pass", "pw", "pwd"):
        hard = False  # "pass: 12" in the output of tests
    return is_secret(secret, hard=hard)


def _last(name: str) -> str:
    """``password`` of ``self._password``."""
    return name.rpartition(".")[2].strip("_")


def is_secret(text: str, *, hard: bool) -> bool:
    """Whether a value of a secret's name is one: any that is not known to be none, or one that looks like it."""
    if is_reference(text) or text.lower() in secret_places.HARMLESS:
        return False
    path = text.startswith(("/", "./", "../", "~/")) and not _is_random(text)
    if hard:
        return not path and (len(text) >= 4 or any(character.isalnum() for character in text))
    if len(text) < 8 or path or text.startswith("http") or not _NO_TOKEN.isdisjoint(text):
        return False
    kinds = sum(
        any(character in kind for character in text)
        for kind in (string.digits, string.ascii_lowercase, string.ascii_uppercase)
    )
    if kinds >= 2 and any(character in string.digits for character in text):
        return True
    return _is_random(text) or (len(text) >= 16 and _entropy(text) >= 3.5 and text.isalnum())


def is_reference(text: str) -> bool:
    """A variable, a template's slot, a mask, or what already stands for a secret: names a secret and tells none."""
    if PLACEHOLDER in text or (text[:1] in "$<{%#@" and _reference().fullmatch(text.partition("\n")[0]) is not None):
        return True
    return len(text) > 0 and not text.strip("*.xX•-_")


def _is_random(text: str) -> bool:
    """Letters of both cases and digits in no order, as base64 has them and paths have not."""
    if len(text) < 16:
        return False
    kinds = [1 if mark.islower() else 2 if mark.isupper() else 3 if mark.isdigit() else 0 for mark in text]
    changes = sum(one != two and one > 0 < two for one, two in pairwise(kinds))
    return changes / len(text) > 0.33


def _entropy(text: str) -> float:
    """Shannon entropy in bits a character."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())


def collect(value: JsonValue, texts: dict[str, None], named: dict[tuple[str, str], None]) -> None:
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
                collect(item, texts, named)
        name = value.get("name", value.get("key"))
        if isinstance(name, str) and isinstance(item := value.get("value"), str):
            named[name, item] = None
    elif isinstance(value, (list, Sequence)):
        strings = [item for item in value if isinstance(item, str)]
        texts.update(dict.fromkeys(strings))
        if len(strings) > 1:
            texts[" ".join(strings)] = None
        if len(strings) < len(value):
            for item in value:
                collect(item, texts, named)
