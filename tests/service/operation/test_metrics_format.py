"""``GET /metrics`` has the documented names, in a format that Prometheus accepts, in few bytes."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from support.models.artifacts import MEASUREMENTS, penguins
from support.project import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.service.process import Service

pytestmark = pytest.mark.long

GOOD = dict(zip(MEASUREMENTS, (39.1, 18.7, 181.0, 3750.0), strict=True))


def test_every_metric_is_on_the_reference_page(make_service: Callable[..., Service]) -> None:
    service = make_service().start()
    text = service.client.get("/metrics").text
    shown = {line.split()[2]: line.split()[3] for line in text.splitlines() if "# TYPE" in line}
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text()
    assert shown == dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", page, re.MULTILINE))


def test_prometheus_own_check_finds_nothing_wrong(make_service: Callable[..., Service]) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: apt-get install prometheus)")
    service = make_service()
    service.put("m/1/model.onnx", penguins())
    service.start()
    service.client.post("/models/m/predict", json=GOOD | {"body_mass_g": 99_999.0})
    service.client.post("/models/m/predict", json={})
    service.client.post("/select-model/?model=m")
    text = service.client.get("/metrics").content
    done = subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_eight_models_take_few_bytes(make_service: Callable[..., Service]) -> None:
    """A histogram of every phase took 241 KB.

    The lines of help and type are left out: each new metric adds some, but models add none.
    """
    service = make_service()
    for number in range(8):
        service.put(f"model-{number}/1/model.onnx", penguins(note=str(number)))
    service.start()
    for number in range(8):
        path = f"/models/model-{number}"
        (wanted,) = service.client.get(f"/v2{path}").json()["inputs"]
        row = {**wanted, "shape": [1, 4], "data": [list(GOOD.values())]}
        for body in (GOOD, [GOOD] * 9, {}, GOOD | {"body_mass_g": 99_999.0}):
            service.client.post(f"{path}/predict", json=body)
        service.client.post(f"/v2{path}/infer", json={"inputs": [row]}).raise_for_status()
        assert service.client.post(f"/v2{path}/infer", json={}).status_code == 400
    lines = service.client.get("/metrics").content.splitlines(keepends=True)
    series = [line for line in lines if not line.startswith(b"#")]
    assert sum(map(len, series)) < 241_000 / 3
