"""``${..}``: one parameter, and what is done to its value."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from prempti_otel.analysis.reading import Origin, Word, united
from prempti_otel.analysis.shell import again, values
from prempti_otel.analysis.shell.arithmetic import evaluate
from prempti_otel.analysis.shell.fields import Fields
from prempti_otel.analysis.shell.scan import Scanner
from prempti_otel.analysis.shell.state import State, held
from prempti_otel.analysis.shell.tokens import Source

if TYPE_CHECKING:
    from prempti_otel.analysis.shell.expand import Expander

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-]")
_OPERATOR = re.compile(r":?[-=?+]|##?|%%?|//|/#|/%|/|\^\^?|,,?|:|@[A-Za-z]")

_EVALUATED = re.compile(r"\([^()]*e[^()]*\)(?P<name>[A-Za-z0-9_]*)(?P<default>:?-)?")
_TRANSFORMED: dict[str, Callable[[str], str]] = {"@U": str.upper, "@L": str.lower, "@E": values.ansi_c}
_SHOWS_LITTLE = re.compile(
    r":(?:(?:[0-9]{1,4}| -[0-9]{1,4}|\(-[0-9]{1,4}\)):[0-9]| -[0-9]|\(-[0-9]\))|//\?/.", re.DOTALL
)
"""Of a value, fewer than ten characters, or as many signs as it has: whether it is set, and to what kind of thing."""
_PROMPT = re.compile(r"[\\$`!]")
"""What a prompt may have that stands for something else (bash(1), PROMPTING)."""


class Braced:
    """``${..}``: one parameter, and what is done to its value."""

    def __init__(
        self, expander: Expander, source: Source, start: int, end: int, state: State, field: Fields, quoted: bool
    ) -> None:
        self.expander = expander
        self.source = source
        self.text = source.text
        self.start, self.end = start, end
        self.state = state
        self.field = field
        self.quoted = quoted
        self.origins: tuple[Origin, ...] = ()
        """Where the result comes from if it is not known."""

    def expand(self) -> None:
        """Add what it expands to to the words being made."""
        at, last = self.start + 2, self.end - 1
        text = self.text
        count = text.startswith("#", at) and last - at > 1
        indirect = text.startswith("!", at) and last - at > 1
        at += count or indirect
        match = _NAME.match(text, at, last)
        if not match:
            self._evaluated(at, last)
            return self._unknown(at)
        name, at = match[0], match.end()
        subscript = ""
        if text.startswith("[", at):
            close = self._find("]", at + 1, last)
            if close == last:
                return self._unknown(at)
            subscript, at = self._subscript(at + 1, close), close + 1
        value = self._value(name, subscript)
        if indirect:
            if at < last or not isinstance(value, Word) or not value.known:
                return self._unknown(at)
            again.index(self.expander, value.text, self.state)
            inner = _NAME.fullmatch(value.text)
            name = value.text if inner else name
            value = self.expander.parameter(name, self.state) if inner else None
        if count:
            return self._count(value)
        whole = self.expander.parameter(name, self.state) if value is None else value
        self.origins = held(name, whole)
        key = subscript if subscript in ("@", "*") else name
        if at >= last and value is None:
            return self._unknown()
        if at >= last:
            return self.expander.put(key, value, self._written(), self.field, quoted=self.quoted)
        match = _OPERATOR.match(text, at, last)
        if not match:
            return self._unknown(at)
        return self._operate(name, key, value, match[0], match.end(), last)

    def _subscript(self, start: int, end: int) -> str:
        word = self.expander.quoted(self.source, start, end, self.state)
        again.arithmetic(self.expander, word.text, self.state, expanded=not word.known)
        return word.text

    def _written(self) -> str:
        return self.text[self.start : self.end]

    def _evaluated(self, at: int, last: int) -> None:
        """``${(e)..}`` of zsh: the value, or the word after ``:-``, is expanded once more (zshexpn(1))."""
        match = _EVALUATED.match(self.text, at, last)
        if match is None:
            return
        value = self.expander.parameter(match["name"], self.state) if match["name"] else None
        if match["default"] is not None:
            value = self.expander.single(self.source, match.end(), last, self.state)
        if isinstance(value, Word) and value.known:
            again.substitutions(self.expander, value.text, self.state)

    def _unknown(self, rest: int | None = None) -> None:
        """The value is not known; what stands from ``rest`` on has not been looked at, and is run nevertheless."""
        if rest is not None:
            self._run_argument(rest, self.end - 1)
        self.field.quote(self._written(), known=False, origins=self.origins)

    def _value(self, name: str, subscript: str) -> Word | tuple[Word, ...] | None:
        value = self.expander.parameter(name, self.state)
        if isinstance(value, tuple) and name not in "@*":
            if subscript in ("@", "*"):
                return value
            index = evaluate(subscript or "0", lambda other: self.expander.number(other, self.state))
            if index is None or not -len(value) <= index < len(value):
                return None
            return value[index]
        return value if not subscript or subscript in ("@", "*", "0") else None

    def _count(self, value: Word | tuple[Word, ...] | None) -> None:
        if isinstance(value, tuple):
            self.field.quote(str(len(value)))
        elif value is not None and value.known:
            self.field.quote(str(len(value.text)))
        else:
            self._unknown()

    def _operate(
        self, name: str, key: str, value: Word | tuple[Word, ...] | None, operator: str, at: int, last: int
    ) -> None:
        if operator[-1] in "-=?+" and operator[0] not in "@":
            return self._default(name, key, value, operator, at, last)
        if isinstance(value, tuple):
            if operator == ":" and key in ("@", "*"):
                return self._slice(name, key, value, at, last)
            if not value:
                self._run_argument(at, last)
            words = tuple(self._changed(word, operator, at, last) for word in value)
            if any(word is None for word in words):
                return self._unknown()
            return self.expander.put(
                key, tuple(word for word in words if word is not None), self._written(), self.field, quoted=self.quoted
            )
        if value is None or not value.known:
            if _SHOWS_LITTLE.fullmatch(operator + self.text[at:last]):
                self.origins = ()
            return self._unknown(at)
        changed = self._changed(value, operator, at, last)
        if changed is None:
            return self._unknown()
        return self.expander.put_word(changed, self.field, quoted=self.quoted)

    def _default(
        self, name: str, key: str, value: Word | tuple[Word, ...] | None, operator: str, at: int, last: int
    ) -> None:
        """``:-``, ``:=``, ``:?``, ``:+``. A variable that is not set here may still be set where the code runs."""
        empty = isinstance(value, Word) and value.known and not value.text and operator[0] == ":"
        is_set = value is not None and not empty
        if operator[-1] == "+":
            if is_set or value is None:
                self._argument(at, last, known=is_set)
            else:
                self._run_argument(at, last)
            return None
        if is_set or operator[-1] == "?":
            self._run_argument(at, last)
            return self.expander.put(key, value, f"${{{name}}}", self.field, quoted=self.quoted)
        if self.origins:
            self.field.quote("", origins=self.origins)
        word = self._argument(at, last, known=value is not None)
        if operator[-1] == "=":
            origins = united(word.origins, self.origins)
            self.state.variables[name] = Word(word.text, word.known, word.pattern, origins)
        return None

    def _run_argument(self, at: int, last: int) -> None:
        """Run the operator's word for its commands: on another path than was followed the variable may be unset."""
        if "(" in self.text[at:last] or "`" in self.text[at:last]:
            self.expander.single(self.source, at, last, self.state)

    def _argument(self, at: int, last: int, *, known: bool) -> Word:
        """Add the operator's word to the field; where ``known`` is false, as one of the possible values."""
        word = self.expander.single(self.source, at, last, self.state)
        word = Word(word.text, word.known and known, word.pattern, word.origins)
        if self.quoted or not word.known:
            self.field.quote(word.text, known=word.known, origins=word.origins)
        else:
            self.field.split_value(word.text, glob=True)
        return word

    def _changed(self, value: Word, operator: str, at: int, last: int) -> Word | None:
        """The value after ``#``, ``%``, ``/``, ``:``, ``^`` or ``,``; None where it is not known."""
        cost = len(value.text) * {"#": 1, "%": 1, "/": 32}.get(operator[0], 0)
        if not value.known or len(value.text) > values.LONGEST_VALUE or not self.expander.afford(cost):
            self._run_argument(at, last)
            return None
        result: str | None = None
        if operator[0] in "#%":
            result = self._with(at, last, lambda pattern: values.trim(value.text, pattern, operator))
        elif operator[0] == "/":
            result = self._replaced(value.text, operator, at, last)
        elif operator[0] in "^,":
            self._run_argument(at, last)
            result = values.change_case(value.text, operator) if at >= last else None
        elif operator == ":":
            result = self._substring(value.text, at, last)
        elif operator[0] == "@":
            self._run_argument(at, last)
            result = self._transformed(value.text, operator)
        return None if result is None else Word(result)

    def _transformed(self, text: str, operator: str) -> str | None:
        """``${..@P}`` and its like."""
        change = _TRANSFORMED.get(operator)
        if operator == "@P":
            again.substitutions(self.expander, text, self.state)
            return None if _PROMPT.search(text) else text
        return None if change is None else change(text)

    def _with(self, at: int, last: int, apply: Callable[[str], str | None]) -> str | None:
        pattern = self.expander.single(self.source, at, last, self.state)
        return apply(pattern.text) if pattern.known else None

    def _replaced(self, text: str, operator: str, at: int, last: int) -> str | None:
        slash = self._find("/", at, last)
        pattern = self.expander.single(self.source, at, slash, self.state)
        replacement = self.expander.single(self.source, min(slash + 1, last), last, self.state)
        if not (pattern.known and replacement.known):
            return None
        return values.replace(text, pattern.text, replacement.text, operator)

    def _find(self, character: str, at: int, last: int) -> int:
        """Where ``character`` stands outside quotes and expansions; ``last`` where it does not."""
        scanner = Scanner(self.source)
        while at < last:
            if self.text[at] == character:
                return at
            if self.text[at] in "\\'\"`$":
                following = scanner.quoted_end(at, 0, self.quoted)
                at = following if following > at else last
            else:
                at += 1
        return last

    def _slice(self, name: str, key: str, value: tuple[Word, ...], at: int, last: int) -> None:
        """``${@:2}`` and ``${a[@]:1:3}``: some of the words; ``$0`` comes before the positional parameters."""
        words = (self.state.name, *value) if name in "@*" else value
        bounds = self._bounds(at, last)
        if bounds is None or (bounds[1] is not None and bounds[1] < 0):
            return self._unknown()
        offset, length = bounds
        start = offset if offset >= 0 else max(len(words) + offset, 0)
        chosen = words[start:] if length is None else words[start : start + length]
        return self.expander.put(key, chosen, self._written(), self.field, quoted=self.quoted)

    def _substring(self, text: str, at: int, last: int) -> str | None:
        bounds = self._bounds(at, last)
        return None if bounds is None else values.substring(text, *bounds)

    def _bounds(self, at: int, last: int) -> tuple[int, int | None] | None:
        """Offset and length; None where they are not known."""
        inner = self.expander.quoted(self.source, at, last, self.state)
        offset_text, colon, length_text = inner.text.partition(":")
        lookup = lambda name: self.expander.number(name, self.state)  # noqa: E731
        offset = evaluate(offset_text or "0", lookup)
        length = evaluate(length_text or "0", lookup) if colon else None
        if not inner.known or offset is None or (colon and length is None):
            again.arithmetic(self.expander, inner.text, self.state, expanded=not inner.known)
            return None
        return offset, length
