"""The arithmetic of ``make bench``: what is measured is not tested, what is made of it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmark.criteria import Criterion, field_of, judge
from benchmark.figures import interleave, ratios, spread
from benchmark.page import REMARKS, read_remarks, render_page, render_verdicts
from benchmark.requirements import CRITERIA
from benchmark.wrk import Request, Wrk

if TYPE_CHECKING:
    from pathlib import Path

FACTS = {
    "date": "2026-01-01",
    "rounds": 2,
    "seconds": 1,
    "machine": {"cores": "2"},
    "versions": {"Python": "3.13"},
}


def test_rounds_are_interleaved_and_alternate_in_direction() -> None:
    order: list[str] = []

    def measure(name: str) -> dict[str, float]:
        order.append(name)
        return {"rate": float(len(order))}

    results = interleave({name: lambda name=name: measure(name) for name in "abc"}, 3)

    assert "".join(order) == "abccbaabc"
    assert results["a"] == [{"rate": 1.0}, {"rate": 6.0}, {"rate": 7.0}]


def test_spread_is_the_median_and_the_extremes() -> None:
    assert spread([3, 1, 100]) == (3, 1, 100)


def test_ratios_are_taken_within_each_round() -> None:
    results = {"ours": [{"rate": 10.0}, {"rate": 40.0}], "peer": [{"rate": 5.0}, {"rate": 10.0}]}

    assert ratios(results, "ours", "peer", "rate") == [2.0, 4.0]


@pytest.mark.parametrize(("on", "holds"), [(90.0, "yes"), (79.0, "**no**")])
def test_a_criterion_is_held_against_the_median(on: float, holds: str) -> None:
    results = {
        "batching/neighbors-by-scan/on": [{"rate": on}] * 3,
        "batching/neighbors-by-scan/off": [{"rate": 10.0}] * 3,
    }

    (line,) = [line for line in render_verdicts(results).splitlines() if "converts it" in line]

    assert line.endswith(f"| at least 8 | {on / 10:.2f} | {holds} |".replace(".00", ""))


def test_what_was_not_measured_is_said_and_not_judged() -> None:
    verdicts = judge(CRITERIA, {})

    assert len(verdicts) == len(CRITERIA)
    assert {verdict.holds for verdict in verdicts} == {None}
    assert "not measured" in render_verdicts({})


def test_a_page_keeps_the_remarks_of_a_person(tmp_path_factory: pytest.TempPathFactory) -> None:
    page = tmp_path_factory.mktemp("reference") / "benchmarks.md"
    results = {"start/cold": [{"all_seconds": 1.0}, {"all_seconds": 1.2}]}
    assert not read_remarks(page)
    page.write_text(render_page(results, FACTS, picture="p.png", remarks="The disk was slow.\n"))

    again = render_page(results, FACTS, picture="p.png", remarks=read_remarks(page))

    assert again == page.read_text()
    assert again.endswith(f"\n{REMARKS}\nThe disk was slow.\n")
    assert "| cold | 1.10 (1 to 1.20) |" in again


@pytest.mark.parametrize(("in_every_round", "holds"), [(False, True), (True, False)])
def test_a_criterion_of_every_round_is_held_against_the_worst(
    in_every_round: bool, holds: bool
) -> None:
    results = {"a": [{"p99_ms": 1.0}, {"p99_ms": 1.5}, {"p99_ms": 6.5}]}
    values = field_of("a", "p99_ms")
    criterion = Criterion("", "", "at most", 2, "", values, in_every_round=in_every_round)

    (verdict,) = judge([criterion], results)

    assert verdict.holds is holds


def test_each_request_of_a_unique_head_has_another_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wrk").touch(0o755)  # it is not called
    monkeypatch.setenv("PATH", str(tmp_path))
    wrk = Wrk(tmp_path, [0])
    for is_unique in (True, False):
        request = Request("/predict", b"{}", is_unique=is_unique)
        wrk._command("http://127.0.0.1:1", request, 1, 1)
    unique, repeated = (file.read_text() for file in sorted(tmp_path.glob("*.lua")))
    assert "traceparent" in unique
    assert "counter = counter + 1" in unique
    assert "traceparent" not in repeated
