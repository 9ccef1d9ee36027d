"""What happens is told as events with fields, and nothing of callers' values is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from artefacts import MEASUREMENTS, penguins
from inference.web.access.key import make_key
from service_process import Service, eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RECORD = dict(zip(MEASUREMENTS, [39.12345, 18.7, 181.0, 3750.0], strict=True))


def _events(service: Service) -> list[dict[str, Any]]:
    return [json.loads(line) for line in service.log.splitlines()]


def test_each_event_is_one_object(make_service: Callable[..., Service]) -> None:
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
