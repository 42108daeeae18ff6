"""Every query of the dashboards, by the program or the grammar that will read it."""

from __future__ import annotations

import json
import re
import subprocess
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.stack.conftest import until
from tests.support import stack_programs
from tests.support.stack import Stack, fetch
from tests.support.stack_calls import Call

DASHBOARDS = stack_programs.ROOT / "dashboards"
PARSERS = ("@grafana/lezer-logql@0.4.2", "@grafana/lezer-traceql@1.0.0", "@lezer/lr@1.4.10")
VARIABLES = {"__rate_interval": "1m", "__interval": "1m", "__range": "1h", "session": "s-1"}
NEEDS_TROUBLE = {"prempti_export_failures_total"}
"""Counters of what does not happen in these tests: their panels are empty, and say so."""


def queries(kind: str) -> Iterator[tuple[str, str]]:
    """(panel, query) with Grafana's variables filled in: ``.*`` for those that a person chooses."""
    for path in sorted(DASHBOARDS.glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", []):
                if target["datasource"]["type"] == kind:
                    text = target["query" if kind == "tempo" else "expr"]
                    filled = re.sub(r"\$(\w+)", lambda name: VARIABLES.get(name[1], ".*"), text)
                    yield f"{path.stem}: {panel['title']}", filled


def wrong(asked: list[tuple[str, str]]) -> list[Any]:
    """What Grafana's grammars do not understand."""
    place = stack_programs.node_modules(*PARSERS)
    script = Path(__file__).parent / "parse_queries.mjs"
    done = subprocess.run(
        ["node", script, place], input=json.dumps(asked), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    return found


def test_grafanas_grammars_understand_every_query() -> None:
    asked = [(kind, query) for kind in ("loki", "tempo") for _, query in queries(kind)]
    assert {kind for kind, _ in asked} == {"loki", "tempo"}
    assert wrong(asked) == []


@pytest.mark.parametrize(("kind", "query"), [("loki", '{a="b"} | | c="d"'), ("tempo", "{ span.a = = 1 }")])
def test_grafanas_grammars_refuse_what_is_wrong(kind: str, query: str) -> None:
    assert wrong([(kind, query)])


@pytest.fixture(scope="session")
def prometheus(stack: Stack, made: list[Call]) -> str:
    """A Prometheus that has scraped what the calls counted, more than once."""
    base = stack.start_prometheus()
    until(lambda: len(ask(base, "prempti_decisions_total[1m]")) > 0)
    until(lambda: all(len(found["values"]) > 2 for found in ask(base, "prempti_decisions_total[1m]")))
    until(lambda: len(ask(base, "prempti_export_backlog")) > 0)
    return base


def ask(base: str, query: str) -> list[dict[str, Any]]:
    """What Prometheus finds now."""
    found = fetch(f"{base}/api/v1/query?{urllib.parse.urlencode({'query': query, 'time': time.time()})}")
    assert found["status"] == "success"
    result: list[dict[str, Any]] = found["data"]["result"]
    return result


@pytest.mark.parametrize(("panel", "query"), list(queries("prometheus")), ids=lambda text: text[:50])
def test_prometheus_has_data_for_every_panel(prometheus: str, panel: str, query: str) -> None:
    found = ask(prometheus, query)
    if any(name in query for name in NEEDS_TROUBLE):
        return
    assert found, query


def test_prometheus_counts_what_was_called(prometheus: str, made: list[Call]) -> None:
    denied = sum(call.denied for call in made)
    until(lambda: [item["value"][1] for item in ask(prometheus, SUM_OF_DENIED)] == [str(denied)])


SUM_OF_DENIED = 'sum(prempti_decisions_total{prempti_verdict="deny"})'
