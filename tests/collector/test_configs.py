"""The shipped configurations without the programs: what must hold whoever edits them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).parents[2] / "collector-config"
COLLECTORS = ("agent.yaml", "gateway.yaml")
EXPOSED = {"PREMPTI_OTLP_GRPC:-0.0.0.0:4317", "PREMPTI_OTLP_HTTP:-0.0.0.0:4318"}
"""The gateway's two receivers: other machines must reach them, and they authenticate."""

IN_CONTAINERS = {"docker-compose.team.yaml", "tempo.yaml"}
"""What listens within the container network; the next test is about what of it is published."""


def load(name: str) -> dict[str, Any]:
    found = yaml.safe_load((FOLDER / name).read_text())
    assert isinstance(found, dict)
    return found


def kinds(config: dict[str, Any], section: str) -> set[str]:
    return {name.partition("/")[0] for name in config.get(section, {})}


def test_the_builder_has_exactly_the_components_that_are_used() -> None:
    manifest = load("builder.yaml")
    for section in ("receivers", "processors", "exporters", "extensions"):
        built = {
            re.sub(r"(receiver|processor|exporter|extension)$", "", item["gomod"].split()[0].rpartition("/")[2])
            for item in manifest[section]
        }
        used = set().union(*(kinds(load(name), section) for name in COLLECTORS))
        assert built == {name.removesuffix("_grpc").replace("_", "") for name in used}, section


def test_all_components_are_of_one_version() -> None:
    manifest = load("builder.yaml")
    sections = ("receivers", "processors", "exporters", "extensions")
    versions = {item["gomod"].split()[1] for section in sections for item in manifest[section]}
    assert versions == {f"v{manifest['dist']['version']}"}
    assert f"cmd/builder@v{manifest['dist']['version']}" in (FOLDER / "builder.yaml").read_text()


@pytest.mark.parametrize("name", COLLECTORS)
def test_whatever_is_declared_is_in_a_pipeline(name: str) -> None:
    config = load(name)
    service = config["service"]
    for section in ("receivers", "processors", "exporters"):
        used = {item for pipeline in service["pipelines"].values() for item in pipeline.get(section, [])}
        assert used == set(config.get(section, {}))
    assert set(service["extensions"]) == set(config["extensions"])


@pytest.mark.parametrize("name", COLLECTORS)
def test_queues_are_on_disk_and_never_give_up(name: str) -> None:
    config = load(name)
    for exporter, settings in config["exporters"].items():
        if exporter.startswith("otlp"):
            queue = settings["sending_queue"]
            assert config["extensions"][queue["storage"]]["fsync"] is True
            assert queue["block_on_overflow"] is True
            assert settings["retry_on_failure"]["enabled"] is True
            assert settings["retry_on_failure"]["max_elapsed_time"] == 0


@pytest.mark.parametrize("name", COLLECTORS)
def test_nothing_in_a_pipeline_samples_or_says_yes_too_early(name: str) -> None:
    assert kinds(load(name), "processors") <= {"redaction", "memory_limiter"}


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.yaml")), ids=lambda path: path.name)
def test_what_listens_beyond_loopback_is_named_here(path: Path) -> None:
    text = re.sub(r"#.*", "", path.read_text())
    for found in re.findall(r"\S*(?:0\.0\.0\.0|\[::\])\S*", text):
        assert any(exposed in found for exposed in EXPOSED) or path.name in IN_CONTAINERS, found


@pytest.mark.parametrize("path", sorted(FOLDER.glob("docker-compose*.yaml")), ids=lambda path: path.name)
def test_containers_publish_ports_on_loopback_but_for_the_gateway(path: Path) -> None:
    for service, settings in load(path.name)["services"].items():
        assert re.fullmatch(r"[\w./-]+:v?\d[\w.-]*", settings["image"]), "images are pinned"
        for port in settings.get("ports", []):
            assert port.startswith("127.0.0.1:") or service == "gateway", f"{service}: {port}"
