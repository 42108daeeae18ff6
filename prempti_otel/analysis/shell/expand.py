"""Word expansion as bash does it: braces, tilde, parameters, substitutions, splitting; globs stay patterns.

An unknown part keeps its source text. Nothing is looked up in the file system or the environment.
"""

from __future__ import annotations

import re
from typing import Protocol

from prempti_otel.analysis.reading import Word, joined
from prempti_otel.analysis.shell import again, braces, values
from prempti_otel.analysis.shell.arithmetic import evaluate
from prempti_otel.analysis.shell.fields import Fields
from prempti_otel.analysis.shell.parameter import Braced
from prempti_otel.analysis.shell.scan import Scanner
from prempti_otel.analysis.shell.state import Choice, State, Variable, held
from prempti_otel.analysis.shell.tokens import LITERAL, Script, Source

MOST_BYTES = 256 * 1024
"""Characters that the expansions of one call may produce in all; beyond them values are not known."""
MOST_STEPS = 100_000
"""Quotes, expansions and other signs in words that one call may take; the rest is not looked at."""
MOST_ALTERNATIVES = 8192
"""Words that the braces of one call may make in all; further words with braces are not known."""
LONGEST_DOCUMENT = 64 * 1024
"""Characters of a here-document that are expanded."""

_RUN = re.compile(r"[^\\'\"`$<>{}\[*?~]+")
_IN_DOUBLE = re.compile(r"[^\"\\$`]+")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-]")
_TILDE = re.compile(r"~(?P<user>[A-Za-z_][A-Za-z0-9_.-]*|[+-])?(?=/|:|\Z)")
_ASSIGNED_TILDE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=~")
_DEFAULT_IFS = " \t\n"


class Substitution(Protocol):
    """What the expander asks the walk: to run nested code."""

    def substitute(self, script: Script, source: str, state: State) -> Word:
        """What the code writes, without the last line ends; ``source`` is its text where that is not known."""
        ...

    def cut(self, why: str) -> None:
        """Note that something was not looked at."""
        ...

    def process_substitution(self, script: Script, source: str, state: State, *, reads: bool) -> Word:
        """The name that stands for the code's output (``reads``) or input."""
        ...


class Expander:
    """Expands words of one call."""

    def __init__(self, substitution: Substitution) -> None:
        self._substitution = substitution
        self._left = MOST_BYTES
        self._steps = MOST_STEPS
        self._alternatives = MOST_ALTERNATIVES
        self.picks: dict[str, int] = {}
        """Which of a variable's values is taken in this round."""
        self.choices: dict[str, int] = {}
        """Variables met that have several, with their number."""

    def words(self, source: Source, start: int, end: int, state: State) -> list[Word]:
        """What a word expands to: none, one or several words."""
        text = source.text
        if LITERAL.match(text, start, end):
            return [Word(text[start:end])]
        if "{" in text[start:end]:
            scanner = Scanner(source)
            try:
                found = braces.alternatives(text, start, end, scanner.skipped_end)
            except braces.TooManyError:
                return [Word(text[start:end], known=False)]
            self._alternatives -= len(found)
            if self._alternatives < 0:
                return [Word(text[start:end], known=False)]
            return [word for parts in found for word in self._parts(source, parts, state)]
        return self._parts(source, ((start, end),), state)

    def single(self, source: Source, start: int, end: int, state: State) -> Word:
        """What a word expands to where it is neither split nor matched: assignments, ``case``, here-strings."""
        text = source.text
        if LITERAL.match(text, start, end):
            return Word(text[start:end])
        field = Fields(split=None)
        self._expand(source, start, end, state, field)
        return field.joined()

    def quoted(self, source: Source, start: int, end: int, state: State) -> Word:
        """Text between double quotes, or a here-document's body."""
        field = Fields(split=None)
        self._double(source, start, end, state, field, document=True)
        return field.joined()

    def afford(self, cost: int) -> bool:
        """Count work against what a call may produce."""
        self._left -= cost
        return self._left >= 0

    def document(self, body: str, state: State) -> Word:
        """A here-document's body whose delimiter is not quoted; of a very long one, the beginning."""
        if not any(character in body for character in "$`\\"):
            return Word(body)
        head = body[:LONGEST_DOCUMENT]
        word = self.quoted(Source(head), 0, len(head), state)
        if len(head) == len(body):
            return word
        if "$(" in body or "`" in body:
            self._substitution.cut(body)
        return Word(word.text + body[LONGEST_DOCUMENT:], known=False, origins=word.origins)

    def _parts(self, source: Source, parts: braces.Parts, state: State) -> list[Word]:
        separators = state.variables.get("IFS")
        split = separators.text if isinstance(separators, Word) and separators.known else _DEFAULT_IFS
        field = Fields(split=split)
        for at, part in enumerate(parts):
            if isinstance(part, str):
                field.add(part)
            else:
                self._expand(source, part[0], part[1], state, field, first=at == 0)
        return field.done()

    def _expand(self, source: Source, start: int, end: int, state: State, field: Fields, *, first: bool = True) -> None:
        text, at = source.text, start
        scanner = Scanner(source)
        while at < end:
            run = _RUN.match(text, at, end)
            if run:
                field.add(run[0])
                at = run.end()
                continue
            if self._tired(text, at, end, field):
                return
            character = text[at]
            if character == "\\":
                if text.startswith("\n", at + 1):
                    at += 2
                    continue
                field.quote(text[at + 1 : min(at + 2, end)])
                at += 2
            elif character in "'\"":
                close = scanner.quoted_end(at, 0)
                closed = 0 <= close <= end
                close = close if closed else end
                inner = close - 1 if closed else end
                if character == "'":
                    field.quote(text[at + 1 : inner], known=closed)
                else:
                    field.quote("", known=closed)
                    self._double(source, at + 1, inner, state, field)
                at = close
            elif character == "~" and ((at == start and first) or self._assigned_tilde(text, start, at)):
                at = self._tilde(text, at, end, state, field)
            elif character in "$`" or (character in "<>" and text.startswith("(", at + 1)):
                at = self._dollar(source, at, end, state, field, quoted=False)
            else:
                field.add(character, glob=character in "*?[")
                at += 1

    def _tired(self, text: str, at: int, end: int, field: Fields) -> bool:
        """Count a step; where none is left, what remains of the word is not known, and that is told of."""
        self._steps -= 1
        if self._steps >= 0:
            return False
        self._substitution.cut(text)
        field.quote(text[at:end], known=False)
        return True

    @staticmethod
    def _assigned_tilde(text: str, start: int, at: int) -> bool:
        return bool(_ASSIGNED_TILDE.match(text, start, at + 1)) and text[at - 1] in "=:"

    def _tilde(self, text: str, at: int, end: int, state: State, field: Fields) -> int:
        match = _TILDE.match(text, at, end)
        home = self.variable("HOME", state)
        if match and isinstance(home, Word):
            user = match["user"]
            mine = self.variable("USER", state)
            value: Word | None = None
            if not user or (isinstance(mine, Word) and user == mine.text):
                value = home
            elif user == "root":
                value = Word("/root")
            elif user in ("+", "-"):
                value = state.cwd if user == "+" else state.previous
            if value is not None:
                field.quote(value.text, known=value.known)
                return match.end()
            field.quote(match[0], known=False)
            return match.end()
        field.add("~")
        return at + 1

    def _double(
        self, source: Source, start: int, end: int, state: State, field: Fields, *, document: bool = False
    ) -> None:
        text, at = source.text, start
        while at < end:
            run = _IN_DOUBLE.match(text, at, end)
            if run:
                field.quote(run[0])
                at = run.end()
                continue
            if self._tired(text, at, end, field):
                return
            character = text[at]
            if character == "\\":
                following = text[at + 1 : min(at + 2, end)]
                if following == "\n":
                    pass
                elif following and following in ("$`\\" if document else '$`"\\'):
                    field.quote(following)
                else:
                    field.quote("\\" + following)
                at += 2
            elif character in "$`":
                at = self._dollar(source, at, end, state, field, quoted=True)
            else:
                field.quote(character)
                at += 1

    def _dollar(self, source: Source, at: int, end: int, state: State, field: Fields, *, quoted: bool) -> int:
        """Expand what starts at ``at`` with ``$``, a backquote, ``<(`` or ``>(``; the position after it."""
        text = source.text
        scanner = Scanner(source)
        following = text[at + 1 : at + 2] if at + 1 < end else ""
        if text[at] != "$" or following == "(":
            if text[at] in "<>":
                scanner.word_end(at, 0)
                close = source.nested[at][0] if at in source.nested else -1
            else:
                close = scanner.quoted_end(at, 0)
            return self._substitute(source, at, close, end, state, field, quoted=quoted)
        if following == "'" and not quoted:
            close = scanner.quoted_end(at, 0)
            if close < 0:
                field.quote(text[at + 2 : end], known=False)
                return end
            inner = text[at + 2 : close - 1]
            known = len(inner) <= values.LONGEST_VALUE
            field.quote(values.ansi_c(inner) if known else inner, known=known)
            return close
        if following == '"' and not quoted:
            return at + 1
        if following == "{":
            close = scanner.quoted_end(at, 0, in_double=quoted)
            if not 0 <= close <= end:
                field.quote(text[at:end], known=False)
                return end
            Braced(self, source, at, close, state, field, quoted).expand()
            return close
        match = _VARIABLE.match(text, at + 1, end)
        if not match:
            field.add("$")
            return at + 1
        self._parameter(match[0], text[at : match.end()], state, field, quoted=quoted)
        return match.end()

    def _substitute(
        self, source: Source, at: int, close: int, end: int, state: State, field: Fields, *, quoted: bool
    ) -> int:
        text = source.text
        closed = 0 <= close <= end
        close = close if closed else end
        written = text[at:close]
        if text.startswith("$((", at) and at not in source.nested:
            inner = self.quoted(source, at + 3, max(close - 2, at + 3), state)
            value = evaluate(inner.text, lambda name: self.number(name, state)) if inner.known else None
            if value is None:
                again.arithmetic(self, inner.text, state, expanded=not inner.known)
            self._forget_assigned(inner.text, state)
            field.quote(written if value is None else str(value), known=value is not None)
            return close
        nested = source.nested.get(at)
        if nested is None:
            field.quote(written, known=False)
            return close
        if text[at] in "<>":
            word = self._substitution.process_substitution(nested[1], written, state, reads=text[at] == "<")
            field.quote(word.text, known=word.known, origins=word.origins)
            return close
        word = self._substitution.substitute(nested[1], written, state)
        known = word.known and closed
        if quoted or not known:
            field.quote(word.text, known=known, origins=word.origins)
        else:
            field.split_value(word.text, glob=True)
        return close

    def _forget_assigned(self, expression: str, state: State) -> None:
        """Variables that an arithmetic expression assigns to are no longer known."""
        if "=" in expression or "++" in expression or "--" in expression:
            for name in re.findall(r"([A-Za-z_][A-Za-z0-9_]*)\s*(?:\+\+|--|[-+*/%&|^]?=(?!=)|<<=|>>=)", expression):
                state.variables[name] = Word(f"${name}", known=False)
            for name in re.findall(r"(?:\+\+|--)\s*([A-Za-z_][A-Za-z0-9_]*)", expression):
                state.variables[name] = Word(f"${name}", known=False)

    def arithmetic(self, source: Source, start: int, end: int, state: State) -> None:
        """Run what stands in ``(( .. ))``: substitutions in it, and its assignments."""
        word = self.quoted(source, start, end, state)
        again.arithmetic(self, word.text, state, expanded=not word.known)
        self._forget_assigned(word.text, state)

    def condition(self, source: Source, start: int, end: int, state: State) -> None:
        """Run what stands in ``[[ .. ]]``."""
        again.condition(self, self.quoted(source, start, end, state), state)

    def number(self, name: str, state: State) -> str | None:
        """A variable's text for arithmetic; None where it is not known."""
        value = self.variable(name, state)
        return value.text if isinstance(value, Word) and value.known else None

    # Parameters

    def variable(self, name: str, state: State) -> Word | tuple[Word, ...] | None:
        """A variable's value in this round; None where it is not set as far as is known."""
        value: Variable | None = state.variables.get(name)
        if isinstance(value, Choice):
            self.choices[name] = len(value.options)
            return value.options[min(self.picks.get(name, 0), len(value.options) - 1)]
        if value is None and name == "PWD":
            return state.cwd
        if value is None and name == "OLDPWD":
            return state.previous
        return value

    def parameter(self, name: str, state: State) -> Word | tuple[Word, ...] | None:
        """The same for special and positional parameters too."""
        if name[0].isalpha() or name[0] == "_":
            return self.variable(name, state)
        if name in "@*":
            return state.parameters
        if name == "0":
            return state.name
        if name == "#":
            return Word(str(len(state.parameters))) if state.parameters is not None else None
        if name.isdigit():
            number = int(name) if len(name) < 6 else 99999
            if state.parameters is None:
                return None
            return state.parameters[number - 1] if number <= len(state.parameters) else Word("")
        return None

    def _parameter(self, name: str, written: str, state: State, field: Fields, *, quoted: bool) -> None:
        value = self.parameter(name, state)
        self.put(name, value, written, field, quoted=quoted)

    def put(
        self, name: str, value: Word | tuple[Word, ...] | None, written: str, field: Fields, *, quoted: bool
    ) -> None:
        """Add a parameter's value to the word: split where it is not quoted."""
        if value is None:
            field.quote(written, known=False, origins=held(name, None))
        elif isinstance(value, tuple):
            if name == "*" and quoted:
                word = joined(value)
                field.quote(word.text, known=word.known, origins=word.origins)
            elif name in "@*":
                self._left -= sum(len(word.text) + 16 for word in value)
                if self._left < 0:
                    field.quote(written, known=False)
                    return
                field.several(value, quoted=quoted)
            elif value:
                self.put_word(value[0], field, quoted=quoted)
        else:
            self.put_word(value, field, quoted=quoted)

    def put_word(self, value: Word, field: Fields, *, quoted: bool) -> None:
        """Add a value; counted against what a call may produce."""
        self._left -= len(value.text)
        if self._left < 0:
            field.quote("...", known=False)
        elif quoted or not value.known:
            field.quote(value.text, known=value.known, origins=value.origins)
        else:
            field.split_value(value.text, glob=True)
