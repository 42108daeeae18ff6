"""From options and operands to files, hosts and what is run, by the roles that an entry gives them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import re2

from prempti_otel.analysis.catalogue.compiled import Filled, Kind, Plan, Role, Roles
from prempti_otel.analysis.catalogue.parse import Parsed
from prempti_otel.analysis.reading import FileAccess, FileOp, Handover, HostAccess, Word

MAX_RUNS = 64
"""Commands that one command line hands over to; the walk has its own limit on events."""
_OPS = {op.value: op for op in FileOp}
_CHANGES = frozenset({FileOp.WRITE, FileOp.DELETE, FileOp.CHMOD, FileOp.LINK, FileOp.EXEC})
_HERE = Word(".")
_FOLDERS = frozenset({".", "..", "~"})
_SQL_DATA = re2.compile(r"'(?:[^'\\]|''|\\.)*'|--[^\n]*|/\*(?:[^!*]|\*+[^*/])(?:[^*]|\*+[^*/])*\*+/|/\*\*/")
_SQL_SHELL = re2.compile(r"(?im)^[ \t]*(?:\\!|\.shell|\.system|system)[ \t]+(.+)$|\b(?:to|from)\s+program\s+'([^']*)'")
_MAX_TEXT = 1 << 16


class Applied:
    """What roles made of a command line."""

    __slots__ = (
        "args",
        "codes",
        "commands",
        "directory",
        "environment",
        "files",
        "hosts",
        "into",
        "parsed",
        "placeholder",
        "port",
        "recursive",
        "remote",
        "sources",
        "user",
    )

    def __init__(self, parsed: Parsed) -> None:
        self.parsed = parsed
        self.files: list[FileAccess] = []
        self.hosts: list[tuple[Word, str, str]] = []
        """Target, form, operation or ``""``."""
        self.commands: list[tuple[str, tuple[Word, ...]]] = []
        """Role (``command``, ``shell``) and words."""
        self.codes: list[tuple[str, Word | None, Word | None]] = []
        """Language, code, file; neither for standard input."""
        self.args: list[Word] = []
        self.sources: list[Word] = []
        self.into: list[tuple[Word, bool]] = []
        """Targets of copies, and whether they surely are folders."""
        self.environment = dict(parsed.assignments)
        self.user: Word | None = None
        self.remote: Word | None = None
        self.directory: Word | None = None
        self.port: Word | None = None
        self.placeholder = ""
        self.recursive = parsed.command.recursive(parsed)

    def options(self) -> None:
        """Give the values of options their roles."""
        for option, words in self.parsed.values:
            for role in option.roles:
                if not self._applies(role):
                    continue
                if role.name == "command":
                    more = tuple(self.parsed.operands) if option.ends else ()
                    self.commands.append((role.name, (*words, *more)))
                else:
                    for word in words[1:] if option.kind is Kind.PAIR else words:
                        _APPLY[role.name](self, word, role)

    def operands(self) -> None:
        """Give the operands their roles, by the first plan that holds."""
        parsed = self.parsed
        for plan in parsed.command.plans:
            if plan.test(parsed):
                self._by(plan)
                return

    def _by(self, plan: Plan) -> None:
        words = self.parsed.operands
        for index, word in enumerate(words):
            for role in self._roles(plan, index, len(words)):
                if not self._applies(role):
                    continue
                if role.name in ("command", "shell"):
                    self.commands.append((role.name, tuple(words[index:])))
                    return
                _APPLY[role.name](self, word, role)

    def _applies(self, role: Role) -> bool:
        seen = self.parsed.seen
        return (not role.needs or not role.needs.isdisjoint(seen)) and role.without.isdisjoint(seen)

    def _roles(self, plan: Plan, index: int, count: int) -> Roles:
        parsed = self.parsed
        if plan.dashes is not None and 0 <= parsed.dashes <= index:
            return plan.dashes
        if plan.leading is not None and (parsed.leading < 0 or index < parsed.leading):
            return plan.leading
        if plan.last is not None and index == count - 1 and count > 1:
            return plan.last
        if index < len(plan.fixed):
            fixed = plan.fixed[index]
            if fixed is not None:
                return fixed
        return plan.rest

    def from_stdin(self) -> None:
        """Give standard input its role."""
        parsed = self.parsed
        if parsed.stdin.kind == "none":
            return
        for roles, test in parsed.command.stdin:
            if test(parsed):
                for role in roles:
                    if role.name == "code":
                        self.codes.append((role.argument, parsed.stdin.text, None))
                    elif parsed.stdin.text is not None:
                        _APPLY[role.name](self, parsed.stdin.text, role)
                return

    def targets(self) -> None:
        """Writes of copies and moves: the target, or what they make in it."""
        for target, folder in self.into:
            text = target.text
            if not (folder or len(self.sources) > 1 or text.endswith("/") or text in _FOLDERS):
                self.add_file(target, FileOp.WRITE)
                continue
            base = text if text.endswith("/") else f"{text}/"
            for source in self.sources[:MAX_RUNS]:
                name = source.text.rstrip("/").rpartition("/")[2]
                known = target.known and source.known
                self.add_file(Word(f"{base}{name}", known, target.pattern or source.pattern), FileOp.WRITE)

    def add_file(self, path: Word, op: FileOp, *, archives: bool = False) -> None:
        """Note a file access; ``-`` is standard input or output."""
        if path.text not in ("-", ""):
            recursive = self.recursive and op is not FileOp.WRITE
            self.files.append(FileAccess(path, op, recursive, archives and recursive))

    def deleted_below(self) -> None:
        """What is found below the leading operands and deleted."""
        parsed = self.parsed
        deleting = parsed.command.deletes
        if deleting is None or not deleting.test(parsed):
            return
        names = [words[0] for option, words in parsed.values if option.name in deleting.name and words]
        bounded = len(names) == 1 and deleting.unless.isdisjoint(parsed.seen)
        for start in starts(parsed):
            if bounded:
                path = Word(f"{start.text.rstrip('/')}/{names[0].text}", start.known and names[0].known, True)
                self.files.append(FileAccess(path, FileOp.DELETE))
            else:
                self.files.append(FileAccess(start, FileOp.DELETE, recursive=True))

    def host_accesses(self) -> Iterator[HostAccess]:
        """Hosts with their operation and port."""
        parsed = self.parsed
        fallback = ""
        for target, form, op in self.hosts:
            if not op:
                fallback = fallback or next((name for name, test in parsed.command.net if test(parsed)), "connect")
            yield HostAccess(target, form, op or fallback, self.port)

    def harmless(self) -> None:
        """Only reads and hosts remain: it says what it would do."""
        self.files = [access for access in self.files if access.op not in _CHANGES]
        self.codes = []
        self.commands = []

    def handovers(self) -> Iterator[Handover]:
        """What is run in turn, at most :data:`MAX_RUNS`."""
        yield from islice(self._handovers(), MAX_RUNS)

    def _handovers(self) -> Iterator[Handover]:
        args = tuple(self.args)
        for language, code, file in self.codes:
            yield self._handover(language, code=code, code_file=file, args=args)
        filled = self.parsed.command.arguments
        for role, words in self.commands:
            if filled is not None:
                yield from self._filled(filled, words)
            elif role == "shell":
                yield self._handover("sh", code=joined(words))
            elif words:
                yield self._handover("argv", argv=words)
        if filled is not None and filled.joined and not self.commands:
            yield from self._filled(filled, ())

    def _filled(self, filled: Filled, words: tuple[Word, ...]) -> Iterator[Handover]:
        values, words, complete = _arguments(filled, words, self.parsed)
        placeholder = self.placeholder or filled.placeholder
        if not placeholder and not filled.braces.isdisjoint(self.parsed.seen):
            placeholder = "{}"
        used = bool(placeholder) and any(placeholder in word.text for word in words)
        if not values and not words:
            return
        if filled.found and not used:
            yield self._handover("argv", argv=words)
        elif not values:
            yield self._line(filled, tuple(_unfilled(word, placeholder) for word in words), more=not (complete or used))
        elif used or filled.joined:
            for value in values:
                line = tuple(_replaced(word, placeholder, value) for word in words)
                yield self._line(filled, line if used else (*line, value), more=False)
        else:
            yield self._line(filled, (*words, *values), more=False)

    def _line(self, filled: Filled, words: tuple[Word, ...], *, more: bool) -> Handover:
        if filled.joined and len(words) == 1:
            return self._handover("sh", code=Word(words[0].text, words[0].known and not more), more=more)
        return self._handover("argv", argv=words, more=more)

    def _handover(
        self,
        language: str,
        *,
        argv: tuple[Word, ...] = (),
        code: Word | None = None,
        code_file: Word | None = None,
        args: tuple[Word, ...] = (),
        more: bool = False,
    ) -> Handover:
        run_as = self.parsed.command.run_as
        user = self.user or (Word(run_as) if run_as else None)
        return Handover(
            language, argv, code, code_file, args, more, self.environment, user, self.remote, self.directory
        )


def starts(parsed: Parsed) -> list[Word]:
    """Where a search begins: the operands before the first option, else here."""
    count = parsed.leading if parsed.leading >= 0 else len(parsed.operands)
    return parsed.operands[:count] or [_HERE]


def joined(words: Sequence[Word]) -> Word:
    """The words with blanks between them, as ssh(1) and eval join theirs."""
    if len(words) == 1:
        return words[0]
    return Word(" ".join(word.text for word in words), all(word.known for word in words))


def _unfilled(word: Word, placeholder: str) -> Word:
    """The word with its placeholder left standing for something unknown."""
    return Word(word.text, False, word.pattern) if placeholder and placeholder in word.text else word


def _replaced(word: Word, placeholder: str, value: Word) -> Word:
    if not placeholder or placeholder not in word.text:
        return word
    text = word.text.replace(placeholder, value.text)
    return Word(text[:_MAX_TEXT], word.known and value.known, word.pattern or value.pattern)


def _arguments(filled: Filled, words: tuple[Word, ...], parsed: Parsed) -> tuple[list[Word], tuple[Word, ...], bool]:
    """Further arguments as far as known, the command without them, and whether these are all."""
    if filled.found:
        return [Word(f"{start.text.rstrip('/')}/{{}}", known=False) for start in starts(parsed)], words, True
    for index, word in enumerate(words):
        if word.text in filled.after and word.known:
            values = [value for value in words[index + 1 :] if value.text not in filled.after]
            return values, words[:index], True
    if not filled.stdin or parsed.stdin.kind == "none":
        return [], words, False
    text = parsed.stdin.text
    if text is None or not text.known:
        return [], words, False
    return [Word(part) for part in text.text.replace("\0", "\n").split()], words, True


_Apply = Callable[[Applied, Word, Role], None]


def _file(applied: Applied, word: Word, role: Role) -> None:
    applied.add_file(word, _OPS[role.name])
    if role.name in ("read", "delete"):
        applied.sources.append(word)


def _archive(applied: Applied, word: Word, _: Role) -> None:
    applied.add_file(word, FileOp.READ, archives=True)
    applied.sources.append(word)


def _into(applied: Applied, word: Word, role: Role) -> None:
    applied.into.append((word, role.name == "folder"))


def _at_file(applied: Applied, word: Word, _: Role) -> None:
    parts = word.text.split("@", 1)
    if len(parts) > 1:
        applied.add_file(Word(parts[1], word.known, word.pattern), FileOp.READ)


def _form_file(applied: Applied, word: Word, _: Role) -> None:
    value = word.text.partition("=")[2]
    if value[:1] in ("@", "<"):
        applied.add_file(Word(value[1:].partition(";")[0], word.known, word.pattern), FileOp.READ)


def _file_url(applied: Applied, word: Word, _: Role) -> None:
    scheme, mark, path = word.text.partition("://")
    if mark and scheme in ("file", "fileb"):
        applied.add_file(Word(path, word.known, word.pattern), FileOp.READ)


_URL = re2.compile(r"[A-Za-z][A-Za-z0-9.+-]*://\S+")


def _maybe_url(applied: Applied, word: Word, role: Role) -> None:
    found = _URL.search(word.text)
    if found is not None:
        url = found.group(0)
        applied.hosts.append((Word(url.removeprefix("git+"), word.known), "url", role.argument))


def _volume(applied: Applied, word: Word, _: Role) -> None:
    folder = word.text.partition(":")[0]
    if folder[:1] in ("/", ".", "~", "$"):
        applied.files.append(FileAccess(Word(folder, word.known, word.pattern), FileOp.READ, True, True))


def _host(applied: Applied, word: Word, role: Role) -> None:
    form = "url" if "://" in word.text else role.name
    if word.text and (form != "scp" or _is_remote(word.text, form)):
        applied.hosts.append((word, form, role.argument))


def _is_remote(text: str, form: str) -> bool:
    if form == "url":
        return "://" in text
    before, colon, _ = text.partition(":")
    return "://" in text or bool(colon and before and "/" not in before)


def _place(applied: Applied, word: Word, role: Role) -> None:
    """One side of a copy: a file here, or a place elsewhere."""
    form = role.argument
    source = role.name == "source"
    if _is_remote(word.text, form):
        if source:
            applied.sources.append(Word(word.text.rpartition(":")[2], word.known, word.pattern))
        if form != "container":
            shape = "url" if "://" in word.text else form
            applied.hosts.append((word, shape, "download" if source else "upload"))
    elif source:
        _archive(applied, word, role)
    else:
        applied.into.append((word, False))


def _port(applied: Applied, word: Word, _: Role) -> None:
    applied.port = word


def _user(applied: Applied, word: Word, _: Role) -> None:
    applied.user = word


def _remote(applied: Applied, word: Word, _: Role) -> None:
    applied.remote = word


def _directory(applied: Applied, word: Word, _: Role) -> None:
    applied.directory = word


def _environment(applied: Applied, word: Word, _: Role) -> None:
    name, equals, value = word.text.partition("=")
    if equals:
        applied.environment[name] = Word(value, word.known, word.pattern)


def _code(applied: Applied, word: Word, role: Role) -> None:
    applied.codes.append((role.argument, word, None))
    applied.parsed.texts.append(word.text[:_MAX_TEXT])


def _script(applied: Applied, word: Word, role: Role) -> None:
    if word.text == "-":
        applied.codes.append((role.argument, applied.parsed.stdin.text, None))
    else:
        applied.codes.append((role.argument, None, word))
        applied.add_file(word, FileOp.EXEC)


def _alias(applied: Applied, word: Word, _: Role) -> None:
    text = word.text.lstrip(": ")
    if text.startswith("!"):
        applied.codes.append(("sh", Word(text[1:], word.known), None))


_SETTING = re2.compile(r"^([^=\s]+)(?:\s*=\s*|\s+)")


def _setting(applied: Applied, word: Word, role: Role) -> None:
    found = _SETTING.match(word.text)
    if found is None:
        return
    value = Word(word.text[found.end() :], word.known)
    for search, value_roles in role.settings:
        if search(found.group(1)):
            for value_role in value_roles:
                _APPLY[value_role.name](applied, value, value_role)
            return


def _args(applied: Applied, word: Word, _: Role) -> None:
    applied.args.append(word)


def _placeholder(applied: Applied, word: Word, _: Role) -> None:
    applied.placeholder = word.text


def _command(applied: Applied, word: Word, role: Role) -> None:
    applied.commands.append((role.name, (word,)))


def _sql(applied: Applied, word: Word, _: Role) -> None:
    text = word.text[:_MAX_TEXT]
    applied.parsed.texts.extend(_SQL_DATA.sub(" ", text).split(";"))
    for found in _SQL_SHELL.finditer(text):
        code = found.group(1) or found.group(2)
        applied.codes.append(("sh", Word(code, word.known), None))


def _text(applied: Applied, word: Word, _: Role) -> None:
    applied.parsed.texts.append(word.text[:_MAX_TEXT])


def _nothing(_applied: Applied, _word: Word, _role: Role) -> None:
    """The splice was done while the words were read."""


_APPLY: dict[str, _Apply] = {
    **dict.fromkeys(("read", "write", "delete", "exec", "chmod", "link"), _file),
    **dict.fromkeys(("into", "folder"), _into),
    **dict.fromkeys(("url", "host", "hostport", "scp"), _host),
    **dict.fromkeys(("source", "target"), _place),
    **dict.fromkeys(("command", "shell"), _command),
    **dict.fromkeys(("directory", "root"), _directory),
    "archive": _archive,
    "at_file": _at_file,
    "form_file": _form_file,
    "file_url": _file_url,
    "port": _port,
    "user": _user,
    "remote": _remote,
    "environment": _environment,
    "code": _code,
    "script": _script,
    "maybe_url": _maybe_url,
    "volume": _volume,
    "alias": _alias,
    "setting": _setting,
    "args": _args,
    "splice": _nothing,
    "placeholder": _placeholder,
    "sql": _sql,
    "text": _text,
}
