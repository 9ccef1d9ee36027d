"""What watches the service meanwhile: drift, the log, feedback, a split and its shadow."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from arro3.io import read_parquet

from inference.monitoring.log.files.journal import journal_paths
from inference.monitoring.log.rows.logged_rows import read_rows
from soak.expected import BLOCKS
from soak.question import Question
from support.models.artifacts import SPECIES
from support.service.process import eventually
from support.service.raw_http import request

if TYPE_CHECKING:
    from pathlib import Path

    from soak.question import Questions
    from soak.tally import Tally
    from support.service.process import Service
    from support.service.raw_http import Answer

# Its version 3 is the shadow, which may never answer.
SPLIT = "threaded"
TRAFFIC = {"split": {"1": 50, "2": 50}, "shadow": 3}
LOG_FOLDER = "log"
# A killed worker may lose the rows of its last second.
_LOST_SECONDS = 2.0


class Truths:
    """Asks for a prediction, and sends its truth afterward: the answer must be in the log.

    Args:
        questions: Make the prediction.
        tally: Knows when workers were killed.
    """

    def __init__(self, questions: Questions, tally: Tally) -> None:
        self._asked = questions.record("steady")
        self._tally = tally
        self._id, self._at = "", 0.0

    def questions(self) -> list[Question]:
        """Return both requests, to be asked in turn."""
        return [
            self._asked._replace(kind="predict, with feedback", judge=self._judge_answer),
            Question("feedback", self._tell, self._judge_receipt),
        ]

    def _tell(self) -> bytes:
        truth = {"request_id": self._id, "truth": SPECIES[0]}
        return request("/feedback", json.dumps(truth).encode())

    def _judge_answer(self, answer: Answer) -> str:
        wrong = self._asked.judge(answer)
        self._id, self._at = answer.headers["x-request-id"], time.monotonic()
        return wrong

    def _judge_receipt(self, answer: Answer) -> str:
        if answer.status != 200:
            return f"{answer.status} {answer.body[:300]!r}"
        if answer.json()["accepted"] == 1:
            return ""
        if not self._id or self._tally.has_killed_since(self._at - _LOST_SECONDS):
            return ""
        return f"the answer to {self._id} is not in the log"


def begin(service: Service) -> None:
    """Split the requests of a model, and let another version shadow them."""
    answer = service.client.put(f"/models/{SPLIT}/traffic", json=TRAFFIC)
    assert answer.status_code == 200, answer.text


def find_troubles(service: Service) -> list[str]:
    """Say what did not watch, or has lost rows; of the workers that run now."""
    rows = len(BLOCKS["many"])
    metrics = service.client.get("/metrics").text
    drift = service.client.get("/models/steady/drift").json()
    traffic = service.client.get(f"/models/{SPLIT}/traffic").json()["traffic"] or {}
    expected = {
        "no drift was counted": drift["rows"] >= rows,
        "nothing was logged": _sum(metrics, "inference_prediction_log_rows_total") >= rows,
        "rows of the log were lost": not _sum(metrics, "inference_prediction_log_lost_rows_total"),
        "no truth was counted": _sum(metrics, "inference_feedback_rows_total") > 0,
        "the traffic has ended": bool(traffic.get("shadow") and traffic.get("split")),
        "the shadow ran nothing": _sum(metrics, "inference_shadow_rows_total", '"answered"') > 0,
        "the shadow failed": not _sum(metrics, "inference_shadow_rows_total", '"failed"'),
    }
    return [trouble for trouble, is_well in expected.items() if not is_well]


def find_unlogged(service: Service) -> list[str]:
    """Say which answered rows are not in the log; call it when no requests are under way.

    Every row that the workers of now have answered is logged, or counted as lost.
    """
    found: dict[str, int] = {}

    def are_equal() -> bool:
        metrics = service.client.get("/metrics").text
        statistics = service.client.get("/v2/models/stats").json()["model_stats"]
        found["answered"] = sum(int(one["inference_count"]) for one in statistics)
        found["logged"] = round(_sum(metrics, "inference_prediction_log_rows_total"))
        found["lost"] = round(_sum(metrics, "inference_prediction_log_lost_rows_total"))
        return 0 < found["answered"] == found["logged"] + found["lost"]

    try:
        eventually(are_equal, within=15)
    except AssertionError:
        return [f"of the prediction log: {found}"]
    return []


def count_rows(root: Path) -> int:
    """Count the rows in the files and journals of the log.

    A journal that becomes files meanwhile counts once.
    """
    journals = {path.stem: path.read_bytes() for path in journal_paths(root)}
    waiting = (rows for one in journals.values() for rows, _ in read_rows(memoryview(one), {}))
    filed = (p for p in root.rglob("*.parquet") if p.stem.split("-")[1] not in journals)
    return sum(len(rows.places) for rows in waiting) + sum(map(_rows_of_file, filed))


def _rows_of_file(path: Path) -> int:
    return int(read_parquet(path).read_all().num_rows)


def _sum(metrics: str, name: str, label: str = "") -> float:
    """Add up the series of a metric that have a label value."""
    lines = (line for line in metrics.splitlines() if line.startswith((f"{name}{{", f"{name} ")))
    return sum(float(line.rpartition(" ")[2]) for line in lines if label in line)
