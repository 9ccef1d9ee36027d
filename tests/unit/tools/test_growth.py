"""What ``make growth`` makes of what it measured."""

from __future__ import annotations

import re

import pytest

from growth.crowd import Crowd, Document
from growth.page import render
from growth.replicas import Followed
from support.project import ROOT

BENCHMARKS = """
| penguins-logistic-regression/16/direct | 20,000 (1 to 2) | 1 |
| penguins-random-forest/16/direct | 10,000 (1 to 2) | 1 |
"""
DOCUMENTS = {
    "/models": Document(0.5, 0.1),
    "/metrics": Document(1.5, 0.2),
    "/openapi.json": Document(9, 5),
}
CROWDS = [
    Crowd(1, 7000, 1.0, 84.0, 44.0, 0.5, 0.001, DOCUMENTS),
    Crowd(1001, 7000, 51.0, 284.0, 244.0, 0.6, 0.011, DOCUMENTS),
]
FOLLOWED = [
    Followed(1, [(10.0, 10.0)] * 5, 25.0),
    Followed(100, [(12.0, 6.0), (11.0, 6.0), (90.0, 7.0)], 25.0),
]


@pytest.fixture(scope="module")
def page() -> str:
    return " ".join(render(CROWDS, FOLLOWED, BENCHMARKS, load=3.2).split())


@pytest.mark.parametrize(
    "text",
    [
        "a load of 3 before",
        "| 20,000 | 10,000 |",
        "≈ 72 million | ≈ 36 million",
        "44 MiB, and the other processes of the service 40 MiB",
        "≈ 22 workers fit into a GiB",
        "≈ 0.4 million requests",
        "takes 0.20 MiB, so ≈ 5,120 fit",
        "| 100 | 6.0 s (7.0) | 12.0 s (90.0) |",
        "live in all 100 replicas ≈ 12 s after",
        "| 86,400 GET | ≈ $0.035 |",
        "| 8,640 LIST | ≈ $0.043 |",
        "| 86,400 LIST | ≈ $0.43 |",
        "≈ $7.78 a day",
        "| 0.24 GiB | ≈ 2.0 GiB |",
        "| 51 s | ≈ 501 s |",
        "≈ 10% of a core",
        "| 2 | ≈ 10 |",
        "| `GET /openapi.json` | 9.0 MB in 5.0 s | ≈ 90 MB in 50 s |",
    ],
)
def test_a_figure_follows_from_the_measured_ones(text: str, page: str) -> None:
    assert text in page


def test_a_page_of_benchmarks_without_the_rate_is_named() -> None:
    with pytest.raises(AssertionError, match="no rate of penguins-logistic-regression"):
        render(CROWDS, FOLLOWED, "", load=0)


def test_the_page_in_the_documentation_has_the_sections_of_the_template() -> None:
    template = (ROOT / "tools" / "growth" / "template.md").read_text()
    page = (ROOT / "docs" / "reference" / "growth.md").read_text()
    fixed = re.compile(r"^## [^{\n]+$", re.MULTILINE)
    assert fixed.findall(template)
    assert set(fixed.findall(template)) <= set(fixed.findall(page))
