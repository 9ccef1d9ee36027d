"""Replicas that share the operator's choices, and the log in which those are."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from inference.storage.object_store import open_store
from inference.storage.state_log import StateLog
from support.models.artifacts import MEASUREMENTS, penguins
from support.service.process import Service

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import httpx

_RECORD = dict(zip(MEASUREMENTS, [39.1, 18.7, 181.0, 3750.0], strict=True))
_MOST_BYTES = 2**20
_START_SECONDS = 60


class Replica(Service):
    """A service whose choices are in a bucket, with two versions of each model.

    Args:
        root: Its folders go there.
        state_url: The bucket.
        models: The names of the models.
        settings: Further settings.
    """

    def __init__(
        self, root: Path, state_url: str, models: Sequence[str], **settings: object
    ) -> None:
        given = {"state_url": state_url, "state_seconds": 0.2} | settings
        super().__init__(root, **given)
        self._models = models

    def start_with_models(self) -> Replica:
        """Start it, and wait until all versions answer."""
        for model in self._models:
            for version in (1, 2):
                self.put(f"{model}/{version}/model.onnx", penguins())
        self.start(within=_START_SECONDS)
        for model in self._models:
            self.wait_for(model, active_version=2, within=_START_SECONDS)
        return self

    def pin(self, model: str, version: int) -> httpx.Response:
        """Pin a version; the store may be slow."""
        return self.client.put(f"/models/{model}/active", json={"version": version}, timeout=60)

    def version(self, model: str, number: int = 0) -> int:
        """Predict with a model; return the version that answers.

        Args:
            model: Its name.
            number: The number of the choices that the answer must know, if any.
        """
        headers = {"rookery-state-min": str(number)} if number else {}
        answer = self.client.post(f"/models/{model}/predict", json=_RECORD, headers=headers)
        assert answer.status_code == 200, answer.text
        assert int(answer.headers["rookery-state"]) >= number
        found: int = answer.json()["version"]
        return found


def read_log(state_url: str) -> list[dict[str, Any]]:
    """Return all documents of a log."""

    async def read() -> list[dict[str, Any]]:
        store = open_store(state_url)
        newest, _ = await StateLog(store).read_latest(0)
        few = asyncio.Semaphore(8)

        async def one(number: int) -> dict[str, Any]:
            async with few:
                content = await store.read(f"state/{number}.json", _MOST_BYTES)
                document: dict[str, Any] = msgspec.json.decode(content)
                return document

        return await asyncio.gather(*(one(number) for number in range(1, newest + 1)))

    return asyncio.run(read())


def pins_by_model(log: list[dict[str, Any]]) -> dict[str, list[int]]:
    """Return the pins of each model in their order, and check that each document changes one."""
    found: dict[str, list[int]] = {}
    before: dict[str, int] = {}
    for number, document in enumerate(log, 1):
        assert document["number"] == number
        assert before.keys() <= document["pins"].keys()
        changed = dict(document["pins"].items() - before.items())
        assert len(changed) == 1, f"document {number} differs in {changed} from the one before"
        for model, version in changed.items():
            found.setdefault(model, []).append(version)
        before = document["pins"]
    return found
