"""The cost ladder fits the model: microseconds a row or seconds, any number of rows or one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from inference.admission.admission import Limits, examine
from inference.errors import RunTimeoutError
from inference.model.plan import make_plan
from inference.model.servable import Servable
from inference.model.signature import Signature, TensorSpec
from inference.model.trials import run_cost as cost
from inference.model.trials.run_cost import measure_cost
from inference.serving.dispatcher import Dispatcher
from inference.settings import Settings
from inference.telemetry.counters import Counters
from support.amount import amount
from support.models.artifacts import FLOAT, STRING, graph, model, node, tensor, value
from support.models.hostile_graphs import GRAPHS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SECONDS = 3.0


class Model:
    """Takes as long as it says, on a clock of its own."""

    contract = None

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, row_seconds: float, shape: Sequence[int] = (-1, 4)
    ) -> None:
        self.signature = Signature((TensorSpec.from_onnx("X", "tensor(float)", list(shape)),), ())
        self.row_seconds = row_seconds
        self.now = 0.0
        self.sizes: list[int] = []
        monkeypatch.setattr(cost.time, "perf_counter", lambda: self.now)  # type: ignore[attr-defined]

    def run(self, _: object, feeds: dict[str, Any], __: object) -> None:
        self.sizes.append(len(feeds["X"]))
        self.now += self.row_seconds * len(feeds["X"])


@pytest.mark.parametrize(
    ("row_seconds", "counts"),
    [
        (1e-6, [1, 8, 32, 128]),
        (1e-3, [1, 8, 32, 128]),
        (0.009, [1, 8, 32, 128]),
        (0.030, [1, 8, 32]),
        (0.300, [1, 8]),
        (3.0, [1]),
    ],
)
def test_the_ladder_ends_where_the_next_step_would_not_fit(
    row_seconds: float, counts: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    timed = Model(monkeypatch, row_seconds)
    costs = measure_cost(timed, SECONDS)  # type: ignore[arg-type]
    assert list(costs) == counts
    assert costs == pytest.approx({rows: rows * row_seconds * 1e6 for rows in counts}, rel=0.1)
    assert timed.now <= max(SECONDS, 2 * row_seconds) + 0.5


def test_a_costly_row_is_run_once(monkeypatch: pytest.MonkeyPatch) -> None:
    timed = Model(monkeypatch, 1.0)
    measure_cost(timed, SECONDS)  # type: ignore[arg-type]
    assert timed.sizes == [1]


@pytest.mark.parametrize(("row_seconds", "runs"), [(0.01, 16), (0.2, 1)])
def test_a_graph_of_fixed_shape_is_timed_at_one_size(
    row_seconds: float, runs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    timed = Model(monkeypatch, row_seconds, (16, 4))
    assert list(measure_cost(timed, SECONDS)) == [1]  # type: ignore[arg-type]
    assert set(timed.sizes) == {16}
    assert len(timed.sizes) <= runs


def test_a_step_that_takes_too_long_after_all_is_ended() -> None:
    """A loop as long as its rows are many, cubed: nothing tells before."""
    endless = Servable.load("m", 1, GRAPHS["Loop"])
    turns = {1: 1, 8: 2**62}

    class Growing:
        contract = None
        signature = endless.signature

        @staticmethod
        def run(_: object, feeds: dict[str, Any], stop: Any) -> None:
            rows = len(feeds["X"])
            endless.run(None, {"X": np.full((1, 1), turns[rows], np.float32)}, stop)

    assert list(measure_cost(Growing(), 0.5)) == [1]  # type: ignore[arg-type]
    turns[1] = 2**62
    with pytest.raises(RunTimeoutError, match=r"took over 1\.5 seconds"):
        measure_cost(Growing(), 0.5)  # type: ignore[arg-type]


def convolutions(layers: int, side: int, rows: int | str) -> bytes:
    """Make an image model: each layer of 64 by 64 costs a row some 10 ms."""
    weights = np.random.default_rng(0).normal(size=(64, 64, 3, 3)) / 24
    names = [f"x{layer}" for layer in range(layers)]
    nodes = [
        node("Conv", [one, "w"], [other], pads=[1, 1, 1, 1])
        for one, other in zip(["X", *names], [*names, "Y"], strict=True)
    ]
    shape = (rows, 64, side, side)
    onnx_graph = graph(
        nodes, [value("X", FLOAT, *shape)], [value("Y", FLOAT, *shape)], [tensor("w", weights)]
    )
    return model(onnx_graph)


@pytest.mark.parametrize("rows", ["n", 1])
@pytest.mark.parametrize(
    ("layers", "side"), [(2, 16), (2, 64), (24, 64), (240, 64)][: amount("COSTLY_MODELS", 2)]
)
def test_costly_models_are_admitted(layers: int, side: int, rows: int | str, path: Path) -> None:
    """About 1, 30 and 300 ms and 3 s a row, of a variable and of a fixed number of rows."""
    path.write_bytes(convolutions(layers, side, rows))
    report = examine(path, Limits())
    assert report.admitted, report.reason
    assert report.cost_us[1] > 0
    assert report.fixed_sizes


def words() -> bytes:
    """Make a model that counts two words in a text."""
    nodes = [
        node("Tokenizer", ["X"], ["words"], "com.microsoft", mark=0, mincharnum=1,
             pad_value="#", separators=[" "]),
        node("Flatten", ["words"], ["flat"]),
        node("TfIdfVectorizer", ["flat"], ["Y"], max_gram_length=1, max_skip_count=0,
             min_gram_length=1, mode="TF", ngram_counts=[0], ngram_indexes=[0, 1],
             pool_strings=["good", "bad"]),
    ]  # fmt: skip
    return model(graph(nodes, [value("X", STRING, "n", 1)], [value("Y", FLOAT, "n", 2)]))


def test_short_texts_run_on_the_loop_and_long_ones_do_not(path: Path) -> None:
    """One long text among many rows has each of them padded to as many words."""
    path.write_bytes(words())
    report = examine(path, Limits())
    assert report.admitted, report.reason
    assert report.fixed_sizes
    assert 10 < report.inline_text < 128 * 16 * 1024
    plan = make_plan(report.cost_us, batchable=False, inline_text=report.inline_text)
    servable = Servable.load("m", 1, words(), plan=plan)
    dispatcher = Dispatcher(Settings(), Counters("waiting", 1))

    def is_inline(rows: int, characters: int) -> bool:
        texts = np.full((rows, 1), "a", dtype=np.object_)
        texts[0, 0] = "a" * characters
        return dispatcher.is_inline(servable, rows, {"X": texts})

    most = report.inline_text
    assert is_inline(1, most)
    assert not is_inline(1, most + 1)
    assert is_inline(2, most // 2)
    assert not is_inline(2, most // 2 + 1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name a file to examine."""
    return tmp_path / "model.onnx"
