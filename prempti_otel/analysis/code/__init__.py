"""What a piece of code in some programming language would do; see :func:`analyse_code`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from prempti_otel.analysis.reading import CodeReading, Word, variables_of

if TYPE_CHECKING:
    from prempti_otel.analysis.code.findings import Findings
    from prempti_otel.analysis.code.python_expressions import Setting

__all__ = ["analyse_code", "preload"]


def analyse_code(
    language: str,
    code: Word,
    args: Sequence[Word] = (),
    *,
    home: str = "",
    cwd: str = "",
    stdin: Word | None = None,
) -> CodeReading:
    """What ``code`` would do when run. Never raises, runs nothing, reads no file; bounded in time.

    ``language`` is a Handover's (``python``, ``javascript``, ``perl``, ``ruby``, ``php``, ``awk``,
    ``sed``, ``powershell``, ``lua``, ``r``, ...); ``args`` are the words after the code, ``stdin`` what it
    can read there, where known. In code that is not fully known, text constants that hold a shell's ``$``
    or backtick are not known either. A language that is not read here gives an empty reading.
    """
    reader = _READERS.get(language)
    if reader is None:
        return CodeReading()
    from prempti_otel.analysis.code.findings import Findings
    from prempti_otel.analysis.code.python_expressions import Setting
    from prempti_otel.analysis.code.values import Text

    findings = Findings()
    argv = (Text("-c"), *(Text(word.text, word.known, word.pattern, variables=word.origins) for word in args))
    fed = Text(stdin.text, stdin.known, variables=stdin.origins) if stdin is not None else None
    setting = Setting(argv, home, cwd, fed, partial=not code.known, variables=variables_of(code.origins))
    reader(code.text, setting, findings)
    return findings.reading()


def _python(code: str, setting: Setting, findings: Findings) -> None:
    from prempti_otel.analysis.code.python import analyse_python

    analyse_python(code, setting, findings)


def _javascript(code: str, setting: Setting, findings: Findings) -> None:
    from prempti_otel.analysis.code.javascript import JavaScript

    JavaScript(setting, findings).run(code)


def _perl(code: str, setting: Setting, findings: Findings) -> None:
    from prempti_otel.analysis.code.perl import Perl

    Perl(setting, findings).run(code)


def _ruby(code: str, setting: Setting, findings: Findings) -> None:
    from prempti_otel.analysis.code.ruby import Ruby

    Ruby(setting, findings).run(code)


def _php(code: str, setting: Setting, findings: Findings) -> None:
    from prempti_otel.analysis.code.php import Php

    Php(setting, findings).run(code)


def _awk(code: str, setting: Setting, findings: Findings) -> None:
    from prempti_otel.analysis.code.awk import analyse_awk

    analyse_awk(code, setting, findings)


def _sed(code: str, setting: Setting, findings: Findings) -> None:
    from prempti_otel.analysis.code.sed import analyse_sed

    analyse_sed(code, setting, findings)


def _literals(code: str, setting: Setting, findings: Findings) -> None:
    from prempti_otel.analysis.code.literals import analyse_literals

    analyse_literals(code, setting, findings)


def _command_lines(code: str, setting: Setting, findings: Findings) -> None:
    from prempti_otel.analysis.code.literals import analyse_command_lines

    analyse_command_lines(code, setting, findings)


def _editor(code: str, setting: Setting, findings: Findings) -> None:
    from prempti_otel.analysis.code.literals import analyse_editor

    analyse_editor(code, setting, findings)


def _powershell(code: str, setting: Setting, findings: Findings) -> None:
    from prempti_otel.analysis.code.powershell import analyse_powershell

    analyse_powershell(code, setting, findings)


def _cmd(code: str, setting: Setting, findings: Findings) -> None:
    from prempti_otel.analysis.code.cmd import analyse_cmd

    analyse_cmd(code, setting, findings)


def _makefile(code: str, setting: Setting, findings: Findings) -> None:
    from prempti_otel.analysis.code.makefile import analyse_makefile

    analyse_makefile(code, setting, findings)


_READERS: Mapping[str, Callable[[str, Setting, Findings], None]] = {
    "python": _python,
    "javascript": _javascript,
    "perl": _perl,
    "awk": _awk,
    "sed": _sed,
    "php": _php,
    "ruby": _ruby,
    "powershell": _powershell,
    "cmd": _cmd,
    "make": _makefile,
    **dict.fromkeys(("lua", "r", "applescript", "elixir", "elisp"), _literals),
    **dict.fromkeys(("tcl", "expect"), _command_lines),
    **dict.fromkeys(("ex", "gdb"), _editor),
}


def preload(pause: Callable[[], None]) -> None:
    """Load all readers now, so that the first call that needs one does not wait; ``pause`` is called after each."""
    for language in _READERS:
        analyse_code(language, Word("1"))
        pause()
