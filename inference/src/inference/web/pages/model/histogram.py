"""The distribution of a feature in training, as a drawing behind its slider."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference.web.pages.html import Html, element

if TYPE_CHECKING:
    from inference.model.contract import Histogram
    from inference.web.pages.model.numbers import Scale

WIDTH, HEIGHT = 200, 28


def draw_histogram(histogram: Histogram | None, scale: Scale) -> Html | None:
    """Return the drawing; ``None`` if there is nothing to draw.

    The edges are quantiles, so that the bins differ in width: the height is the density. Heights
    are square roots, because a single value that is frequent would flatten all others.
    """
    if histogram is None or len(histogram.edges) != len(histogram.counts) + 1:
        return None
    least_width = (scale.highest - scale.lowest) / WIDTH
    bins = zip(histogram.edges, histogram.edges[1:], histogram.counts, strict=False)
    bars = [(begin, end, count / max(end - begin, least_width)) for begin, end, count in bins]
    tallest = max((density for _, _, density in bars), default=0.0)
    if not 0 < tallest < float("inf"):
        return None
    drawn = [_bar(scale, begin, end, (density / tallest) ** 0.5) for begin, end, density in bars]
    return element(
        "svg",
        drawn,
        class_="histogram",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        preserveAspectRatio="none",
        aria_hidden="true",
    )


def _bar(scale: Scale, begin: float, end: float, height: float) -> Html:
    left, right = WIDTH * scale.share(begin), WIDTH * scale.share(end)
    tall = HEIGHT * height
    return element(
        "rect",
        x=f"{left:.1f}",
        y=f"{HEIGHT - tall:.1f}",
        width=f"{max(right - left, 1.0):.1f}",
        height=f"{tall:.1f}",
    )
