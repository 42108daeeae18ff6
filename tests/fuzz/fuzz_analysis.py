"""Coverage-guided fuzzing of the analysis: ``python -m tests.fuzz.fuzz_analysis [LIBFUZZER OPTIONS]``

Needs atheris (``make fuzz`` installs it). An input's first byte says what the rest is: ``w`` words of a
command line divided by NUL bytes, for the catalogue; ``p j l r h k e`` code in Python, JavaScript, Perl,
Ruby, PHP, awk, sed; anything else shell code, for the whole prediction. What is asserted: nothing raises,
events stay within their cap, and an input takes less than :data:`MOST_SECONDS` of processor time.

Begins with the commands of this project's own tables as seeds, in ``.cache/fuzz``; inputs that fail are
written there, too. Runs until it is stopped or an option such as ``-max_total_time=600`` ends it. Nothing
that is analysed is run.
"""

from __future__ import annotations

import hashlib
import sys
import time
from pathlib import Path

import atheris
import yaml

with atheris.instrument_imports(include=["prempti_otel.analysis"]):
    from prempti_otel.analysis.code import analyse_code
    from prempti_otel.analysis.reading import Stdin, Word
    from prempti_otel.analysis.shell.trace import MOST_EVENTS
    from tests.support.predictions import catalogue, predicted

TESTS = Path(__file__).resolve().parent.parent
FOLDER = TESTS.parent / ".cache" / "fuzz"
MOST_SECONDS = 5.0
"""Processor time for one input; instrumented code runs several times slower than usual."""
LONGEST = 4096
"""Bytes of one input."""
LANGUAGES = {"p": "python", "j": "javascript", "l": "perl", "r": "ruby", "h": "php", "k": "awk", "e": "sed"}
LANGUAGES |= {"m": "make", "s": "powershell", "u": "lua", "t": "tcl"}


def one_input(data: bytes) -> None:
    """Analyse one input. Raises AssertionError, or whatever the analysis should not have raised."""
    text = data.decode("utf-8", "surrogateescape")
    kind, rest = text[:1], text[1:]
    before = time.process_time()
    if kind == "w":
        words = [Word(word, known=not word.startswith("$")) for word in rest.split("\0")]
        catalogue().read(words, Stdin("pipe", Word(rest)))
    elif kind in LANGUAGES:
        analyse_code(LANGUAGES[kind], Word(rest, known="$" not in rest), (Word("a"),), home="/home/dev", cwd="/srv")
    elif text:
        prediction = predicted(text)
        assert prediction.processes
        assert len(prediction.processes) + len(prediction.files) + len(prediction.hosts) <= MOST_EVENTS + 2
    spent = time.process_time() - before
    assert spent < MOST_SECONDS, f"{spent:.1f} s for {len(data)} bytes"


def write_seeds(folder: Path) -> None:
    """The commands of the catalogue's rows and of ordinary development, a file each."""
    folder.mkdir(parents=True, exist_ok=True)
    commands = [line for line in (TESTS / "corpus" / "ordinary.txt").read_text().splitlines() if line[:1] not in '#"']
    for rows in sorted((TESTS / "analysis" / "catalogue").glob("*.yaml")):
        for row in yaml.safe_load(rows.read_text()):
            commands += [row] if isinstance(row, str) else row
    for command in commands:
        for seed in (f" {command}", "w" + command.replace(" ", "\0")):
            (folder / hashlib.sha256(seed.encode()).hexdigest()[:16]).write_bytes(seed.encode())


def main() -> None:
    """Fuzz with libFuzzer's options, as given on the command line."""
    seeds = FOLDER / "seeds"
    write_seeds(seeds)
    found = FOLDER / "found"
    found.mkdir(exist_ok=True)
    defaults = [f"-max_len={LONGEST}", "-timeout=30", f"-artifact_prefix={FOLDER}/failed-"]
    atheris.Setup([sys.argv[0], *defaults, *sys.argv[1:], str(found), str(seeds)], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
