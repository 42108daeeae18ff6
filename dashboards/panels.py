"""What dashboards are put together from: queries, panels, variables, as the dicts that Grafana reads.

Every panel says what it shows, in which unit, and takes its datasource from a variable. Must never name a metric or
an attribute: those are the pages' business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]

SCHEMA_VERSION = 41
"""Of Grafana's dashboard model (Grafana 12); later versions migrate it by themselves."""
COLUMNS = 24
TAG = "prempti"
_NO_DATA_IS_ZERO = "0"


@dataclass(frozen=True)
class Query:
    """One query of one datasource."""

    source: str
    """``prometheus``, ``loki`` or ``tempo``."""
    text: str
    legend: str = ""
    instant: bool = False
    exemplars: bool = False

    def as_json(self, ref: str) -> Json:
        """As a panel's target."""
        made: Json = {"refId": ref, "datasource": datasource(self.source)}
        if self.source == "tempo":
            return made | {"queryType": "traceql", "query": self.text, "limit": 100, "tableType": "traces"}
        made |= {"expr": self.text, "legendFormat": self.legend or "__auto"}
        if self.source == "loki":
            return made | {"queryType": "instant" if self.instant else "range", "maxLines": 500}
        return made | {
            "range": not self.instant,
            "instant": self.instant,
            "format": "table" if self.instant and self.legend == "" else "time_series",
            "exemplar": self.exemplars,
        }


def datasource(source: str) -> Json:
    """A reference to the variable that holds the datasource's uid."""
    return {"type": source, "uid": f"${{{source}}}"}


def metric(text: str, legend: str = "", *, instant: bool = False, exemplars: bool = False) -> Query:
    """A query in PromQL."""
    return Query("prometheus", text, legend, instant, exemplars)


def log(text: str, legend: str = "", *, instant: bool = False) -> Query:
    """A query in LogQL."""
    return Query("loki", text, legend, instant)


def trace(text: str) -> Query:
    """A query in TraceQL."""
    return Query("tempo", text)


@dataclass(frozen=True)
class Panel:
    """One panel; its place follows from its neighbours."""

    kind: str
    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    width: int = 12
    height: int = 8
    links: tuple[tuple[str, str, str], ...] = ()
    """(field, title, URL): where a value of that field leads."""
    colours: tuple[tuple[float | None, str], ...] = ((None, "blue"),)
    """Thresholds: from which value on which colour; the first from the beginning."""

    def as_json(self, number: int, x: int, y: int) -> Json:
        """At this place of a dashboard."""
        defaults: Json = {
            "unit": self.unit,
            "noValue": _NO_DATA_IS_ZERO if self.kind == "stat" else "no data",
            "color": {"mode": "thresholds" if self.kind == "stat" else "palette-classic"},
            "thresholds": {
                "mode": "absolute",
                "steps": [{"value": value, "color": colour} for value, colour in self.colours],
            },
        }
        overrides = [
            {
                "matcher": {"id": "byName", "options": field},
                "properties": [{"id": "links", "value": [{"title": title, "url": url}]}],
            }
            for field, title, url in self.links
        ]
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": datasource(self.queries[0].source),
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "fieldConfig": {"defaults": defaults, "overrides": overrides},
            "options": _OPTIONS.get(self.kind, {}),
            "targets": [query.as_json(chr(ord("A") + index)) for index, query in enumerate(self.queries)],
        }


_OPTIONS: dict[str, Json] = {
    "stat": {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value", "graphMode": "area"},
    "timeseries": {"legend": {"displayMode": "table", "placement": "right", "calcs": ["sum", "max"]}},
    "logs": {"showTime": True, "enableLogDetails": True, "sortOrder": "Descending", "wrapLogMessage": True},
    "table": {"showHeader": True},
    "bargauge": {"displayMode": "gradient", "orientation": "horizontal", "reduceOptions": {"calcs": ["lastNotNull"]}},
}


@dataclass(frozen=True)
class Row:
    """A heading and what stands below it."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Dashboard:
    """One page."""

    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]
    variables: tuple[Json, ...] = ()
    span: str = "now-24h"

    def as_json(self) -> Json:
        """As Grafana loads it."""
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": [TAG],
            "schemaVersion": SCHEMA_VERSION,
            "version": 1,
            "editable": True,
            "graphTooltip": 1,
            "refresh": "30s",
            "timezone": "browser",
            "time": {"from": self.span, "to": "now"},
            "links": [_LINKS],
            "templating": {"list": [*map(_datasource_variable, ("prometheus", "loki", "tempo")), *self.variables]},
            "panels": _laid_out(self.rows),
        }


_LINKS: Json = {
    "type": "dashboards",
    "title": TAG,
    "tags": [TAG],
    "asDropdown": False,
    "keepTime": True,
    "includeVars": True,
    "icon": "external link",
}


def _datasource_variable(source: str) -> Json:
    return {
        "name": source,
        "label": source.capitalize(),
        "type": "datasource",
        "query": source,
        "current": {"text": source.capitalize(), "value": source},
        "hide": 2,
    }


def choice(name: str, label: str, query: str) -> Json:
    """A variable with the values that a label has in Prometheus; all of them unless chosen."""
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": datasource("prometheus"),
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def text_box(name: str, label: str) -> Json:
    """A variable that a person or a link fills in."""
    empty = {"text": "", "value": ""}
    return {"name": name, "label": label, "type": "textbox", "query": "", "current": empty, "options": [empty]}


def _laid_out(rows: Sequence[Row]) -> list[Json]:
    made: list[Json] = []
    y = 0
    for row in rows:
        place = {"x": 0, "y": y, "w": COLUMNS, "h": 1}
        made.append({"id": len(made) + 1, "type": "row", "title": row.title, "gridPos": place, "collapsed": False})
        y += 1
        x = height = 0
        for panel in row.panels:
            if x + panel.width > COLUMNS:
                x, y, height = 0, y + height, 0
            made.append(panel.as_json(len(made) + 1, x, y))
            x += panel.width
            height = max(height, panel.height)
        y += height
    return made
