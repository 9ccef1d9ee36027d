"""However many models lie in the folder, their states take a bounded number of series."""

from __future__ import annotations

from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest

from inference.repository.snapshot import Model, Snapshot
from inference.telemetry.prometheus.collector import ServiceCollector
from inference.telemetry.prometheus.families import FAMILIES, SHOWN_MODELS
from inference.telemetry.recorder import Recorder


def families_of(snapshot: Snapshot) -> dict[str, Any]:
    collector = ServiceCollector(Recorder())
    collector.snapshot = snapshot
    return {family.name: family for family in collector.collect()}


def snapshot_of(ready: int, refused: int) -> Snapshot:
    active: Any = SimpleNamespace(version=3)
    models = {f"a{n}": Model(f"a{n}", {}) for n in range(refused)}
    models |= {f"b{n}": Model(f"b{n}", {}, active=active) for n in range(ready)}
    return Snapshot(MappingProxyType(models))


@pytest.mark.parametrize(
    ("ready", "refused", "shown"),
    [
        (2, 3, 5),
        (2, SHOWN_MODELS - 2, SHOWN_MODELS),
        (2, SHOWN_MODELS - 1, SHOWN_MODELS),
        (SHOWN_MODELS + 1, 5, SHOWN_MODELS + 1),
        (0, 5000, SHOWN_MODELS),
    ],
)
def test_states_of_models_that_answer_come_first(ready: int, refused: int, shown: int) -> None:
    families = families_of(snapshot_of(ready, refused))
    samples = families["inference_model_state"].samples
    assert len(samples) == shown
    assert sum(sample.labels["state"] == "ready" for sample in samples) == ready
    assert len(families["inference_model_active_version"].samples) == ready
    by_state = {s.labels["state"]: s.value for s in families["inference_models"].samples}
    assert (by_state["ready"], by_state["quarantined"]) == (ready, refused)


def test_every_family_is_there_without_series() -> None:
    assert families_of(Snapshot()).keys() == {family.name for family in FAMILIES}
