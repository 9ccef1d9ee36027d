"""The log contains events with fields, and no values from callers."""

from __future__ import annotations

import json
import os
import re
import signal
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from inference.access.api_key import make_key
from support.models.artifacts import MEASUREMENTS, penguins
from support.service.process import Service, eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow

RECORD = dict(zip(MEASUREMENTS, [39.12345, 18.7, 181.0, 3750.0], strict=True))


def _events(service: Service) -> list[dict[str, Any]]:
    whole, _, _ = service.log.rpartition("\n")  # the last line may still be written
    return [json.loads(line) for line in whole.splitlines()]


def test_each_event_is_logged_as_one_object(make_service: Callable[..., Service]) -> None:
    service = make_service(log_format="json", log_requests=True).start()
    service.put("m/1/model.onnx", penguins())
    service.wait_for("m", state="ready")
    service.put("m/2/model.onnx", b"no model")
    service.wait_for("m", quarantined=[{"version": 2, "reason": _REASON}])
    identity = {"x-request-id": "mine"}
    service.client.post("/select-model/?model=m", headers=identity).raise_for_status()
    service.client.post("/predict/", json=RECORD, headers=identity).raise_for_status()
    service.client.post("/predict/", json=RECORD | {"bill_length_mm": "39.12345x"})
    eventually(lambda: sum(e.get("path") == "/predict/" for e in _events(service)) == 2)

    events = {e["event"]: e for e in _events(service) if "event" in e}
    assert {"load", "swap", "quarantine", "choice", "request"} <= set(events)
    assert (events["swap"]["model"], events["swap"]["version"]) == ("m", 1)
    assert events["quarantine"]["reason"] == _REASON
    choice = events["choice"]
    assert (choice["request"], choice["choice"]) == ("mine", "selection")
    assert choice["after"] == {"model": "m"}
    asked = [e for e in _events(service) if e.get("path") == "/predict/"]
    assert [e["status"] for e in asked] == [200, 422]
    assert asked[0]["request"] == "mine"
    assert "39.12345" not in service.log


@pytest.mark.parametrize("log_format", ["json", "text"])
@pytest.mark.parametrize("direct", ["true", "false"])
def test_every_answered_request_is_logged_in_order_before_the_service_ends(
    make_service: Callable[..., Service], log_format: str, direct: str
) -> None:
    service = make_service(log_format=log_format, log_requests=True, direct=direct).start()
    for number in range(100):
        path = "/models/none/predict" if number % 10 else "/none"
        service.client.post(path, json=RECORD, headers={"x-request-id": f"n-{number}"})
    service.stop()  # within the 50 ms that a line may wait
    wanted = (
        r'"request": "n-(\d+)".*"status": 404'
        if log_format == "json"
        else r": 404 .*\(request n-(\d+)\)"
    )
    assert re.findall(wanted, service.log) == [str(number) for number in range(100)]


_REASON = "the file is not an ONNX model, or it is truncated"


def test_a_flood_of_refusals_leaves_a_short_log(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    _, line = make_key("me", ["predict"])
    keys.write_text(line + "\n")
    service = make_service(api_keys_file=keys).start()
    path = "/models/" + "x" * 5000
    for _ in range(300):
        assert service.client.get(path).status_code == 401
    assert len(service.log) < 40_000
    assert "x" * 201 not in service.log


def test_what_happens_once_is_logged_once_by_all_workers(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    """Each of the workers scans, loads, swaps, refuses, and reads the keys."""
    keys = tmp_path / "keys"
    key, line = make_key("me", ["predict", "admin"])
    keys.write_text(line + "\n")
    service = make_service(workers=3, api_keys_file=keys, rescan_seconds=0.2)
    service.models.rmdir()
    service.start()
    service.client.headers["x-api-key"] = key
    service.put("m/1/model.onnx", penguins())
    service.wait_for("m", active_version=1)
    service.put("m/2/model.onnx", b"no model")
    (service.models / "m" / "1" / "model.onnx").unlink()
    once = [
        "is not there; it is waited for",
        "model m version 1 was loaded in ",
        "model m version 1 is live (",
        "model m version 2 is quarantined: ",
        "model m version 1 was removed from the folder",
    ]
    eventually(lambda: all(text in service.log for text in once), what="every line")
    _, other = make_key("other", ["predict"])
    keys.write_text(f"{line}\n{other}\n")
    for _ in range(60):  # so that each worker is asked, and reads the keys
        url = service.client.base_url
        with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
            assert client.get("/models", headers={"x-api-key": key}).status_code == 200
    once.append("API keys read: me, other")
    eventually(lambda: once[-1] in service.log)
    assert service.stop() == 0
    assert {text: service.log.count(text) for text in once} == dict.fromkeys(once, 1)


def test_lines_are_for_people_and_hold_nothing_of_python(
    make_service: Callable[..., Service],
) -> None:
    service = make_service(workers=2, rescan_seconds=0.2)
    service.models.rmdir()
    service.start()
    service.put("m/1/model.onnx", penguins())
    service.wait_for("m", state="ready")
    for path in ("?model=m", "?model=m&version=1"):
        service.client.post(f"/select-model/{path}").raise_for_status()
    for version in (1, "latest"):
        service.client.put("/models/m/active", json={"version": version}).raise_for_status()
    for change in ("unload", "load"):
        service.client.post(f"/v2/repository/models/m/{change}").raise_for_status()
    os.kill(service.worker_pids[0], signal.SIGKILL)
    eventually(lambda: "it is replaced" in service.log)
    assert service.stop() == 0
    for text in (
        "the selected model changed from none to m",
        "the selected model changed from m to m version 1",
        "the pinned versions changed from none to m version 1",
        "the unloaded models changed from m to none",
        "was ended by SIGKILL",
    ):
        assert text in service.log
    assert (
        re.findall(r"PosixPath|Selection\(|<\w+|None|\w+Error|os error|\{\}|\[\]", service.log)
        == []
    )
