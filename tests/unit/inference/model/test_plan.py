from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import Any

import pytest

from inference.admission.report import Report
from inference.model.contract import Serving
from inference.model.plan import Plan, granted_cpus, make_plan, override_plan
from inference.model.signature import Signature, TensorSpec
from inference.repository.loading.servable_loader import load_servable
from inference.runtime import memory
from inference.settings import Settings
from support.models.artifacts import (
    SPECIES,
    classifier_graph,
    contract,
    measurements,
    with_contract,
)
from support.models.memory_file import contents_of

CHEAP = {1: 6.0, 8: 7.0, 32: 10.0, 128: 25.0}
GROWING = {1: 50.0, 8: 150.0, 32: 500.0, 128: 2000.0}
NEIGHBORS = {1: 460.0, 8: 500.0, 32: 635.0, 128: 1200.0}
LINEAR = {1: 400.0, 8: 3200.0, 32: 12_800.0, 128: 51_200.0}


@pytest.mark.parametrize(
    ("cost_us", "batchable", "mode", "inline_rows", "max_batch_rows"),
    [
        (CHEAP, True, "inline", 128, 1),
        (CHEAP, False, "inline", 128, 1),
        (GROWING, True, "inline", 8, 1),
        ({1: 199.9}, True, "inline", 1, 1),
        ({1: 200.0}, True, "thread", 0, 1),
        (NEIGHBORS, True, "thread", 0, 128),
        (NEIGHBORS, False, "thread", 0, 1),
        (LINEAR, True, "thread", 0, 1),
        ({}, True, "thread", 0, 1),
    ],
)
def test_follows_from_the_cost_curve(
    cost_us: dict[int, float], *, batchable: bool, mode: str, inline_rows: int, max_batch_rows: int
) -> None:
    plan = make_plan(cost_us, batchable=batchable)
    found = (plan.mode, plan.inline_rows, plan.max_batch_rows, plan.cost_us)
    assert found == (mode, inline_rows, max_batch_rows, cost_us)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, ("inline", 8, 1)),
        ({"mode": "inline"}, ("inline", 8, 1)),
        ({"mode": "thread"}, ("thread", 0, 1)),
        ({"max_batch_rows": 16}, ("inline", 8, 16)),
        ({"mode": "thread", "max_batch_rows": 16}, ("thread", 0, 16)),
    ],
)
def test_what_a_person_wants_comes_first(wanted: dict[str, Any], expected: tuple[Any, ...]) -> None:
    plan = override_plan(make_plan(GROWING, batchable=True), **wanted)
    assert (plan.mode, plan.inline_rows, plan.max_batch_rows) == expected


def test_a_costly_model_forced_inline_runs_one_row_there() -> None:
    assert override_plan(make_plan(LINEAR, batchable=True), mode="inline").inline_rows == 1


def loaded(serving: Serving | None, plans: dict[str, Any], **report: Any) -> Plan:
    described = contract(measurements(), SPECIES, serving=serving)
    data = with_contract(classifier_graph(SPECIES), described)
    examined = Report(
        admitted=True,
        digest=hashlib.sha256(data).hexdigest(),
        cost_us=GROWING,
        **{"fixed_sizes": True} | report,
    )
    with tempfile.TemporaryDirectory() as folder, contents_of(data, Path(folder)) as contents:
        return load_servable(("m", 1), contents, examined, Settings(plans=plans)).plan


def test_setting_overrules_contract_overrules_measurement() -> None:
    author = Serving(mode="thread", max_batch_rows=4)
    assert loaded(None, {}).mode == "inline"
    assert loaded(author, {}).mode == "thread"
    assert loaded(author, {}).max_batch_rows == 4
    plan = loaded(author, {"*": {"max_batch_rows": 5}, "m": {"mode": "inline"}})
    assert (plan.mode, plan.max_batch_rows) == ("inline", 5)
    plan = loaded(author, {"*": {"mode": "inline"}, "m": {"mode": "thread"}, "n": {"threads": 1}})
    assert plan.mode == "thread"


def test_a_file_cannot_have_a_run_of_any_size_on_the_loop() -> None:
    """Its author says inline, and it was cheap to run: it may be a loop of any length all the same.

    Nor does it share its runs with others, who would wait for it.
    """
    author = Serving(mode="inline", max_batch_rows=8)
    plan = loaded(author, {}, fixed_sizes=False)
    assert (plan.mode, plan.inline_rows, plan.max_batch_rows) == ("thread", 0, 1)
    plan = loaded(author, {"m": {"mode": "inline", "max_batch_rows": 2}}, fixed_sizes=False)
    assert (plan.mode, plan.inline_rows, plan.max_batch_rows) == ("inline", 1, 2)


def test_threads_are_never_more_than_granted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.repository.loading.servable_loader.granted_cpus", lambda: 2)
    assert loaded(None, {}).threads == 1
    assert loaded(None, {}, threads=2).threads == 2
    assert loaded(None, {}, threads=64).threads == 2
    assert loaded(None, {"m": {"threads": 64}}).threads == 2
    assert loaded(None, {"*": {"threads": 2}, "m": {"threads": 1}}).threads == 1


V2, V1 = "0::/kubepods/pod", "4:memory:/x\n3:cpu,cpuacct:/x\n0::/"


@pytest.mark.parametrize(
    ("groups", "quotas", "affinity", "granted"),
    [
        (V2, {"cpu.max": "max 100000"}, 8, 8),
        (V2, {"cpu.max": "200000 100000"}, 8, 2),  # a container's own group is the root
        (V2, {"cpu.max": "150000 100000"}, 8, 1),
        (V2, {"cpu.max": "50000 100000"}, 8, 1),
        (V2, {"cpu.max": "800000 100000"}, 4, 4),
        (V2, {"cpu.max": "nonsense"}, 3, 3),
        (V2, {}, 3, 3),
        (None, {}, 3, 3),
        (None, {"cpu.max": "200000 100000"}, 8, 2),
        (V2, {"kubepods/pod/cpu.max": "300000 100000"}, 8, 3),
        (V2, {"kubepods/pod/cpu.max": "max 100000", "kubepods/cpu.max": "400000 100000"}, 8, 4),
        (V2, {"kubepods/pod/cpu.max": "300000 100000", "cpu.max": "200000 100000"}, 8, 2),
        (V2, {"kubepods/other/cpu.max": "100000 100000"}, 8, 8),
        (V1, {"cpu/x/cpu.cfs_quota_us": "600000", "cpu/x/cpu.cfs_period_us": "200000"}, 8, 3),
        (V1, {"cpu/x/cpu.cfs_quota_us": "-1", "cpu/x/cpu.cfs_period_us": "100000"}, 8, 8),
        (V1, {"cpu/cpu.cfs_quota_us": "200000", "cpu/cpu.cfs_period_us": "100000"}, 8, 2),
    ],
)
def test_processors_are_those_of_affinity_and_quotas(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    groups: str | None,
    quotas: dict[str, str],
    affinity: int,
    granted: int,
) -> None:
    (tmp_path / "self").mkdir()
    if groups is not None:
        (tmp_path / "self/cgroup").write_text(groups + "\n")
    for name, quota in quotas.items():
        file = tmp_path / "cgroup" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(quota + "\n")
    monkeypatch.setattr(memory, "_PROC", tmp_path)
    monkeypatch.setattr(memory, "_CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(affinity)), raising=False)
    assert granted_cpus() == granted


@pytest.mark.parametrize(
    ("shapes", "follows"),
    [
        ([(-1, 4)], True),
        ([(-1,), (-1, 2)], True),
        ([(-1, 3, -1, -1)], False),
        ([(-1, 4), (-1, -1)], False),
        ([()], False),
    ],
)
def test_cost_follows_from_rows_where_nothing_else_varies(
    shapes: list[tuple[int, ...]], *, follows: bool
) -> None:
    """A graph that takes images of any size was timed on one pixel: it must not run on the loop."""
    inputs = tuple(
        TensorSpec.from_onnx(f"x{i}", "tensor(float)", list(shape))
        for i, shape in enumerate(shapes)
    )
    assert Signature(inputs, ()).costs_by_rows is follows
