"""The arithmetic of ``make bench``: what is measured is not tested, what is made of it is."""

from __future__ import annotations

import pytest

from benchmark.criteria import CRITERIA, judge
from benchmark.figures import interleave, ratios, spread
from benchmark.page import REMARKS, read_remarks, render_page, render_verdicts

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
    verdicts = judge({})

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
