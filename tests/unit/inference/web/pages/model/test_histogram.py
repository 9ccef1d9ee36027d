from __future__ import annotations

import re

import pytest

from inference.model.contract import Histogram
from inference.web.pages.model.histogram import HEIGHT, WIDTH, draw_histogram
from inference.web.pages.model.numbers import Scale

SCALE = Scale(0.0, 10.0, 0.1)


def heights(drawing: str) -> list[float]:
    return [float(found) for found in re.findall(r'<rect[^>]* height="([^"]+)"', drawing)]


def test_height_is_the_root_of_the_density() -> None:
    drawing = draw_histogram(Histogram([0.0, 1.0, 5.0], [8, 8]), SCALE)
    assert drawing is not None
    assert heights(drawing) == [HEIGHT, pytest.approx(HEIGHT / 2)]


def test_bins_without_width_are_drawn_inside() -> None:
    drawing = draw_histogram(Histogram([0.0, 0.0, 0.0, 20.0], [90, 5, 5]), SCALE)
    assert drawing is not None
    assert all(0 <= height <= HEIGHT for height in heights(drawing))
    places = [float(found) for found in re.findall(r' x="([^"]+)"', drawing)]
    assert all(0 <= place <= WIDTH for place in places)


@pytest.mark.parametrize(
    "histogram",
    [
        None,
        Histogram([], []),
        Histogram([1.0], []),
        Histogram([0.0, 1.0], []),
        Histogram([0.0, 1.0], [0]),
        Histogram([0.0, float("nan")], [1]),
    ],
)
def test_nothing_is_drawn_of_a_histogram_without_rows(histogram: Histogram | None) -> None:
    drawing = draw_histogram(histogram, SCALE)
    assert drawing is None or "nan" not in drawing
