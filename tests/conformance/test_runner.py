"""The measuring itself: cases that agree, disagree and do not apply, of every format."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

RUN = Path(__file__).with_name("run.py")
LOADED = {
    "name": "f.yaml",
    "successful": True,
    "errors": [],
    "warnings": [],
    "schema_validation": "ok",
    "schema_warnings": [],
}
RULE = """- rule: r
  desc: d
  condition: tool.name = Bash
  output: o %tool.name
  priority: INFO
  source: coding_agent
"""
CASES: dict[str, Any] = {
    "parse": {
        "cases": [
            {"filter": "a or b", "expect": "ok", "ast_string": "(a or b)"},
            {"filter": "a or", "expect": "error", "message": "m", "error_pos": {"idx": 4}},
        ]
    },
    "probes": [{"expr": "x.y = a", "ok": True, "ast": "x.y = a"}],
    "types": {"cases": [{"filter": "x.y < 5", "expect": "error", "field_types": {"x.y": "BOOL"}}]},
    "values": {
        "cases": [
            {
                "filter": "x.y = a",
                "fields": {"x.y": {"type": "CHARBUF", "is_list": False, "value": "a"}},
                "expect": True,
                "portable": True,
            }
        ]
    },
    "matrix": {
        "field_types": {"t.s": "string"},
        "cases": [{"filter": "t.s = a", "fields": {"t.s": "b"}, "expect": False}],
    },
    "mock": {"boolean_mock": [{"test": "t", "filter": "c.true=1 and not c.false=1", "expect": True}]},
    "paths": {"cases": [{"search_paths": ["/a"], "path": "/a/b", "match": True}]},
    "escapes": {"cases": [{"op": "escape", "in_hex": "6120", "expect": "ok", "out_hex": "22612022", "out_latin1": ""}]},
    "transformers": {
        "cases": [
            {
                "test": "x.toupper",
                "input": ["a"],
                "input_type": "CHARBUF",
                "expected": ["A"],
                "expected_type": "CHARBUF",
                "list": False,
            }
        ]
    },
    "formats": {
        "cases": [
            {
                "format": "%tool.name",
                "fields": {"tool.name": "x"},
                "complete": True,
                "text": "x",
                "json_fields": {"tool.name": "x"},
                "json_complete": True,
            }
        ]
    },
    "rules": {
        "cases": [
            {
                "name": "n",
                "files": [{"name": "f.yaml", "content": RULE}],
                "events": [{"tool.name": "Bash"}],
                "options": {},
                "falco_0_44_1": {
                    "ok": True,
                    "files": [LOADED],
                    "matches": [[{"rule": "r", "priority": "Informational", "message": "o Bash", "tags": []}]],
                },
            }
        ]
    },
    "wildcards": {"some": [{"pattern": "a*", "text": "ab", "match": True}]},
}


def run(folder: Path, content: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    for name, cases in content.items():
        (folder / f"{name}.json").write_text(json.dumps(cases), "utf-8")
    return subprocess.run([sys.executable, str(RUN), str(folder)], capture_output=True, text=True, check=False)


def test_cases_of_every_format_are_recognised_and_agree(tmp_path: Path) -> None:
    done = run(tmp_path, CASES)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("100.00%") == len(CASES)
    assert "1 of 1 files have the same schema warnings" in done.stdout
    assert "not applicable, " not in done.stdout


@pytest.mark.parametrize(
    "cases",
    [
        [{"filter": "a or b", "expect": "ok", "ast_string": "(a and b)"}],
        [{"filter": "a or", "expect": "ok", "ast_string": "a"}],
        [{"search_paths": ["/a"], "path": "/a/b", "match": False}],
        [{"pattern": "a*", "text": "ab", "match": False}],
    ],
)
def test_a_disagreement_is_listed_and_fails_the_run(tmp_path: Path, cases: list[dict[str, Any]]) -> None:
    done = run(tmp_path, {"wrong": cases})
    assert done.returncode == 1
    assert "disagreed: " in done.stdout


def test_what_does_not_apply_is_listed_with_its_reason(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        {"odd": [{"filter": "x.y = 1", "expect": "ok", "field_types": {"x.y": "BYTEBUF"}}, {"shape": "unknown"}]},
    )
    assert done.returncode == 0
    assert "no field of a plugin source has type BYTEBUF" in done.stdout
    assert "the format of the case is not known" in done.stdout


def test_a_folder_without_cases_fails(tmp_path: Path) -> None:
    assert run(tmp_path, {}).returncode == 1
