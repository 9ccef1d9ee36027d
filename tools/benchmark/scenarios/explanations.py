"""The scenario in which answers are explained."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from benchmark.names import FOREST, LOGISTIC
from benchmark.wrk import Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmark.stage import Measure, Stage

_TIMES = 2  # a p99 needs more answers than a median does


@contextlib.contextmanager
def explanations(stage: Stage) -> Iterator[dict[str, Measure]]:
    """One row, predicted and explained, by one client."""
    material = stage.material
    requests = {
        f"explanations/{model}/{route}": Request(
            f"/models/{model}/{route}", material.one(model).body
        )
        for model in (LOGISTIC, FOREST)
        for route in ("predict", "explain")
    }
    folder = stage.new_folder("explanations")
    with stage.ours(folder, *requests.values(), models=material.models) as server:
        yield {
            name: stage.load(server, request, 1, times=_TIMES) for name, request in requests.items()
        }
