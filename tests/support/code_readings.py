"""Readings of code in one short line per thing, so that tables of tests stay readable."""

from __future__ import annotations

from prempti_otel.analysis.code import analyse_code
from prempti_otel.analysis.reading import CodeReading, Handover, Word

HOME, CWD = "/home/dev", "/home/dev/project"


def read(language: str, code: str, *args: str, stdin: str | None = None) -> CodeReading:
    """What ``code`` would do in the examples' home and project."""
    fed = Word(stdin) if stdin is not None else None
    return analyse_code(language, Word(code), [Word(arg) for arg in args], home=HOME, cwd=CWD, stdin=fed)


def lines(reading: CodeReading) -> list[str]:
    """``delete /x recursive``, ``net upload URL``, ``argv rm -rf /``, ``sh CODE``, ``effect NAME``, ``dynamic``.

    A part that is not fully known ends in ``?``, a pattern begins with ``~``.
    """
    found = []
    for file in reading.files:
        tail = (" recursive" if file.recursive else "") + (f" = {file.content.text}" if file.content else "")
        found.append(f"{file.op} {_word(file.path)}{tail}")
    for host in reading.hosts:
        port = f" {host.port.text}" if host.port else ""
        found.append(f"net {host.op} {_word(host.target)}{port}")
    found += [_run(run) for run in reading.runs]
    found += [f"effect {effect}" for effect in reading.effects]
    return [*found, *(["dynamic"] if reading.dynamic else [])]


def _run(run: Handover) -> str:
    what = " ".join(_word(word) for word in run.argv)
    if run.code is not None:
        what = _word(run.code)
    if run.code_file is not None:
        what = f"file {_word(run.code_file)}"
    where = f" in {_word(run.directory)}" if run.directory else ""
    remote = f" at {_word(run.remote)}" if run.remote else ""
    return f"{run.language} {what}{' ...' if run.more_arguments else ''}{where}{remote}"


def _word(word: Word) -> str:
    return ("~" if word.pattern else "") + word.text + ("" if word.known else "?")
