"""Served rows are counted into the bins of the contract, whatever the route and the rate."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from inference.model.contract import AnswerDistribution, Feature, Histogram
from inference.model.servable import Servable
from inference.monitoring.drift.counter import DriftCounter
from inference.monitoring.drift.report import DriftReport, DriftReports
from inference.monitoring.drift.window import Limits, Windows
from inference.monitoring.hand_off import HandOff
from support.models.artifacts import (
    FLOAT,
    MIXED,
    SPECIES,
    classifier_graph,
    contract,
    graph,
    mixed,
    node,
    penguins,
    regressor,
    value,
    with_contract,
)
from support.monitoring.watched import answered
from support.project import FIXTURES

if TYPE_CHECKING:
    from collections.abc import Sequence

OUTPUTS = ("label", "probabilities")


class Watch:
    """Counts what is served of one model, without a service."""

    def __init__(self, content: bytes) -> None:
        self.servable = Servable.load("m", 3, content)
        self.now = 0.0
        windows = Windows(clock=lambda: self.now + 1, limits=Limits())
        self.counter = DriftCounter(windows, lambda: self.now, seed=1)
        self.hand_off = HandOff([self.counter])
        self.reports = DriftReports(windows, self.counter)

    def serve(self, rows: Sequence[Sequence[Any]], labels: Sequence[Any] = ()) -> None:
        """Serve each row as a request of its own, on the fast path."""
        for row, label in zip(rows, [*labels, *["Adelie"] * len(rows)], strict=False):
            timing = answered(row, outputs=OUTPUTS, results=(label, [1.0, 0.0, 0.0]))
            self.hand_off.append(self.servable, timing)

    def serve_together(self, rows: Sequence[Sequence[Any]], *results: Any) -> None:
        """Serve rows as one request."""
        feeds = self.servable.to_feeds(rows)
        outputs = OUTPUTS[: len(results)]
        timing = answered(None, feeds=feeds, outputs=outputs, results=results, rows=len(rows))
        self.hand_off.append(self.servable, timing)

    def report(self) -> DriftReport:
        self.hand_off.flush()
        report = self.reports.report(self.servable)
        assert report is not None
        return report


def numbers(*edges: float, name: str = "x") -> list[Feature]:
    """Make four features with the same histogram."""
    counts = [100] * (len(edges) - 1)
    return [
        Feature(
            f"{name}{place}",
            "number",
            "X",
            example=edges[0],
            minimum=edges[0],
            maximum=edges[-1],
            histogram=Histogram(list(edges), counts),
        )
        for place in range(4)
    ]


def watch_numbers(*edges: float, **more: Any) -> Watch:
    return Watch(
        with_contract(classifier_graph(SPECIES), contract(numbers(*edges), SPECIES, **more))
    )


def served(report: DriftReport, place: int = 0) -> list[float | None]:
    return [one.served for one in report.features[place].bins]


DECILES = [float(edge) for edge in range(11)]


def test_each_value_is_in_the_bin_that_numpy_puts_it_into() -> None:
    watch = watch_numbers(*DECILES)
    random = np.random.default_rng(0)
    rows = np.array(random.choice([0.3, 4.7, *range(11)], (900, 4)), np.float32)
    watch.serve(rows[:400].tolist())
    watch.serve_together(rows[400:].tolist(), np.array(["Adelie"] * 500))
    report = watch.report()
    assert (report.rows, report.examined) == (900, 900)
    for place in range(4):
        expected = np.histogram(rows[:, place], DECILES)[0] / 900
        assert served(report, place) == pytest.approx(expected.tolist())


def test_values_out_of_range_are_told_on_both_sides_and_at_the_limits() -> None:
    watch = watch_numbers(0.1, 0.2, 0.3)
    inside = [0.1, 0.3, 0.2, 0.15]
    watch.serve([inside] * 8 + [[0.09, 0.31, 1e30, -1e30]] * 2)
    watch.serve_together([inside] * 10)  # as float32, 0.3 is more than 0.3
    report = watch.report()
    assert [feature.out_of_range for feature in report.features] == [0.1] * 4


def test_labels_are_counted_by_class() -> None:
    watch = watch_numbers(0, 1, answers=[AnswerDistribution(counts=[50, 25, 25])])
    watch.serve([[0.5] * 4] * 600, ["Adelie"] * 300 + ["Gentoo"] * 150 + ["Chinstrap"] * 150)
    answers = watch.report().answers
    assert answers.psi == pytest.approx(0.0)
    (target,) = answers.targets
    assert [(b.value, b.training, b.served) for b in target.bins] == [
        ("Adelie", 0.5, 0.5),
        ("Chinstrap", 0.25, 0.25),
        ("Gentoo", 0.25, 0.25),
    ]
    watch.serve([[0.5] * 4] * 600, ["Gentoo"] * 600)
    assert (watch.report().answers.psi or 0) > 0.2


def test_labels_are_told_without_a_distribution_in_the_contract() -> None:
    """Files of earlier releases have no counts of answers, and features without histograms."""
    watch = Watch(penguins())
    watch.serve([[39.1, 18.7, 181.0, 3750.0]] * 300)
    report = watch.report()
    assert [feature.psi for feature in report.features] == [None] * 4
    assert [one.training for one in report.features[0].bins] == [None]
    assert report.answers.psi is None
    assert report.answers.targets[0].bins[0].served == 1.0


@pytest.mark.parametrize("targets", [None, ["u", "v"]])
def test_values_of_a_regression_are_counted(targets: list[str] | None) -> None:
    count = len(targets or [""])
    answers = [AnswerDistribution(histogram=Histogram([0.0, 1.0, 2.0], [300, 100]))] * count
    watch = Watch(regressor(targets, answers=answers))
    values = np.tile(np.array([[0.5], [0.5], [0.5], [1.5]], np.float32), (100, count))
    row = [39.1, 18.7, 181.0, 3750.0]
    for at in range(4):
        timing = answered(
            row,
            outputs=["label"],
            results=[values[at].tolist() if targets else float(values[at, 0])],
        )
        watch.hand_off.append(watch.servable, timing)
    watch.servable.to_feeds([row])
    feeds = watch.servable.to_feeds([row] * 396)
    watch.hand_off.append(
        watch.servable,
        answered(None, feeds=feeds, outputs=["label"], results=[values[4:]], rows=396),
    )
    report = watch.report()
    assert [target.name for target in report.answers.targets] == (targets or [""])
    assert [[b.served for b in t.bins] for t in report.answers.targets] == [[0.75, 0.25]] * count
    assert report.answers.psi == pytest.approx(0.0)


def test_every_kind_of_feature_is_counted() -> None:
    known: list[dict[str, Any]] = [
        {"missing": 50, "histogram": Histogram([2.0, 4.0, 7.0], [25, 25])},
        {"histogram": Histogram([1.0, 3.0, 9.0], [50, 50]), "minimum": 1.0, "maximum": 9.0},
        {"counts": [20, 80]},
        {"counts": [50, 50]},
        {"counts": [40, 40], "missing": 20},
    ]
    features = [msgspec.structs.replace(f, **more) for f, more in zip(MIXED, known, strict=True)]
    watch = Watch(mixed(features))
    rows: list[list[Any]] = [
        *[[2.5, 2, True, "Biscoe", "female"]] * 200,
        *[[5.0, 9, True, "Dream", "male"]] * 200,
        *[[None, 10, False, "Dream", None]] * 50,
        *[[1.0, 3, True, "Biscoe", "other"]] * 50,
    ]
    watch.serve_together(rows, np.array(["Adelie"] * 500))
    report = watch.report()
    mass, age, wild, island, sex = report.features
    assert (mass.missing, mass.out_of_range) == (0.1, pytest.approx(50 / 450))
    assert [one.served for one in mass.bins] == pytest.approx([200 / 450, 200 / 450])
    assert (age.out_of_range, [one.served for one in age.bins]) == (0.1, [0.4, 0.5])
    assert [(b.value, b.served) for b in wild.bins] == [("false", 0.1), ("true", 0.9)]
    assert [(b.value, b.served) for b in island.bins] == [("Biscoe", 0.5), ("Dream", 0.5)]
    assert (sex.missing, sex.unseen) == (0.1, pytest.approx(50 / 450))
    assert island.psi == pytest.approx(0.0)
    assert sex.psi is not None
    assert sex.psi > 0.2  # a tenth of values that training did not have


@pytest.mark.parametrize(("rows", "has_psi"), [(199, False), (200, True), (201, True)])
def test_few_rows_have_no_psi(rows: int, has_psi: bool) -> None:
    watch = watch_numbers(0, 1, 2)
    watch.serve([[0.5, 1.5, 0.5, 1.5]] * rows)
    assert (watch.report().features[0].psi is not None) == has_psi


def test_before_anything_is_served_there_is_a_report_without_rows() -> None:
    report = watch_numbers(0, 1).report()
    assert (report.since, report.rows, report.features[0].psi) == (None, 0, None)
    assert served(report) == [None]


def test_above_its_rate_a_sample_stands_for_all() -> None:
    """One million rows in ten seconds, in requests of 500 rows."""
    watch = watch_numbers(*DECILES)
    random = np.random.default_rng(5)
    for _ in range(2000):
        watch.now += 0.005
        rows = random.choice([0.5, 1.5, 9.5], 500, p=[0.2, 0.5, 0.3])
        watch.serve_together(
            np.repeat(rows[:, None], 4, axis=1).tolist(), np.array(["Adelie"] * 500)
        )
        watch.hand_off.flush()
    report = watch.report()
    assert 3_000 < report.examined < 6_000
    assert report.rows == pytest.approx(1_000_000, rel=0.02)
    shares = served(report)
    assert [shares[0], shares[1], shares[9]] == pytest.approx([0.2, 0.5, 0.3], abs=0.02)
    assert sum(share or 0 for share in shares) == pytest.approx(1.0)


def test_a_burst_after_a_pause_is_counted_whole() -> None:
    watch = watch_numbers(*DECILES)
    watch.serve([[0.5] * 4] * 1000)
    report = watch.report()
    assert (report.rows, report.examined) == (1000, 1000)


def test_a_version_published_anew_begins_anew() -> None:
    watch = watch_numbers(0, 1)
    watch.serve([[0.5] * 4] * 10)
    assert watch.report().rows == 10
    watch.servable = Servable.load("m", 3, penguins())
    assert watch.report().rows == 0


def test_a_foreign_file_is_not_counted() -> None:
    watch = Watch((FIXTURES / "foreign.onnx").read_bytes())
    watch.serve([[1.0] * 4])
    watch.hand_off.flush()
    assert watch.reports.report(watch.servable) is None


def test_a_freed_version_is_forgotten_by_the_counter() -> None:
    watch = watch_numbers(0, 1)
    watch.serve([[0.5] * 4] * 10)
    watch.report()
    assert len(watch.counter._known) == 1
    watch.servable = Servable.load("m", 4, penguins())
    gc.collect()
    assert len(watch.counter._known) == 0


@pytest.mark.parametrize("features", [500, 501])
def test_the_first_500_features_are_watched(features: int) -> None:
    onnx_graph = graph(
        [node("Identity", ["X"], ["label"])],
        [value("X", FLOAT, "n", features)],
        [value("label", FLOAT, "n", features)],
    )
    names = [f"x{place}" for place in range(features)]
    wide = [Feature(name, "number", "X", example=0.5, minimum=0.0, maximum=1.0) for name in names]
    watch = Watch(with_contract(onnx_graph, contract(wide, None, targets=names)))
    rows = np.full((3, features), 0.5, np.float32)
    timing = answered(None, feeds={"X": rows}, outputs=["label"], results=[rows], rows=3)
    watch.hand_off.append(watch.servable, timing)
    report = watch.report()
    assert len(report.features) == 500
    assert len(report.answers.targets) == 100
    assert [one.served for one in report.features[-1].bins] == [1.0]


def test_a_shift_of_one_standard_deviation_is_seen_within_500_rows() -> None:
    random = np.random.default_rng(7)
    training = random.normal(size=5000)
    watch = watch_numbers(*np.quantile(training, np.linspace(0, 1, 11)).tolist())
    rows = random.normal(size=(500, 4))
    rows[:, 2] += 1
    watch.serve(rows.tolist())
    psi = [feature.psi or 0 for feature in watch.report().features]
    assert psi[2] > 0.2
    assert max(psi[:2] + psi[3:]) < 0.1
