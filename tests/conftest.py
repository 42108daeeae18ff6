"""Settings of the property tests.

Examples are as slow as the machine is busy, so no time of theirs is a failure. On a CI server the examples are the
same at each run, so that a change is judged by itself; everywhere else each run looks for new ones.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "prempti",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("prempti")
