"""A folder full of junk holds neither callers nor a model that is published among it up."""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING, Self

import httpx
import pytest

from support.amount import amount
from support.models.artifacts import penguins
from support.service.process import Service, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

JUNK = amount("JUNK", 100)  # all of it: JUNK=1900
ROW = {
    "bill_length_mm": 40.0,
    "bill_depth_mm": 18.0,
    "flipper_length_mm": 190.0,
    "body_mass_g": 3800.0,
}


class Caller:
    """A good client that asks all the time, and notes the seconds that each answer took."""

    def __init__(self, service: Service) -> None:
        self.seconds: list[float] = []
        self.statuses: set[int] = set()
        self._url = service.client.base_url
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _ask(self) -> None:
        with httpx.Client(base_url=self._url, trust_env=False, timeout=30) as client:
            while not self._stop.wait(0.005):
                begin = time.perf_counter()
                answer = client.post("/models/good/predict", json=ROW)
                self.seconds.append(time.perf_counter() - begin)
                self.statuses.add(answer.status_code)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with Service(tmp_path) as service:
        service.put("good.onnx", penguins())
        yield service.start()


def put_junk(service: Service, turn: int) -> None:
    chance = random.Random(turn)
    for number in range(JUNK):
        content = (
            b"a text %d" % chance.getrandbits(60),
            chance.randbytes(1000),
            penguins(note=str(chance.random()))[:700],
        )[number % 3]
        place = f"junk-{number}.onnx" if number % 2 else f"junk-{number}/1/model.onnx"
        service.put(place, content)


def publish(service: Service, name: str) -> float:
    """Publish a model, and tell how many seconds later it answers."""
    begin = time.perf_counter()
    service.put(f"{name}/1/model.onnx", penguins(note=name))
    path = f"/models/{name}/predict"
    eventually(
        lambda: service.client.post(path, json=ROW).status_code == 200, within=30, every=0.05
    )
    return time.perf_counter() - begin


def test_junk_holds_nobody_up(service: Service) -> None:
    alone = publish(service, "alone")
    with Caller(service) as caller:
        putting = threading.Thread(target=put_junk, args=(service, 0))
        putting.start()
        meanwhile = publish(service, "meanwhile")
        putting.join()
        among = publish(service, "among")
        changing = threading.Thread(target=put_junk, args=(service, 1))
        changing.start()
        changed = publish(service, "changed")
        changing.join()
    assert caller.statuses == {200}
    assert sorted(caller.seconds)[int(len(caller.seconds) * 0.99)] < 0.5
    assert max(meanwhile, among, changed) < 5 * alone + 5
    eventually(lambda: service.client.get("/readyz").status_code == 200)
    service.stop()
    service.start(within=60)
    assert publish(service, "again") < 5 * alone + 5
    listed = service.client.get("/models").json()["models"]
    assert len([model for model in listed if model["state"] == "ready"]) == 6
