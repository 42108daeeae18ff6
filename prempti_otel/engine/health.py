"""What is wrong with the guard right now, a sentence each. Nothing degrades in silence."""

from __future__ import annotations

import logging
import threading
import traceback
from dataclasses import dataclass

from prempti_otel.errors import PremptiError

log = logging.getLogger("prempti.engine")

_MAX_NEWS = 100


@dataclass(frozen=True, slots=True)
class News:
    """A part went bad, or well again."""

    part: str
    sentence: str
    """Empty where the part works again."""


class Health:
    """Named troubles. Raised and cleared by the part that has them; safe for all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._troubles: dict[str, str] = {}
        self._news: list[News] = []
        self._sentences: tuple[str, ...] = ()

    def trouble(self, part: str, sentence: str) -> None:
        """``part`` is degraded for this reason; logged when it is news."""
        with self._lock:
            if self._troubles.get(part) == sentence:
                return
            self._troubles[part] = sentence
            self._tell(News(part, sentence))
        log.warning("%s degraded: %s", part, sentence)

    def well(self, part: str) -> None:
        """``part`` works (again)."""
        if part not in self._troubles:
            return
        with self._lock:
            if self._troubles.pop(part, None) is None:
                return
            self._tell(News(part, ""))
        log.info("%s works again", part)

    def sentences(self) -> tuple[str, ...]:
        """All troubles, sorted by part; empty where all is well."""
        return self._sentences

    def take_news(self) -> list[News]:
        """What changed since this was last asked, oldest first; to be recorded."""
        with self._lock:
            news, self._news = self._news, []
        return news

    def _tell(self, news: News) -> None:
        self._sentences = tuple(self._troubles[part] for part in sorted(self._troubles))
        self._news.append(news)
        del self._news[:-_MAX_NEWS]


_told: set[str] = set()


def describe(error: BaseException) -> str:
    """A sentence on ``error``. One that is not meant for people may quote secrets: then only its type is told.

    Where in the code it happened goes to the engine's log, once for each place; its message does not.
    """
    if isinstance(error, PremptiError):
        return error.diagnostics()
    frames = f"{type(error).__name__}\n" + "".join(traceback.format_tb(error.__traceback__))
    if frames not in _told and len(_told) < _MAX_NEWS:
        _told.add(frames)
        log.error("failed inside the engine: %s", frames)
    return f"internal failure ({type(error).__name__}); the engine's log has more"
