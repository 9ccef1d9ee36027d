"""The profile ``monitor`` of compose.yml, as compose reads it; no image is fetched."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.project import ROOT

NAMES = ("prometheus", "grafana")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """Let compose render its configuration."""
    if shutil.which("docker") is None:
        pytest.skip("docker is not installed")
    done = subprocess.run(
        ["docker", "compose", "--profile", "monitor", "config", "--format", "json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rendered: dict[str, Any] = json.loads(done.stdout)["services"]
    return rendered


def test_monitoring_starts_only_with_its_profile(services: dict[str, Any]) -> None:
    assert set(services) == {"api", "jupyter", *NAMES}
    assert all(services[name]["profiles"] == ["monitor"] for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_monitoring_is_confined(services: dict[str, Any], name: str) -> None:
    service = services[name]
    assert [port["host_ip"] for port in service["ports"]] == ["127.0.0.1"]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["mem_limit"]
    image, _, tag = service["image"].partition(":")
    assert image
    assert tag.strip("v").replace(".", "").isdecimal()


@pytest.mark.parametrize("name", NAMES)
def test_what_is_mounted_is_there(services: dict[str, Any], name: str) -> None:
    bound = [mount for mount in services[name]["volumes"] if mount["type"] == "bind"]
    assert len(bound) == 2
    assert all(Path(mount["source"]).exists() and mount["read_only"] for mount in bound)


def test_grafana_shows_nothing_to_visitors_and_calls_no_other_machine(
    services: dict[str, Any],
) -> None:
    environment = services["grafana"]["environment"]
    assert environment["GF_AUTH_ANONYMOUS_ENABLED"] == "false"
    assert environment["GF_ANALYTICS_REPORTING_ENABLED"] == "false"
