"""The dashboards without Grafana: what a panel must have, and that no query asks for what is never sent."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboards import generate
from dashboards.schema import FOREIGN, label, series
from prempti_otel.telemetry import names

FOLDER = Path(__file__).parents[2] / "dashboards"
FILES = sorted(FOLDER.glob("*.json"))
DATASOURCES = {"prometheus", "loki", "tempo"}
# Words of the three languages, and Grafana's and Loki's own fields.
PROMQL = {"sum", "by", "increase", "rate", "or", "vector", "count", "topk", "sort_desc", "histogram_quantile", "max"}
LOGQL = {"sum", "by", "count_over_time", "sum_over_time", "unwrap"}
TRACEQL = {"select", "event", "name"}

SERIES = {
    series(name, part)
    for name, declared in names.METRICS.items()
    for part in (("bucket", "count", "sum") if declared.instrument == "histogram" else ("",))
}
METRIC_LABELS = {label(name) for metric in names.METRICS.values() for name in metric.attributes}
RESOURCE = {name for name, declared in names.ATTRIBUTES.items() if names.Place.RESOURCE in declared.places}
LABELS = {label(name) for name in names.ATTRIBUTES}


def load(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_text())
    assert isinstance(found, dict)
    return found


def panels(path: Path) -> Iterator[dict[str, Any]]:
    for panel in load(path)["panels"]:
        if panel["type"] != "row":
            yield panel


def queries(kind: str) -> list[tuple[str, str]]:
    """(where, query) of each query in one language."""
    return [
        (f"{path.stem}: {panel['title']}", target["query" if kind == "tempo" else "expr"])
        for path in FILES
        for panel in panels(path)
        for target in panel["targets"]
        if target["datasource"]["type"] == kind
    ]


def words(query: str) -> set[str]:
    """Names outside of quoted text, of durations and of Grafana's variables."""
    bare = re.sub(r'"[^"]*"|\[[^\]]*\]|\$\w+', " ", query)
    return set(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", bare))


def test_the_files_are_what_the_generator_makes() -> None:
    made = generate.texts()
    assert {path.name: path.read_text() for path in FILES} == made, "run make dashboards"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_panel_says_what_it_shows_and_takes_its_datasource_from_a_variable(path: Path) -> None:
    for panel in panels(path):
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["targets"]
        for source in (panel["datasource"], *(target["datasource"] for target in panel["targets"])):
            assert source["uid"] == f"${{{source['type']}}}"
            assert source["type"] in DATASOURCES


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_datasource_variables_begin_with_the_uids_of_the_stack(path: Path) -> None:
    variables = {item["name"]: item for item in load(path)["templating"]["list"]}
    for source in DATASOURCES:
        assert variables[source]["type"] == "datasource"
        assert variables[source]["current"]["value"] == source


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_variable_that_a_query_names_is_declared(path: Path) -> None:
    declared = {item["name"] for item in load(path)["templating"]["list"]} | {
        "__interval",
        "__range",
        "__rate_interval",
    }
    for panel in panels(path):
        for target in panel["targets"]:
            assert set(re.findall(r"\$(\w+)", target.get("expr", target.get("query")))) <= declared


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_panels_neither_overlap_nor_leave_the_page(path: Path) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in load(path)["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells


def test_links_lead_to_dashboards_and_variables_that_exist() -> None:
    known = {load(path)["uid"]: {item["name"] for item in load(path)["templating"]["list"]} for path in FILES}
    found = re.findall(r"/d/([\w-]+)\?var-(\w+)=", "".join(path.read_text() for path in FILES))
    assert found
    for uid, variable in found:
        assert variable in known[uid]
    for path in FILES:
        assert load(path)["links"], "each dashboard links to the others"


@pytest.mark.parametrize(("where", "query"), queries("prometheus"), ids=lambda text: text[:60])
def test_promql_names_metrics_and_labels_of_the_schema(where: str, query: str) -> None:
    known = SERIES | METRIC_LABELS | {label(name) for name in RESOURCE} | FOREIGN | PROMQL
    assert words(query) <= known


@pytest.mark.parametrize(("where", "query"), queries("loki"), ids=lambda text: text[:60])
def test_logql_names_attributes_and_events_of_the_schema(where: str, query: str) -> None:
    assert words(query) <= LABELS | FOREIGN | LOGQL
    events = set(re.findall(r"[a-z]+(?:[._][a-z]+)+", " ".join(re.findall(r'event_name=~?"([^"]*)"', query))))
    assert events <= set(names.LOG_EVENTS) | {"hook_execution_complete"}


@pytest.mark.parametrize(("where", "query"), queries("tempo"), ids=lambda text: text[:60])
def test_traceql_names_attributes_of_the_schema(where: str, query: str) -> None:
    bare = re.sub(r'"[^"]*"', " ", query)
    named = re.findall(r"\b(resource|span|event)\.([\w.]+)", bare)
    assert named
    for scope, name in named:
        assert name in names.ATTRIBUTES
        assert (name in RESOURCE) == (scope == "resource")
    assert words(re.sub(r"\b(?:resource|span|event)\.[\w.]+", " ", bare)) <= TRACEQL


@pytest.mark.parametrize("text", ["sum(prempti_decision_total)", "rate(prempti_decisions_total{verdict=~'x'}[1m])"])
def test_a_name_that_is_not_in_the_schema_would_be_found(text: str) -> None:
    assert not words(text) <= SERIES | METRIC_LABELS | FOREIGN | PROMQL
