"""What a piece of code in some programming language would do; see :func:`analyse_code`."""

from __future__ import annotations

from collections.abc import Sequence

from prempti_otel.analysis.reading import CodeReading, Word

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
    ``sed``); ``args`` are the words after the code, ``stdin`` what it can read there, where known.
    Code that is not known is dynamic. A language that is not read here gives an empty reading.
    """
    if not code.known:
        return CodeReading(dynamic=True)
    if language == "python":
        return _python(code.text, args, home, cwd, stdin)
    return CodeReading()


def _python(code: str, args: Sequence[Word], home: str, cwd: str, stdin: Word | None) -> CodeReading:
    from prempti_otel.analysis.code.findings import Findings
    from prempti_otel.analysis.code.python import analyse_python
    from prempti_otel.analysis.code.python_expressions import Setting
    from prempti_otel.analysis.code.values import Text

    findings = Findings()
    argv = (Text("-c"), *(Text(word.text, word.known, word.pattern) for word in args))
    fed = Text(stdin.text, stdin.known) if stdin is not None else None
    analyse_python(code, Setting(argv, home, cwd, fed), findings)
    return findings.reading()


def preload() -> None:
    """Load the readers now, so that the first call that needs one does not wait for it."""
    analyse_code("python", Word("pass"))
