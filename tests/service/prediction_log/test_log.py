"""What the service answers is in the prediction log, whatever happens to its processes and disk."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from inference.access.api_key import make_key
from support.answers.kinds import ROW, ROWS
from support.models.artifacts import images, penguins
from support.monitoring.logged import filed, journaled
from support.service.mounts import mounted
from support.service.process import Service, eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.long


def serving(make_service: Callable[..., Service], **settings: object) -> Service:
    service = make_service(**settings)
    service.put("penguins/1/model.onnx", penguins())
    service.start()
    service.wait_for("penguins", state="ready")
    return service


def predict(service: Service, rows: object = ROW) -> str:
    """Ask over a connection of its own, which any worker may take; return the request's id."""
    url = f"{service.client.base_url}/models/penguins/predict"
    answer = httpx.post(url, json=rows, trust_env=False, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.headers["x-request-id"]


def logged(log: Path) -> list[dict[str, Any]]:
    """Return all rows: a stop does not wait for files on a busy machine.

    A stop may also end the process that has written a file, and not yet removed its journal.
    """
    journals = journaled(log)  # first, for what becomes a file meanwhile
    rows = filed(log)
    known = {(row["request_id"], row["row"]) for row in rows}
    return rows + [r for r in journals if (r["request_id"], r["row"]) not in known]


def lost(service: Service) -> str:
    metrics = service.client.get("/metrics").text
    lines = [m for m in metrics.splitlines() if m.startswith("inference_prediction_log_lost")]
    return "\n".join(lines)


def test_rows_of_all_workers_are_logged_once(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    service = serving(make_service, prediction_log=log, workers=2, prediction_log_file_seconds=1)
    ids = [predict(service) for _ in range(40)]
    eventually(lambda: len(filed(log)) >= 1)
    ids += [predict(service, ROWS) for _ in range(40)]
    eventually(lambda: len(filed(log)) + len(journaled(log)) == 120)
    service.stop()

    rows = logged(log)
    assert sorted((row["request_id"], row["row"]) for row in rows) == sorted(
        (one, row) for at, one in enumerate(ids) for row in range(1 if at < 40 else 2)
    )
    assert len({row["request_id"].split("-")[0] for row in rows}) == 2, "of both workers"


def test_a_killed_worker_loses_at_most_a_second(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    service = serving(make_service, prediction_log=log, workers=1)
    answered: list[tuple[float, str]] = []
    deadline = time.monotonic() + 2.5
    while time.monotonic() < deadline:
        answered.append((time.monotonic(), predict(service)))
    (worker,) = service.worker_pids
    old: set[str] = set()

    def are_written() -> bool:
        nonlocal old
        old = {one for at, one in answered if at < time.monotonic() - 1}
        return old <= {row["request_id"] for row in logged(log)}

    eventually(are_written, within=5, what="what is older than a second")  # at once, if it may run
    os.kill(worker, signal.SIGKILL)
    eventually(lambda: service.worker_pids not in ([], [worker]))
    last = predict(service)
    service.stop()

    ids = [row["request_id"] for row in logged(log)]
    assert old
    assert old <= set(ids)
    assert last in ids
    assert len(ids) == len(set(ids))


def test_a_full_disk_does_not_touch_serving(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with mounted(log):
        service = serving(make_service, prediction_log=log, prediction_log_file_seconds=3600)
        rows = [ROW] * 2000
        eventually(lambda: predict(service, rows) and 'reason="full"' in lost(service), within=60)
        assert service.client.get("/readyz").status_code == 200
        service.stop()
    assert service.log.count("No space left on device") >= 1
    assert service.log.count("rows are lost") <= 2, "the journal, and its compaction"


def test_a_folder_that_cannot_be_made_does_not_touch_serving(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    service = serving(make_service, prediction_log=tmp_path / "file" / "log")

    predict(service)
    eventually(lambda: 'reason="error"' in lost(service) or 'reason="gone"' in lost(service))
    predict(service)
    eventually(lambda: "rows are lost" in service.log)  # behind the count
    assert service.log.count("rows are lost") == 1


def test_the_secret_of_a_key_is_nowhere_in_the_log(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    log, (key, line) = tmp_path / "log", make_key("ci", ["predict"])
    (tmp_path / "keys").write_text(f"{line}\n")
    service = make_service(prediction_log=log, api_keys_file=tmp_path / "keys")
    service.put("penguins/1/model.onnx", penguins())
    service.start()
    headers = {"Authorization": f"Bearer {key}"}

    def is_answered() -> bool:
        answer = service.client.post("/models/penguins/predict", json=ROW, headers=headers)
        return answer.status_code == 200

    eventually(is_answered)
    service.stop()
    assert [row["key_id"] for row in logged(log)] == ["ci"]
    written = b"".join(path.read_bytes() for path in log.rglob("*") if path.is_file())
    assert key.encode() not in written
    assert line.split(":")[-1].encode() not in written


def test_a_sample_is_unbiased_and_whole(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    service = serving(make_service, prediction_log=log, prediction_log_sample=0.25)
    for number in range(1200):
        row = [30 + number % 2, *ROW[1:]]
        answer = service.client.post("/models/penguins/predict", json=[row, row])
        assert answer.status_code == 200
    service.stop()

    rows = logged(log)
    assert 0.185 < len(rows) / 2400 < 0.315, "1,200 choices: more than five standard deviations"
    assert 0.34 < sum(row["bill_length_mm"] == 30 for row in rows) / len(rows) < 0.66
    ids = [row["request_id"] for row in rows]
    assert all(ids.count(one) == 2 for one in set(ids))


def test_models_that_take_tensors_are_left_out(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    service = serving(make_service, prediction_log=log)
    service.put("images/1/model.onnx", images())
    service.wait_for("images", state="ready")
    tensor = {"name": "image", "datatype": "FP32", "shape": [1, 3, 8, 8], "data": [0.0] * 192}
    answer = service.client.post("/v2/models/images/infer", json={"inputs": [tensor]})
    assert answer.status_code == 200, answer.text
    predict(service)
    service.stop()

    assert len(logged(log)) == 1
