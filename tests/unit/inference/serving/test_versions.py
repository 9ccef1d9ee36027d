"""A split counts each request once, also one that is looked up again because it has to wait."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from inference.model.plan import Plan
from inference.model.servable import Servable
from inference.repository.snapshot import Model, Snapshot, Version
from inference.repository.traffic.choice import Traffic
from inference.repository.traffic.split import Split
from inference.serving.dispatcher import Dispatcher
from inference.serving.inferrer import Inferrer
from inference.serving.predictor import Predictors
from inference.settings import Settings
from inference.telemetry.counters import Counters
from inference.telemetry.recorder import Recorder
from inference.web.adapters.plain_routes import PlainRoutes
from inference.web.adapters.v1 import PREDICT
from inference.web.fast.infer import InferRoutes
from inference.web.fast.predict import PredictRoutes
from inference.web.message.exchange import Exchange
from support.models.artifacts import penguins

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROW = [39.1, 18.7, 181.0, 3750.0]
PATHS = {
    "predict": ("/models/m/predict", ROW),
    "infer": (
        "/v2/models/m/infer",
        {"inputs": [{"name": "X", "shape": [1, 4], "datatype": "FP32", "data": ROW}]},
    ),
    "v1": ("/v1/models/m:predict", {"instances": [ROW]}),
}


class Models:
    """What the routes need of a repository."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def current(self) -> Snapshot:
        return self._snapshot

    async def find(self, look: Callable[[Snapshot], Servable]) -> Servable:
        return look(self._snapshot)


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    dispatcher = Dispatcher(Settings(), Counters("waiting", 1))
    yield dispatcher
    dispatcher.close()


def routes_of(route: str, models: Any, dispatcher: Dispatcher) -> Any:
    latency, predictors = Recorder().latency, Predictors(Settings(), dispatcher)
    match route:
        case "predict":
            return PredictRoutes(models, predictors, latency)
        case "infer":
            return InferRoutes(models, Inferrer(dispatcher, max_rows=10), latency)
        case _:
            return PlainRoutes(PREDICT, repository=models, predictors=predictors, latency=latency)


@pytest.mark.parametrize("plan", [Plan(mode="inline", inline_rows=8), Plan("thread")])
@pytest.mark.parametrize("route", list(PATHS))
def test_each_request_counts_once_whether_it_waits_or_not(
    route: str, plan: Plan, dispatcher: Dispatcher
) -> None:
    servables = {n: Servable.load("m", n, penguins(n), plan=plan) for n in (1, 2, 3)}
    split = Split("m", Traffic("t", {1: 50, 2: 30, 3: 20}), servables)
    versions = {n: Version(n, "ready", servable=one) for n, one in servables.items()}
    model = Model("m", versions, active=servables[1], split=split)
    routes = routes_of(route, Models(Snapshot(models={"m": model})), dispatcher)
    path, document = PATHS[route]
    body = json.dumps(document).encode()
    chosen: Counter[int] = Counter()

    async def ask() -> None:
        exchange = Exchange(path, [], body)
        answer = routes.answer_now(exchange)
        assert (answer is None) == (plan.mode == "thread")
        if answer is None:
            answer = await routes.answer(exchange)
        assert answer.status == 200, answer.body
        chosen[exchange.chosen.version] += 1

    async def ask_all() -> None:
        await asyncio.gather(*(ask() for _ in range(200)))

    place = split.last_place
    asyncio.run(ask_all())
    passed = (split.last_place - place - 200 * (5**0.5 - 1) / 2) % 1
    assert min(passed, 1 - passed) == pytest.approx(0, abs=1e-9), "200 places were given"
    for version, share in split.traffic.split.items():
        assert abs(chosen[version] - 2 * share) <= 2, chosen
