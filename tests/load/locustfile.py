"""Traffic like that of applications: single records and batches, to every model that is ready.

Uses each model's own example, so it fits whatever is served, and leaves the selection alone.
`make load` starts it against a service on this machine.
"""

from __future__ import annotations

from typing import Any

from locust import FastHttpUser, constant, task

BATCH_ROWS = 64


class Application(FastHttpUser):
    """A client that asks again as soon as it has its answer."""

    wait_time = constant(0)

    def on_start(self) -> None:
        """Learn which models there are and what they take."""
        self.examples: dict[str, dict[str, Any]] = {}
        for listed in self.client.get("/models").json()["models"]:
            if listed["state"] == "ready":
                name = listed["name"]
                contract = self.client.get(f"/models/{name}", name="/models/{name}").json()[
                    "contract"
                ]
                self.examples[name] = {f["name"]: f["example"] for f in contract["features"]}
        if not self.examples:
            raise RuntimeError("no model with a contract is ready: publish one first")

    @task(20)
    def predict_one(self) -> None:
        """Send one record."""
        for name, example in self.examples.items():
            self._predict(name, example, f"{name}, 1 row")

    @task(1)
    def predict_batch(self) -> None:
        """Send a batch of records."""
        for name, example in self.examples.items():
            self._predict(name, [example] * BATCH_ROWS, f"{name}, {BATCH_ROWS} rows")

    def _predict(self, name: str, body: Any, label: str) -> None:
        path = f"/models/{name}/predict"
        with self.client.post(path, json=body, name=label, catch_response=True) as response:
            answer = response.json() if response.status_code == 200 else {}
            if not ("label" in answer or "predictions" in answer):
                response.failure(f"{response.status_code}: {response.text[:200]}")
