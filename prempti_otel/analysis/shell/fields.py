"""The words that one expansion is making: splitting, joining, and what is known of them."""

from __future__ import annotations

import re

from prempti_otel.analysis.reading import Origin, Word, united
from prempti_otel.analysis.shell import values

MOST_FIELDS = 4096
"""Words that one expansion may give."""


class Fields:
    """The words that an expansion is making."""

    def __init__(self, split: str | None) -> None:
        self._split = split
        """``IFS``; None where nothing is split."""
        self._done: list[Word] = []
        self._text: list[str] = []
        self._started = False
        self._known = True
        self._glob = False
        self._origins: tuple[Origin, ...] = ()
        """Where the word comes from, as :class:`Word` has it."""

    def add(self, text: str, *, glob: bool = False) -> None:
        """Unquoted literal text."""
        self._text.append(text)
        self._started = True
        self._glob = self._glob or glob

    def quote(self, text: str, *, known: bool = True, origins: tuple[Origin, ...] = ()) -> None:
        """Quoted text, or a value that is not split; ``origins`` as a word has them."""
        self._text.append(text)
        self._started = True
        self._known = self._known and known
        if origins:
            self._origins = united(self._origins, origins) if self._origins else origins

    def split_value(self, text: str, *, glob: bool) -> None:
        """An unquoted expansion's value."""
        separators = self._split
        if separators is None or not any(character in separators for character in text):
            if text:
                self.add(text, glob=glob and values.has_glob(text))
            return
        pieces = re.split(f"[{re.escape(separators)}]+" if separators else r"(?!)", text)
        for at, piece in enumerate(pieces[:MOST_FIELDS]):
            if at:
                self._flush()
            if piece:
                self.add(piece, glob=glob and values.has_glob(piece))

    def several(self, words: tuple[Word, ...], *, quoted: bool) -> None:
        """``$@``: one word each."""
        for at, word in enumerate(words[:MOST_FIELDS]):
            if at:
                if self._split is None:
                    self.quote(" ")
                else:
                    self._flush()
            if quoted or not word.known:
                self.quote(word.text, known=word.known, origins=word.origins)
            else:
                self.split_value(word.text, glob=True)

    def _flush(self) -> None:
        if self._started and len(self._done) < MOST_FIELDS:
            self._done.append(self.joined())
        self._text, self._started, self._known, self._glob, self._origins = [], False, True, False, ()

    def done(self) -> list[Word]:
        """The words made."""
        self._flush()
        return self._done

    def joined(self) -> Word:
        """All as one word."""
        return Word("".join(self._text), self._known, self._glob, self._origins)
