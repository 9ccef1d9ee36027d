"""Traffic like that of applications: single records and batches, to every model that is ready.

Each model is asked with the golden rows of its own contract, so this fits whatever is served; the
selection is left alone. Models without golden rows are left out, since nothing says what they take.
The key is INFERENCE_API_KEY, as for the commands of the service.
`make load` starts it with the ramp beside it, the Compose profile `load` with locust's page.
"""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, Any

from locust import FastHttpUser, constant, task

if TYPE_CHECKING:
    from collections.abc import Iterator

BATCH_ROWS = 64
_KEY = os.environ.get("INFERENCE_API_KEY")
# One of them is in the answer to a record, by the kind of model.
_ANSWERS = ("label", "labels", "value", "values", "vector")

# Users begin with different models, so that each model always has some of the traffic.
_NUMBERS = itertools.count()


class Application(FastHttpUser):
    """A client that asks again as soon as it has its answer."""

    wait_time = constant(0)
    default_headers = {"X-API-Key": _KEY} if _KEY else None

    def on_start(self) -> None:
        """Learn which models there are and what they take."""
        rows = dict(self._rows())
        if not rows:
            raise RuntimeError("no model with a contract is ready: publish one first")
        turns = list(rows)
        start = next(_NUMBERS) % len(turns)
        self.turns: Iterator[str] = itertools.cycle(turns[start:] + turns[:start])
        self.singles = {name: itertools.cycle(of_model) for name, of_model in rows.items()}
        self.batches = {
            name: list(itertools.islice(itertools.cycle(of_model), BATCH_ROWS))
            for name, of_model in rows.items()
        }

    @task(20)
    def predict_one(self) -> None:
        """Send one record."""
        name = next(self.turns)
        self._predict(name, next(self.singles[name]), f"{name}, 1 row", *_ANSWERS)

    @task(1)
    def predict_batch(self) -> None:
        """Send a batch of records."""
        name = next(self.turns)
        self._predict(name, self.batches[name], f"{name}, {BATCH_ROWS} rows", "predictions")

    def _rows(self) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """Give each ready model's golden rows as records."""
        for listed in self._get("/models", "/models")["models"]:
            if listed["state"] != "ready":
                continue
            name = listed["name"]
            contract = self._get(f"/models/{name}", "/models/{name}")["contract"]
            if contract is None or not contract["samples"]:
                continue
            features = [feature["name"] for feature in contract["features"]]
            samples = [sample["row"] for sample in contract["samples"]]
            yield name, [dict(zip(features, row, strict=True)) for row in samples]

    def _get(self, path: str, label: str) -> Any:
        with self.client.get(path, name=label, catch_response=True) as response:
            if response.status_code != 200:
                response.failure(f"{response.status_code}: {response.text[:200]}")
                raise RuntimeError(f"{path} was answered {response.status_code}")
            return response.json()

    def _predict(self, name: str, body: Any, label: str, *expected: str) -> None:
        path = f"/models/{name}/predict"
        with self.client.post(path, json=body, name=label, catch_response=True) as response:
            answer = response.json() if response.status_code == 200 else {}
            if not any(key in answer for key in expected):
                response.failure(f"{response.status_code}: {(response.text or '')[:200]}")
