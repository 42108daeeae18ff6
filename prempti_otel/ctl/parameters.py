"""Types of arguments that several commands take. What they let through, store and clock can hold."""

from __future__ import annotations

import math
from typing import Any

import click

SEQ = click.IntRange(min=1, max=2**63 - 1)
"""The number of a record: as large as SQLite's integers are."""


class _Days(click.FloatRange):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """As click does it, for which NaN lies in every range."""
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a number of days.", param, ctx)
        return number


DAYS = _Days(min=0, max=36_500, min_open=True)
"""How far back: more than nothing, at most a hundred years."""
