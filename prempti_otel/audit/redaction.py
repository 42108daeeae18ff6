"""Takes secrets out of a record's body before it is written: none may reach disk, wire or log.

A secret is replaced by one shell word, ``REDACTED_<kind>_<8 hex>``, the digits from the HMAC-SHA256 of the
secret under the installation's key: equal secrets stay recognisable as equal, and a command keeps its shape.
Once found anywhere in a body, a secret is replaced everywhere in it. Rules judge the full text before this.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import urllib.parse
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import msgspec
import re2

from prempti_otel.audit.key import fingerprint, load_key
from prempti_otel.audit.secret_search import PLACEHOLDER, Search, bare, collect, compiled, is_bare_word, named_secret
from prempti_otel.errors import PremptiError

if TYPE_CHECKING:
    from prempti_otel.model.call import JsonValue
    from prempti_otel.settings.home import Home

__all__ = ["MOST_SECRETS", "PLACEHOLDER", "Redactor"]

MOST_SECRETS = 10_000
"""Different ones in one record; no honest call comes near, and time is bounded."""
_LEAST_ANYWHERE = 6
"""A shorter secret is replaced where it was found and where it is a whole string, not inside other words."""
_EITHER = (False, True)
_SAFE_IN_URLS = ("", "!$&'()*+,;=:@/|[]\\", "!$&'()*+,", "!$&()*+,;=:@/?[]^`{|}\\")
"""What stays as it is in a URL's part: in any, in a path, in a password, in a query (WHATWG's percent-encode sets)."""
_MOST_PIECES = 64
_FEW = 16
"""So many secrets are looked for one after the other; more of them by one automaton."""
_LEAST_TORN = 8
"""A shorter secret is not looked for with quotes inside."""


class Redactor:
    """Redacts with one installation's key. Stateless after construction; shared by all threads."""

    def __init__(self, key: bytes, patterns: Sequence[tuple[str, str]] = ()) -> None:
        """``patterns``: the user's own, each a kind and a pattern (RE2). Raises PremptiError for a bad one."""
        self._key = key
        self._search = Search(patterns)

    @classmethod
    def open(cls, home: Home, patterns: Sequence[tuple[str, str]] = ()) -> Redactor:
        """With the installation's key, which is made where there is none. Raises StoreError, PremptiError."""
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
        if self._search.own is None and self._search.hint.search(encoded) is None:
            return body
        secrets = self.find(body)
        if not secrets:
            return body
        _add_written_otherwise(secrets, encoded.decode())
        redacted: dict[str, Any] = self._replace(body, secrets)
        return redacted

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
        collect(value, texts, named)
        for text in self._hinted(list(texts)):
            for item in self._search.in_text(text):
                if item.text not in found:
                    found[item.text] = self.placeholder(item.kind, item.text)
            if len(found) > MOST_SECRETS:
                raise PremptiError(f"it holds more than {MOST_SECRETS} secrets, which takes too long to redact")
        for name, text in named:
            kind = named_secret(name, text)
            if kind:
                found.setdefault(text, self.placeholder(kind, text))
        return found

    def _hinted(self, texts: Sequence[str]) -> Iterator[str]:
        """Those of ``texts`` that could hold a secret, some of them twice where the user has patterns."""
        own = self._search.own
        if own is not None:
            yield from _holding(own, texts)
        yield from _holding(self._search.hint, [text for text in texts if not is_bare_word(text)])

    def _replace(self, value: Any, secrets: Mapping[str, str]) -> Any:
        """Longest first, so that a secret inside a longer one does not tear it apart."""
        longest_first = sorted(secrets, key=_by_length)
        inside = [secret for secret in longest_first if len(secret) >= _LEAST_ANYWHERE]
        short = [secret for secret in longest_first if len(secret) < _LEAST_ANYWHERE]
        few = len(inside) <= _FEW
        anywhere = None if few else _any_of(inside)
        word = _as_word(short) if short else None
        known = dict(secrets)

        def fresh(original: str) -> str:
            changed = original
            if len(original) >= _LEAST_ANYWHERE:
                if few:
                    whole = not _has_torn(original, inside)
                    changed = original if whole else _without_torn(original, _any_of(inside), secrets)
                    for secret in inside:
                        changed = changed.replace(secret, secrets[secret])
                else:
                    changed = _replaced(anywhere, _without_torn(original, anywhere, secrets), secrets)
            return changed if word is None else _replace_words(changed, word, secrets)

        def text(original: str) -> str:
            changed = known.get(original)
            if changed is None:
                changed = known[original] = fresh(original)
            return changed

        return _mapped(value, text)


def _has_torn(text: str, secrets: Sequence[str]) -> bool:
    if "'" not in text and '"' not in text and "\\" not in text:
        return False
    joined = bare(text)
    return any(secret in joined and secret not in text for secret in secrets)


def _holding(pattern: Any, texts: Sequence[str]) -> Iterator[str]:
    """Those of ``texts`` in which the pattern matches: one search over all of them, since each costs microseconds.

    A line feed between two of them bounds every pattern but those with a blank, which mark both texts then.
    """
    encoded = [text.encode() for text in texts]
    ends = list(accumulate(len(text) + 1 for text in encoded))
    place = 0
    # Places in bytes are free; those in characters would be counted from the beginning for each match.
    for match in pattern.finditer(b"\n".join(encoded)):
        last = bisect_left(ends, match.end())
        place = max(place, bisect_right(ends, match.start()))
        yield from texts[place : last + 1]
        place = last + 1


def _add_written_otherwise(secrets: dict[str, str], body: str) -> None:
    """The same secrets as JSON strings, in URLs, in base64 and as parts of paths, where ``body`` has them so."""
    spelled: dict[str, str] = {}
    for secret, placeholder in list(secrets.items()):
        for written in {urllib.parse.unquote(secret), *(json.dumps(secret, ensure_ascii=one)[1:-1] for one in _EITHER)}:
            if written and written != secret:
                secrets.setdefault(written, placeholder)
        if len(secret) >= _LEAST_TORN:
            for written in _spellings(secret):
                if written != secret:
                    spelled.setdefault(written, placeholder)
    for written in _those_in(body, spelled):
        if len(secrets) > MOST_SECRETS:
            return
        secrets.setdefault(written, spelled[written])


def _those_in(body: str, words: Collection[str]) -> Iterator[str]:
    """Those of ``words``, none shorter than ``_LEAST_ANYWHERE``, that ``body`` holds."""
    if len(words) > _FEW:
        # Looking for each in all of the body takes their product; most are told apart by how they begin.
        known = {word[:_LEAST_ANYWHERE] for word in words}
        places = range(len(body) - _LEAST_ANYWHERE + 1)
        begun = {begin for at in places if (begin := body[at : at + _LEAST_ANYWHERE]) in known}
        words = [word for word in words if word[:_LEAST_ANYWHERE] in begun]
    yield from (word for word in words if word in body)


def _spellings(secret: str) -> Iterator[str]:
    encoded = base64.b64encode(secret.encode()).decode()
    yield encoded
    yield encoded.rstrip("=")
    yield secret.lower()
    for safe in _SAFE_IN_URLS:
        yield urllib.parse.quote(secret, safe=safe)
    if "/" in secret:
        for piece in secret.split("/")[:_MOST_PIECES]:
            if len(piece) >= _LEAST_ANYWHERE and not _is_plain_word(piece):
                yield piece


def _is_plain_word(text: str) -> bool:
    return text.isalpha() and (text.islower() or text.isupper() or text.istitle())


def _without_torn(text: str, anywhere: Any, placeholders: Mapping[str, str]) -> str:
    """``text`` without those secrets that the shell would put together from pieces (``gh'p_'...``)."""
    encoded = text.encode()
    pieces = [(0, 0), *((tear.start(), tear.end()) for tear in _tears().finditer(encoded))]
    if len(pieces) == 1:
        return text
    ends = [start for start, _ in pieces[1:]] + [len(encoded)]
    kept = [encoded[begin:end] for (_, begin), end in zip(pieces, ends, strict=True)]
    begins = list(accumulate(map(len, kept[:-1]), initial=0))

    def place(at: int) -> tuple[int, int]:
        number = bisect_right(begins, at) - 1
        return number, pieces[number][1] + at - begins[number]

    parts: list[str] = []
    last = 0
    for match in anywhere.finditer(b"".join(kept)):
        (first, start), (final, end) = place(match.start()), place(match.end() - 1)
        if first != final and len(match[0]) >= _LEAST_TORN:
            start, end = _with_quotes(encoded, start, end + 1)
            parts += (encoded[last:start].decode(), placeholders[match[0].decode()])
            last = end
    return "".join((*parts, encoded[last:].decode())) if parts else text


def _with_quotes(encoded: bytes, start: int, end: int) -> tuple[int, int]:
    """The span with the quote that one in it belongs to, so that quotes stay in pairs."""
    for quote in (b"'", b'"'):
        if encoded.count(quote, start, end) % 2:
            if encoded[end : end + 1] == quote:
                end += 1
            elif start and encoded[start - 1 : start] == quote:
                start -= 1
    return start, end


@cache
def _tears() -> Any:
    """What a shell takes away between two letters of a word."""
    return compiled(r"(?:\\\n|\$?['\"]|\\)+")


def _by_length(secret: str) -> tuple[int, str]:
    return -len(secret), secret


def _any_of(secrets: Sequence[str]) -> Any:
    return compiled("|".join(map(re2.escape, secrets)))


def _as_word(secrets: Sequence[str]) -> Any:
    """Matches a secret where no letter or digit adjoins, or right after an option's letter (``-psecret``)."""
    return compiled(rf"(^|[^A-Za-z0-9]|\s-[A-Za-z])({'|'.join(map(re2.escape, secrets))})($|[^A-Za-z0-9])")


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
