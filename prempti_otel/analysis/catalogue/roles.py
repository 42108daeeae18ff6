"""What each role does with a word: one small function a role, found by the role's name."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import islice

import re2

from prempti_otel.analysis.catalogue.compiled import Role
from prempti_otel.analysis.catalogue.found import HERE, MAX_TEXT, Found, encodable
from prempti_otel.analysis.patch import read_patch
from prempti_otel.analysis.reading import FileAccess, FileOp, Word, united

_MAX_STATEMENTS = 512
"""Different statements of one SQL text that are looked at one by one; those after them as one."""
_MOST_PIECES = 257
"""Pieces of code, files that statements read or an archive takes: more than events are kept, so a cut is told of."""
_OPS = {op.value: op for op in FileOp}
_HEADER_ITEM = re2.compile(r"[A-Za-z0-9_-]+:[^=]")
"""``NAME:VALUE``, and not ``NAME:=JSON`` (HTTPie's request items)."""
_SQL_DATA = re2.compile(r"'(?:[^'\\]|''|\\.)*'|--[^\n]*|/\*(?:[^!*]|\*+[^*/])(?:[^*]|\*+[^*/])*\*+/|/\*\*/")
_SQL_SHELL = re2.compile(r"(?im)^[ \t]*(?:\\!|\.shell|\.system|system)[ \t]+(.+)$|\b(?:to|from)\s+program\s+'([^']*)'")
_SQL_READ = re2.compile(
    r"(?im)\\copy\s[^;]*?\sfrom\s+'?([^\s';]+)|^\s*\.(?:import|read)\s+(?:--\S+\s+)*'?([^\s']+)"
    r"|\binfile\s+'([^']+)'|\b(?:pg_read_file|pg_read_binary_file|load_file|readfile|lo_import)\s*\(\s*'([^']+)'"
    r"|\bcopy\s[^;]*?\sfrom\s+'([^']+)'"
)
"""Files that statements read: psql's and sqlite's own commands, MySQL's and PostgreSQL's SQL."""

Apply = Callable[[Found, Word, Role], None]


def _file(found: Found, word: Word, role: Role) -> None:
    found.add_file(word, _OPS[role.name])
    if role.name in ("read", "delete"):
        found.sources.append(word)


def _archive(found: Found, word: Word, _: Role) -> None:
    if not found.bases or word.text.startswith(("/", "~")):
        found.add_file(word, FileOp.READ, archives=True)
    else:
        for base in islice(found.bases, max(0, _MOST_PIECES - len(found.files))):
            found.add_file(_below(base, word), FileOp.READ, archives=True)
    found.sources.append(word)


def _base(found: Found, word: Word, _: Role) -> None:
    before = next(reversed(found.bases), None)
    base = word if before is None or word.text.startswith(("/", "~")) else _below(before, word)
    if len(found.bases) < _MOST_PIECES:
        found.bases.pop(base, None)
        found.bases[base] = None


def _below(base: Word, word: Word) -> Word:
    path = f"{base.text.rstrip('/')}/{word.text}"
    return Word(path, base.known and word.known, base.pattern or word.pattern)


def _into(found: Found, word: Word, role: Role) -> None:
    found.into.append((word, role.name == "folder"))


def _body(found: Found, word: Word, _: Role) -> None:
    if word.origins:
        found.sent = united(found.sent, word.origins)


def _request_item(found: Found, word: Word, role: Role) -> None:
    if not _HEADER_ITEM.match(encodable(word.text)):
        _body(found, word, role)


def _link_here(found: Found, word: Word, _: Role) -> None:
    name = word.text.rstrip("/").rpartition("/")[2]
    found.add_file(Word(name, word.known, word.pattern), FileOp.LINK)


def _at_file(found: Found, word: Word, _: Role) -> None:
    parts = word.text.split("@", 1)
    if len(parts) > 1:
        found.add_file(Word(parts[1], word.known, word.pattern), FileOp.READ)


def _form_file(found: Found, word: Word, _: Role) -> None:
    value = word.text.partition("=")[2]
    if value[:1] in ("@", "<"):
        found.add_file(Word(value[1:].partition(";")[0], word.known, word.pattern), FileOp.READ)


def _file_url(found: Found, word: Word, _: Role) -> None:
    scheme, mark, path = word.text.partition("://")
    if mark and scheme in ("file", "fileb"):
        found.add_file(Word(path, word.known, word.pattern), FileOp.READ)


def _url_file(found: Found, word: Word, _: Role) -> None:
    name = _last_part(word.text)
    if name:
        found.add_file(Word(name, word.known), FileOp.WRITE)


def _url_name(found: Found, word: Word, _: Role) -> None:
    found.sources.append(Word(_last_part(word.text), word.known))


def _last_part(url: str) -> str:
    path = url.partition("?")[0].partition("#")[0].rpartition("://")[2].rstrip("/").partition("/")[2]
    return path.rpartition("/")[2]


def _patch(found: Found, word: Word, _: Role) -> None:
    for change in read_patch(word.text[:MAX_TEXT]).changes:
        if change.path:
            found.add_file(Word(change.path, word.known), FileOp.DELETE if change.op == "Delete" else FileOp.WRITE)
        if change.moved_to:
            found.add_file(Word(change.moved_to, word.known), FileOp.WRITE)


_URL = re2.compile(r"[A-Za-z][A-Za-z0-9.+-]*://\S+")


def _maybe_url(found: Found, word: Word, role: Role) -> None:
    match = _URL.search(encodable(word.text))
    if match is not None:
        url = match.group(0)
        found.hosts.append((word.part(url.removeprefix("git+")), "url", role.argument))
        _body(found, word, role)


def _volume(found: Found, word: Word, _: Role) -> None:
    folder = word.text.partition(":")[0]
    if folder[:1] in ("/", ".", "~", "$"):
        found.files.append(FileAccess(Word(folder, word.known, word.pattern), FileOp.READ, True, True))


def _host(found: Found, word: Word, role: Role) -> None:
    form = "url" if "://" in word.text else role.name
    if word.text and (form != "scp" or _is_remote(word.text, form)):
        found.hosts.append((word, form, role.argument))
        _body(found, word, role)


def _is_remote(text: str, form: str) -> bool:
    if form == "url":
        return "://" in text
    before, colon, _ = text.partition(":")
    return "://" in text or bool(colon and before and "/" not in before)


def _place(found: Found, word: Word, role: Role) -> None:
    """One side of a copy: a file here, or a place elsewhere."""
    form = role.argument
    source = role.name == "source"
    if _is_remote(word.text, form):
        if source:
            found.sources.append(Word(word.text.rpartition(":")[2], word.known, word.pattern))
        if form != "container":
            shape = "url" if "://" in word.text else form
            found.hosts.append((word, shape, "download" if source else "upload"))
    elif source:
        _archive(found, word, role)
    else:
        found.into.append((word, False))


def _port(found: Found, word: Word, _: Role) -> None:
    found.port = word


def _user(found: Found, word: Word, _: Role) -> None:
    found.user = word


def _remote(found: Found, word: Word, _: Role) -> None:
    found.remote = word


def _directory(found: Found, word: Word, _: Role) -> None:
    found.directory = word


def _environment(found: Found, word: Word, _: Role) -> None:
    name, equals, value = word.text.partition("=")
    if equals:
        found.environment[name] = word.part(value)


def _code(found: Found, word: Word, role: Role) -> None:
    found.codes.append((role.argument, word, None))
    found.parsed.texts.append(word.text[:MAX_TEXT])


def _code_here(found: Found, word: Word, _: Role) -> None:
    found.codes.append((HERE, word, None))


def _holds_code(found: Found, word: Word, _: Role) -> None:
    find = found.parsed.command.code
    for text in find(word.text)[:_MOST_PIECES] if find is not None else ():
        found.codes.append((HERE, word.part(text), None))


def _script(found: Found, word: Word, role: Role) -> None:
    if word.text == "-":
        found.codes.append((role.argument, found.parsed.stdin.text, None))
    else:
        found.codes.append((role.argument, None, word))
        found.add_file(word, FileOp.EXEC)


def _alias(found: Found, word: Word, role: Role) -> None:
    text = word.text.lstrip(": ")
    if text.startswith("!"):
        found.codes.append(("sh", Word(text[1:], word.known), None))
    elif role.argument:
        found.codes.append(("sh", Word(f"{role.argument} {text}", word.known), None))


_SETTING = re.compile(r"([^=\s]++)(?:\s*+=\s*+|\s++)")


def _setting(found: Found, word: Word, role: Role) -> None:
    named = _SETTING.match(word.text)
    if named is None:
        return
    value = Word(word.text[named.end() :], word.known)
    for search, value_roles in role.settings:
        if search(named[1]):
            for value_role in value_roles:
                APPLY[value_role.name](found, value, value_role)
            return


def _args(found: Found, word: Word, _: Role) -> None:
    found.args.append(word)


def _entrypoint(found: Found, word: Word, _: Role) -> None:
    found.entrypoint = tuple(Word(part, word.known) for part in word.text.split())


def _placeholder(found: Found, word: Word, _: Role) -> None:
    found.placeholder = word.text


def _command(found: Found, word: Word, role: Role) -> None:
    found.commands.append((role.argument or role.name, (word,)))


def _sql(found: Found, word: Word, _: Role) -> None:
    text = encodable(word.text[:MAX_TEXT])
    statements = dict.fromkeys(_SQL_DATA.sub(" ", text).split(";"))
    found.parsed.texts.extend(islice(statements, _MAX_STATEMENTS))
    if len(statements) > _MAX_STATEMENTS:
        found.parsed.texts.append(";".join(islice(statements, _MAX_STATEMENTS, None)))
    for groups in _SQL_READ.findall(text)[:_MOST_PIECES]:
        found.add_file(Word(next(filter(None, groups), ""), word.known), FileOp.READ)
    for match in _SQL_SHELL.finditer(text):
        code = match.group(1) or match.group(2)
        found.codes.append(("sh", Word(code, word.known), None))


def _text(found: Found, word: Word, _: Role) -> None:
    found.parsed.texts.append(word.text[:MAX_TEXT])


_MOST_TRANSFERS = 64
_TRANSFERS = {"put": "put", "mput": "put", "reput": "put", "mirror": "get", "get": "get", "mget": "get", "reget": "get"}


def _transfer(found: Found, word: Word, _: Role) -> None:
    """What a session of ftp or sftp copies: ``put LOCAL [REMOTE]``, ``get REMOTE [LOCAL]``."""
    for line in re2.split(r"[\n;]", encodable(word.text[:MAX_TEXT]))[:_MOST_TRANSFERS]:
        name, *given = line.lstrip("-@ \t").split() or [""]
        if name.startswith("!") and len(line.strip()) > 1:
            found.codes.append(("sh", Word(line.strip()[1:], word.known), None))
        direction = _TRANSFERS.get(name.lower())
        places = [place.strip("'\"") for place in given if not place.startswith("-")]
        if direction is None or not places:
            continue
        found.parsed.texts.append(direction)
        locals_ = places if name.lower() == "mput" else places[:1] if direction == "put" else places[1:2]
        if direction == "get" and (name.lower() == "mget" or not locals_):
            locals_ = [place.rpartition("/")[2] for place in places]
        for place in locals_:
            known = word.known or "$" not in place
            found.add_file(Word(place, known, "*" in place), FileOp.READ if direction == "put" else FileOp.WRITE)


def _nothing(_found: Found, _word: Word, _role: Role) -> None:
    """The splice was done while the words were read."""


APPLY: dict[str, Apply] = {
    **dict.fromkeys(("read", "write", "delete", "exec", "chmod", "link"), _file),
    **dict.fromkeys(("into", "folder"), _into),
    **dict.fromkeys(("url", "host", "hostport", "scp"), _host),
    **dict.fromkeys(("source", "target"), _place),
    **dict.fromkeys(("command", "shell"), _command),
    **dict.fromkeys(("directory", "root"), _directory),
    "archive": _archive,
    "base": _base,
    "link_here": _link_here,
    "at_file": _at_file,
    "body": _body,
    "request_item": _request_item,
    "form_file": _form_file,
    "file_url": _file_url,
    "url_file": _url_file,
    "url_name": _url_name,
    "patch": _patch,
    "port": _port,
    "user": _user,
    "remote": _remote,
    "environment": _environment,
    "code": _code,
    "code_here": _code_here,
    "holds_code": _holds_code,
    "script": _script,
    "maybe_url": _maybe_url,
    "volume": _volume,
    "alias": _alias,
    "setting": _setting,
    "args": _args,
    "splice": _nothing,
    "placeholder": _placeholder,
    "entrypoint": _entrypoint,
    "sql": _sql,
    "text": _text,
    "transfer": _transfer,
}
