"""A clock that is put forward or back: nothing but the log's times may follow it."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from support.models.artifacts import penguins
from support.service.process import Service, eventually
from support.service.raw_http import Raw, request

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow

ROW = b"[39.1, 18.7, 181.0, 3750.0]"
ASKED = request("/models/m/predict", ROW)
YEAR = 366 * 86_400
# Replaces the clock of the whole process before anything of the service is imported.
_CLOCK = """
import time
from pathlib import Path

_real, _file = time.time, Path({file!r})

def jumping():
    return _real() + float(_file.read_text() or 0)

time.time = jumping
time.time_ns = lambda: int(jumping() * 1e9)
"""


@pytest.mark.parametrize("jump", [YEAR, -YEAR])
def test_a_clock_that_jumps_disturbs_neither_requests_nor_models(
    make_service: Callable[..., Service],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    jump: int,
) -> None:
    offset = tmp_path / "offset"
    offset.write_text("0")
    (tmp_path / "sitecustomize.py").write_text(_CLOCK.format(file=str(offset)))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    service = make_service(head_seconds=30, body_seconds=30, deadline_seconds=30)
    service.put("m/1/model.onnx", penguins())
    service.start()
    with Raw(str(service.client.base_url)) as kept, Raw(str(service.client.base_url)) as begun:
        assert kept.ask(ASKED).json()["version"] == 1
        begun.send(ASKED[:-5])
        offset.write_text(str(jump))
        assert kept.ask(ASKED).json()["version"] == 1
        assert begun.ask(ASKED[-5:]).json()["version"] == 1
    service.put("m/2/model.onnx", penguins(seed=2))
    service.wait_for("m", active_version=2)
    service.put("m/3/model.onnx", penguins()[:700])
    eventually(lambda: service.model("m")["quarantined"])
    assert service.client.post("/select-model/?model=m").json()["active_version"] == 2
    offset.write_text("0")  # and back
    service.put("m/4/model.onnx", penguins(seed=4))
    service.wait_for("m", active_version=4)
    expected = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=jump)
    assert f"\n{expected.year}-" in service.log, "the clock has really jumped"
    assert "Traceback" not in service.log
