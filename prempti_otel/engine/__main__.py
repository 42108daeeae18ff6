"""``python -I -m prempti_otel.engine --home DIR [--foreground]``: the engine process.

Ends with 0 after a clean stop, 1 where it could not start (the sentence is in the log and in
``run/failed``), 3 where another engine is running.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path

from prempti_otel.engine.health import describe
from prempti_otel.errors import PremptiError
from prempti_otel.settings.home import Home
from prempti_otel.settings.user_home import remembered_user_home

EXIT_FAILED = 1
EXIT_RUNNING = 3
_LOG_BYTES = 1_048_576
_LOG_COPIES = 3

log = logging.getLogger("prempti.engine")


def main(arguments: list[str] | None = None) -> int:
    """Runs the engine to its end; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m prempti_otel.engine", description="The engine process.")
    parser.add_argument("--home", type=Path, required=True, help="PREMPTI_HOME, an absolute path")
    parser.add_argument("--foreground", action="store_true", help="log to standard error, too")
    options = parser.parse_args(arguments)
    if not options.home.is_absolute():
        parser.error("--home must be an absolute path")
    os.umask(0o077)
    home = Home(options.home)
    try:
        home.create()
        if user_home := remembered_user_home(home):
            os.environ["HOME"] = user_home
        _log_to(home, foreground=options.foreground)
    except (OSError, PremptiError) as error:
        return _failed(describe_start(error))
    return _serve(home)


def describe_start(error: OSError | PremptiError) -> str:
    """A sentence on what stands in the way."""
    return error.diagnostics() if isinstance(error, PremptiError) else f"{error.filename}: {error.strerror}"


def _failed(sentence: str) -> int:
    """Tells whoever started the engine."""
    sys.stderr.write(f"the engine cannot run: {sentence}\n")
    return EXIT_FAILED


def _serve(home: Home) -> int:
    gc.disable()  # nothing of what is loaded at start is garbage
    from prempti_otel.engine.server import SWITCH_INTERVAL_S, AlreadyRunningError, Engine, take_lock

    sys.setswitchinterval(SWITCH_INTERVAL_S)
    lock = -1
    try:
        lock = take_lock(home)
        engine = Engine(home)
        try:
            engine.start()
            gc.enable()
            home.engine_failed.unlink(missing_ok=True)
            engine.run()
        finally:
            engine.stop()
    except AlreadyRunningError as error:
        log.warning("%s", error.diagnostics())
        return EXIT_RUNNING
    except Exception as error:  # noqa: BLE001 - the boundary of the process
        sentence = describe_start(error) if isinstance(error, OSError) else describe(error)
        log.error("the engine cannot run: %s", sentence)
        if lock >= 0:
            home.engine_failed.write_text(sentence + "\n")
        return _failed(sentence)
    return 0


def _log_to(home: Home, *, foreground: bool) -> None:
    """Everything to ``log/engine.log``, which is rotated; the umask makes it private."""
    handlers: list[logging.Handler] = [
        RotatingFileHandler(home.engine_log, maxBytes=_LOG_BYTES, backupCount=_LOG_COPIES, encoding="utf-8")
    ]
    if foreground:
        handlers.append(logging.StreamHandler())
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(process)d %(levelname)s %(message)s",
        handlers=handlers,
    )


if __name__ == "__main__":
    sys.exit(main())
