"""One level of shell code as tokens: where a command begins, what a compound command's head holds, what ends it.

How compound commands nest is left to tree-sitter-bash, which is given the shape of the code only. It
never raises: what has no end is broken and reaches to the end of the text.
"""

from __future__ import annotations

import re

from prempti_otel.analysis.reading import Word
from prempti_otel.analysis.shell.lexer import ASSIGNMENT, END_OF_WORD, PLAIN, Lexer
from prempti_otel.analysis.shell.tokens import LITERAL, HereDocument, Script, Source, Token, TokenKind

LONGEST = 64 * 1024
"""Characters of shell code that are read, here-documents' bodies not counted."""

_BLANKS = re.compile(r"(?:[ \t]++|\\\n)++")
_FOR_SEPARATOR = re.compile(r"[ \t]*;?")
_NEWLINES = re.compile(r"(?:[ \t\n]++|\\\n|#[^\n]*+)++")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_FD = re.compile(r"(?:[0-9]+|\{[A-Za-z_][A-Za-z0-9_]*\})\Z")
_REDIRECTION = re.compile(r"&>>|&>|<<<|<<-|<<|<>|<&|<|>>|>\||>&|>")
_SEPARATOR = re.compile(r"&&|\|\||\|&|;;&|;;|;&|[;|&]")

_OPENING = frozenset({"if", "then", "else", "elif", "while", "until", "do", "{"})
_CLOSING = frozenset({"fi", "done", "esac", "}"})
RESERVED = _OPENING | _CLOSING | {"for", "select", "case", "function", "!", "time", "coproc"}


class CodeScan:
    """The scan of one level of code: where commands begin, what belongs to a case pattern, what ends it."""

    def __init__(self, scanner: Lexer, start: int, closer: str, depth: int) -> None:
        self.scanner = scanner
        self.text = scanner.text
        self.size = scanner.size
        self.at = start
        self.limit = start + LONGEST - scanner.skipped
        self.closer = closer
        self.depth = depth
        self.script = Script(scanner.source)
        self.out: list[str] = []
        self.length = 0
        self.at_command = True
        self.after_closer = False
        """Whether a compound command has just ended: what follows redirects it."""
        self.parentheses: list[int] = []
        """One entry for each open parenthesis: how many cases were open then."""
        self.cases: list[bool] = []
        """One entry for each open case: whether a pattern is due."""
        self.expect = ""
        """What the words of a compound command's head are due: ``name``, ``in``, ``subject``, ``function``."""
        self.functions = 0
        """Function bodies that are one simple command (not bash's, but other shells'), and are to be closed."""
        self.documents: list[HereDocument] = []
        self.filled = False
        """Whether there is a command since the last operator."""
        self.braces: list[bool] = []
        """One entry for each open brace: whether it is the body of an arithmetic ``for``."""
        self.loop_head = False
        """Whether the head of an arithmetic ``for`` has just ended: a brace may open its body."""

    def run(self) -> Script:
        """Scan to the end of this level."""
        script = self.script
        if not self._tokens():
            script.broken = True
            self.at = self.size
        self._close_function()
        if self.documents or (not self.filled and script.sequence and script.sequence[-1] in ("|", "&&", "||")):
            script.broken = True
        script.end = self.at
        script.shape = "".join(self.out)
        return script

    def _tokens(self) -> bool:
        text, size, source = self.text, self.size, self.script.source
        while self.at < size:
            if self.at > self.limit + self.scanner.skipped or source.pieces < 0:
                return False
            character = text[self.at]
            if character in " \t" or (character == "\\" and text.startswith("\\\n", self.at)):
                blanks = _BLANKS.match(text, self.at)
                self.at = blanks.end() if blanks else self.at + 1
            elif character == "\n":
                self._newline()
            elif character == "#":
                end = text.find("\n", self.at)
                self.at = size if end < 0 else end
            elif self.cases and self.cases[-1] and character not in ")":
                if not self._pattern():
                    return False
            elif character in ";&|":
                if text.startswith("&>", self.at):
                    if not self._redirection("", self.at):
                        return False
                else:
                    self._separator()
            elif character == ")":
                if not self._close():
                    return True
            elif character == "(":
                if not self._open():
                    return False
            elif character in "<>" and not text.startswith("(", self.at + 1):
                if not self._redirection("", self.at):
                    return False
            elif not self._word():
                return False
        return True

    # Output

    def _emit(self, piece: str) -> None:
        self.script.source.pieces -= 1
        self.out.append(piece + " ")
        self.length += len(piece) + 1

    def _token(self, token: Token) -> None:
        self.filled = True
        self.script.tokens[self.length] = token
        self.script.sequence.append(token)
        if token.kind is TokenKind.REDIRECT and self.after_closer:
            self.script.tokens[self.length + 1] = token
            self._emit(">w")
            return
        self.after_closer = False
        self._emit("w")

    def _operator(self, operator: str, piece: str) -> None:
        self.script.operators[self.length] = operator
        self.script.sequence.append(operator)
        self._emit(piece)
        self.at_command = True
        self.after_closer = False
        self.filled = False
        self.expect = ""

    def _reserved(self, word: str) -> None:
        self.script.compound = True
        self.filled = word in _CLOSING
        if word == "{":
            self.braces.append(self.loop_head)
            word = "do" if self.loop_head else word
        elif word == "}" and self.braces and self.braces.pop():
            word = "done"
        self.loop_head = False
        self._emit(word)
        self.after_closer = word in _CLOSING
        self.at_command = word in _OPENING

    # Between commands

    def _newline(self) -> None:
        self.at += 1
        if self.documents:
            self._read_documents(self.at)
        if self.expect in ("in", "case-in") or (self.cases and self.cases[-1]):
            return
        self._close_function()
        self._operator("\n", "\n")

    def _separator(self) -> None:
        match = _SEPARATOR.match(self.text, self.at)
        operator = match[0] if match else ";"
        self.at += len(operator)
        if operator in (";;", ";&", ";;&"):
            if self.cases:
                self.cases[-1] = True
            self.script.compound = True
            self._close_function()
            self._operator(";;", ";;")
            return
        if not self.filled:
            self.script.broken = True
        self._close_function()
        self._operator("|" if operator == "|&" else operator, ";")
        if operator not in ";&":
            blanks = _NEWLINES.match(self.text, self.at)
            if blanks and not self.documents:
                self.at = blanks.end()

    def _open(self) -> bool:
        if self.expect == "name" and self.text.startswith("((", self.at):
            return self._arithmetic_for()
        if self.at_command and self.text.startswith("((", self.at):
            close = self.scanner.arithmetic_end(self.at + 2, self.depth)
            if close >= 0:
                self._token(Token(TokenKind.ARITHMETIC, self.at + 2, close - 2))
                self.at = close
                self.at_command = False
                return True
        self.at += 1
        self.script.compound = True
        self.parentheses.append(len(self.cases))
        self.filled = False
        self._emit("(")
        self.at_command = True
        self.after_closer = False
        self.expect = ""
        return True

    def _arithmetic_for(self) -> bool:
        close = self.scanner.arithmetic_end(self.at + 2, self.depth)
        if close < 0:
            return False
        self._token(Token(TokenKind.ARITHMETIC, self.at + 2, close - 2))
        self._emit("in w ;")
        separator = _FOR_SEPARATOR.match(self.text, close)
        self.at = separator.end() if separator else close
        self.loop_head = True
        self.at_command = True
        self.expect = ""
        return True

    def _close(self) -> bool:
        """Take a closing parenthesis; False where it ends this level of code."""
        if self.cases and self.cases[-1] and len(self.cases) > (self.parentheses[-1] if self.parentheses else 0):
            self.cases[-1] = False
            self.at += 1
            self.filled = False
            self._emit(")")
            self.at_command = True
            return True
        if not self.parentheses:
            if self.closer == ")":
                return False
            self.script.broken = True
            self.at += 1
            self._operator(";", ";")
            return True
        self._close_function()
        del self.cases[self.parentheses.pop() :]
        self.at += 1
        self._emit(")")
        self.filled = True
        self.after_closer = True
        self.at_command = False
        return True

    # Words

    def _word(self) -> bool:
        text, start = self.text, self.at
        end = self.scanner.word_end(start, self.depth)
        if end < 0:
            self.script.broken = True
            end = min(self.size, start + LONGEST)
            self.limit = -1
        elif end == start:
            end = start + 1
        self.at = end
        if end < self.size and text[end] in "<>" and _FD.match(text, start, end):
            return self._redirection(text[start:end], end)
        if self.expect:
            handled = self._head(text[start:end], start, end)
            if handled:
                return True
        if self.at_command:
            word = text[start:end]
            if word in RESERVED:
                return self._reserved_word(word, start)
            if word == "[[":
                return self._test(start)
            if text.startswith("(", end) or (text.startswith(" (", end) and PLAIN.fullmatch(word)):
                return self._function(start, end)
            if not ASSIGNMENT.match(text, start, text.find("=", start, end) + 1):
                self.at_command = False
        value = Word(text[start:end]) if LITERAL.match(text, start, end) else None
        self._token(Token(TokenKind.WORD, start, end, word=value))
        return True

    def _reserved_word(self, word: str, start: int) -> bool:
        if word == "!":
            return True
        if word in ("time", "coproc"):
            return self._prefix(word, start)
        if word == "esac" and self.cases:
            self.cases.pop()
            self._emit(";;")
        self._reserved(word)
        self.expect = {"for": "name", "select": "name", "case": "subject", "function": "function"}.get(word, "")
        return True

    def _prefix(self, word: str, start: int) -> bool:
        """``time`` and ``coproc`` before a compound command are not commands themselves."""
        blanks = _BLANKS.match(self.text, self.at)
        at = blanks.end() if blanks else self.at
        words: list[str] = []
        while len(words) < 3 and at < self.size and self.text[at] not in "\n;&|<>)":
            if self.text[at] == "(":
                words.append("(")
                break
            end = self.scanner.word_end(at, self.depth)
            if end <= at:
                break
            words.append(self.text[at:end])
            blanks = _BLANKS.match(self.text, end)
            at = blanks.end() if blanks else end
        compound = _OPENING | {"for", "select", "case", "(", "[[", "!", "coproc", "time"}
        option_or_name = words[:1] == ["-p"] if word == "time" else bool(words and _NAME.match(words[0]))
        if words and (words[0] in compound or words[1:2] == ["("]):
            return True
        if len(words) > 1 and option_or_name and (words[1] in compound or words[2:] == ["("]):
            self.at = self.text.find(words[0], self.at) + len(words[0])
            return True
        if word == "coproc" and words:
            return True
        self.at_command = False
        self._token(Token(TokenKind.WORD, start, self.at))
        return True

    def _head(self, word: str, start: int, end: int) -> bool:
        """Words after ``for``, ``select``, ``case`` and ``function``."""
        expect = self.expect
        self.expect = ""
        if expect == "name":
            self._token(Token(TokenKind.WORD, start, end))
            self.expect = "in"
            self.at_command = False
            return True
        if expect == "in":
            if word == "in":
                self._emit("in")
                return True
            self._emit("in w ;")
            self.at_command = True
            return False
        if expect == "subject":
            self._token(Token(TokenKind.WORD, start, end))
            self.expect = "case-in"
            return True
        if expect == "case-in":
            if word == "in":
                self._emit("in\n")
                self.cases.append(True)
                return True
            return False
        if expect == "function":
            return self._function(start, end)
        return False

    def _function(self, start: int, end: int) -> bool:
        """A function's name, its parentheses if it has any, and the opening of a body that has none."""
        text = self.text
        named = self.out[-1:] == ["function "]
        at = end
        match = _BLANKS.match(text, at)
        at = match.end() if match else at
        if text.startswith("(", at):
            inner = _BLANKS.match(text, at + 1)
            close = inner.end() if inner else at + 1
            if text.startswith(")", close):
                self.at = close + 1
            elif not named:
                self.at_command = False
                self._token(Token(TokenKind.WORD, start, end))
                return True
        elif not named:
            self.at_command = False
            self._token(Token(TokenKind.WORD, start, end))
            return True
        self.script.compound = True
        self._token(Token(TokenKind.WORD, start, end))
        if not named:
            self._emit("(")
            self._emit(")")
        newlines = _NEWLINES.match(text, self.at)
        if newlines and not self.documents:
            self.at = newlines.end()
        self.at_command = True
        body = self.scanner.word_end(self.at, self.depth) if self.at < self.size else -1
        if not text.startswith("(", self.at) and text[self.at : body] not in RESERVED:
            self._emit("{")
            self.functions += 1
        return True

    def _close_function(self) -> None:
        while self.functions:
            self.functions -= 1
            self._emit(";")
            self._emit("}")

    def _pattern(self) -> bool:
        """The pattern of a case clause, up to its ``)``; ``esac`` ends the case."""
        text, at = self.text, self.at
        if text[at] == "(":
            at += 1
        start = at
        while at < self.size and text[at] != ")":
            if text[at] in " \t\n|;&<>":
                at += 1
                continue
            end = self.scanner.word_end(at, self.depth)
            if end < 0:
                return False
            if text[at:end] == "esac" and at == start:
                self.at = end
                self.cases.pop()
                self._reserved("esac")
                return True
            at = max(end, at + 1)
        self.at = at
        self._token(Token(TokenKind.WORD, start, at))
        return True

    def _test(self, start: int) -> bool:
        """``[[ .. ]]`` as one token."""
        text, at = self.text, self.at
        while at < self.size:
            if text.startswith("]]", at) and (at + 2 >= self.size or text[at + 2] in END_OF_WORD):
                self._token(Token(TokenKind.TEST, start + 2, at))
                self.at = at + 2
                self.at_command = False
                return True
            if text[at] in END_OF_WORD and not text.startswith(("<(", ">("), at):
                at += 1
                continue
            end = self.scanner.word_end(at, self.depth)
            if end < 0:
                return False
            at = max(end, at + 1)
        return False

    # Redirections

    def _redirection(self, fd: str, at: int) -> bool:
        text = self.text
        match = _REDIRECTION.match(text, at)
        operator = match[0] if match else text[at]
        blanks = _BLANKS.match(text, at + len(operator))
        start = blanks.end() if blanks else at + len(operator)
        end = self.scanner.word_end(start, self.depth) if start < self.size else start
        if end < 0:
            self.script.broken = True
            end = min(self.size, start + LONGEST)
            self.limit = -1
        elif end == start:
            self.script.broken = True
            self.at = max(start, at + 1)
            return True
        token = Token(TokenKind.REDIRECT, start, end, operator, fd)
        if operator in ("<<", "<<-"):
            raw = text[start:end]
            quoted = any(character in raw for character in "'\"\\")
            delimiter = re.sub(r"[\\'\"]", "", raw) if quoted else raw
            token.document = HereDocument(delimiter, quoted, operator == "<<-")
            self.documents.append(token.document)
            token.operator = "<<"
        self.at = end
        self._token(token)
        return True

    def _read_documents(self, at: int) -> None:
        """Find the bodies of the here-documents announced on the line that has just ended."""
        for document in self.documents:
            document.start = min(at, self.size)
            end, at = _document_end(self.script.source, at, document, self.closer)
            document.end = end
            if at < 0:
                self.script.broken = True
                at = self.size
        self.documents.clear()
        self.scanner.skipped += max(at - self.at, 0)
        self.at = max(self.at, at)


def _document_end(source: Source, start: int, document: HereDocument, closer: str) -> tuple[int, int]:
    """The end of a body and the start of the line after it; the latter is -1 where no line ends it."""
    text, delimiter = source.text, document.delimiter
    before = "" if document.strip_tabs else "\n"
    at = start - 1
    while at >= 0:
        found, after = _nearest_end(text, at, before + delimiter, closer)
        if found < 0:
            break
        line = found + len(before)
        if document.strip_tabs:
            while text.startswith("\t", line - 1):
                line -= 1
        if line == start or text.startswith("\n", line - 1):
            return line, after + 1 if text.startswith("\n", after) else after
        source.steps -= 1
        if source.steps < 0:
            break
        at = found + 1
    return len(text), -1


def _nearest_end(text: str, at: int, mark: str, closer: str) -> tuple[int, int]:
    """Where ``mark`` stands next before a line's end, the text's end or ``closer``, and where it ends; -1 for none."""
    found = text.find(f"{mark}\n", at)
    if closer:
        closed = text.find(f"{mark}{closer}", at, found if found >= 0 else len(text))
        found = closed if closed >= 0 else found
    if found < 0 and text.endswith(mark) and len(text) - len(mark) >= at:
        found = len(text) - len(mark)
    return found, found + len(mark)
