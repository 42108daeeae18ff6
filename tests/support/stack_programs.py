"""The real programs behind OTLP: built from Go modules once and kept, or found on the machine.

Nothing is skipped in silence: what is missing is named together with how it is installed. As a program
(``make stack``) it only builds. A build that was cut short is gone on with the next time.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "collector-config"
MANIFEST = CONFIGS / "builder.yaml"
CACHE = ROOT / ".cache" / "stack"
JAEGER_VERSION = "v1.76.0"
"""Of the Go module, which still counts as v1: ``cmd/jaeger`` in it is Jaeger 2.13."""
_MODULE = "github.com/jaegertracing/jaeger"
_BUILD_SECONDS = 3000
_NPM_SECONDS = 300


def collector() -> Path:
    """The OpenTelemetry Collector as the builder manifest has it; one build for each state of the manifest."""
    text = MANIFEST.read_text()
    place = CACHE / f"otelcol-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    program = place / "prempti-otelcol"
    if not program.exists():
        version = re.search(r"cmd/builder@(\S+)", text)
        assert version, "the manifest names the builder's version"
        _go("install", f"go.opentelemetry.io/collector/cmd/builder@{version[1]}")
        manifest = CACHE / "builder.yaml"
        unfinished = place.with_suffix(".unfinished")
        manifest.write_text(text.replace("./otelcol", str(unfinished)))
        _run([str(CACHE / "bin" / "builder"), "--config", str(manifest)], CACHE)
        shutil.rmtree(place, ignore_errors=True)
        unfinished.rename(place)
    return program


def jaeger() -> Path:
    """Jaeger v2 without its UI, which the Go module does not have.

    ``go install`` refuses the module, for its ``replace`` line; so it is built where its own go.mod and go.sum are.
    """
    place = CACHE / f"jaeger-{JAEGER_VERSION}"
    program = place / "jaeger"
    if not program.exists():
        _go("mod", "download", f"{_MODULE}@{JAEGER_VERSION}")
        source = CACHE / "gopath" / "pkg" / "mod" / f"{_MODULE}@{JAEGER_VERSION}"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(source, place)
        # -modcacherw leaves folders writable, but not the files.
        for folder in [place, *(path for path in place.rglob("*") if path.is_dir())]:
            folder.chmod(0o755)
        unfinished = place / "jaeger.unfinished"
        _go("build", "-ldflags=-s -w", "-o", str(unfinished), "./cmd/jaeger", cwd=place)
        unfinished.rename(program)
    return program


def prometheus(program: str = "prometheus") -> Path:
    """Debian's Prometheus, or its ``promtool``."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed: sudo apt install prometheus")
    return Path(found)


def node_modules(*packages: str) -> Path:
    """A folder with these packages (NAME@VERSION) from npm installed in it."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("Node.js with npm is not installed: https://nodejs.org")
    place = CACHE / f"node-{hashlib.sha256(' '.join(packages).encode()).hexdigest()[:16]}"
    if not (place / "node_modules").is_dir():
        place.mkdir(parents=True, exist_ok=True)
        command = [npm, "install", "--prefix", str(place), "--ignore-scripts", "--no-audit", "--no-fund", *packages]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_NPM_SECONDS)
        if done.returncode:
            shutil.rmtree(place)
            pytest.fail(f"npm cannot install {', '.join(packages)}: {done.stderr[-2000:]}")
    return place


def _go(*arguments: str, cwd: Path = CACHE) -> None:
    _run(["go", *arguments], cwd)


def _run(command: list[str], cwd: Path) -> None:
    if shutil.which("go") is None:
        pytest.skip("Go is not installed: https://go.dev/doc/install (1.25 or later)")
    CACHE.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {
        "GOPATH": str(CACHE / "gopath"),
        "GOBIN": str(CACHE / "bin"),
        "GOCACHE": str(CACHE / "gocache"),
        "GOFLAGS": "-buildvcs=false -modcacherw",
        "CGO_ENABLED": "0",
    }
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=_BUILD_SECONDS
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"


def main() -> int:
    """Build what is not built yet; the exit status."""
    for build in (collector, jaeger):
        try:
            print(build())
        except (pytest.skip.Exception, AssertionError, subprocess.TimeoutExpired) as error:
            print(f"{build.__name__} cannot be built: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
