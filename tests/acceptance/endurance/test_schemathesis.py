"""Schemathesis, which makes requests out of the OpenAPI document, finds nothing.

``FUZZ_REQUESTS`` says how many requests it makes, about; ``make endure`` lets it make 10,000.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.amount import amount
from support.models import artifacts
from support.models.oip_models import identity, several
from support.service.process import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMATHESIS = str(Path(sys.executable).with_name("schemathesis"))
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_schema_conformance,response_headers_conformance"
)
# Some hundred requests are made of each route's description, before chance makes others.
REQUESTS = amount("FUZZ_REQUESTS", 150)
EXAMPLES = max(5, REQUESTS // 25)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120 + 8 * EXAMPLES)]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Serve models that all answer, since a model that does not is a 503, which is no fault."""
    made = Service(tmp_path_factory.mktemp("schemathesis"))
    made.put("penguins/1/model.onnx", artifacts.penguins(1))
    made.put("penguins/2/model.onnx", artifacts.penguins(2))
    made.put("mixed.onnx", artifacts.mixed())
    made.put("id-fp32.onnx", identity("FP32"))
    made.put("several.onnx", several())
    try:
        yield made.start(within=120)
    finally:
        made.stop()


def run(service: Service, *options: str) -> str:
    command: list[str] = [
        *(SCHEMATHESIS, "run", str(service.client.base_url.join("/openapi.json"))),
        *("--checks", CHECKS, "--max-examples", str(EXAMPLES), "--seed", "7", "--no-color"),
        *("--request-timeout", "20", "--generation-database", "none"),
        *options,
    ]
    kept = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=100 + 8 * EXAMPLES,
        check=False,
        env=kept,
        cwd=service.root,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_finds_nothing_in_what_asks(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    report = run(service, "--exclude-path-regex", "load$")
    made = re.search(r"(\d+) generated", report)
    assert made is not None
    assert int(made[1]) >= REQUESTS, report
    with capsys.disabled():
        sys.stdout.write(report[report.index("SUMMARY") :])


def test_finds_nothing_in_what_loads_and_unloads(service: Service) -> None:
    run(service, "--include-path-regex", "^/v2/repository/models/.*load$")
