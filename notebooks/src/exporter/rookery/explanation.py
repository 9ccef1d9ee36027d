"""Explanations as DataFrames that draw themselves."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, Any

import pandas as pd

from exporter.display.elements import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_POSITIVE, _NEGATIVE = "#2a9d8f", "#e76f51"
_SHOWN_FEATURES = 12
# Columns of answers, see :mod:`exporter.rookery.answers`.
_LABEL, _SHARE = re.compile(r"label(_|\Z| \(answer\))"), re.compile("p_|score|distance_")
_ROW, _WIDTH, _LEFT, _RIGHT = 22, 520, 190, 70


class Explanation(pd.DataFrame):  # type: ignore[misc]
    """Contributions of features: a row for each row asked (and class), a column for each feature.

    Before the features come the answer (``label`` or ``value``), its probability where there is
    one, and ``base``: the mean answer over the background. Base and contributions add up to what
    is explained. A notebook shows the first row as bars above the table.

    ``explanation.features`` names the columns with contributions.
    """

    _metadata = ["features"]  # noqa: RUF012 - pandas' protocol
    features: list[str]

    @property
    def _constructor(self) -> Any:
        return pd.DataFrame  # what is computed from it is a table like any other

    def draw(self, row: int = 0, ax: Axes | None = None) -> Axes:
        """Draw the contributions of one row as bars, the largest on top.

        Args:
            row: The position of the row.
            ax: Where to draw; ``None`` for a new figure.
        """
        import matplotlib.pyplot as plt  # noqa: PLC0415 - only drawing needs it

        largest = _largest(self.iloc[row][self.features])
        if ax is None:
            _, ax = plt.subplots(figsize=(7, 0.8 + 0.32 * len(largest)), layout="constrained")
        colors = [_POSITIVE if value >= 0 else _NEGATIVE for _, value in largest]
        names = [name for name, _ in largest][::-1]
        ax.barh(names, [value for _, value in largest][::-1], color=colors[::-1])
        ax.axvline(0, color="gray", linewidth=0.8)
        ax.set(title=_title(self.iloc[row]), xlabel="contribution")
        return ax

    def _repr_html_(self) -> str | None:
        table: str | None = super()._repr_html_()
        if table is None or not len(self):
            return table
        return _to_svg(self.iloc[0], self.features) + table


def _largest(row: Any) -> list[tuple[str, float]]:
    pairs = [(str(name), float(value)) for name, value in row.items() if pd.notna(value)]
    return sorted(pairs, key=lambda pair: -abs(pair[1]))[:_SHOWN_FEATURES]


def _title(row: Any) -> str:
    shown = [name for name in ("label", "value") if name in row.index]
    answer = f"{row[shown[0]]}" if shown else "the answer"
    return f"why {answer}: base {number(float(row['base']), 3)}, plus"


def _to_svg(row: Any, features: list[str]) -> str:
    largest = _largest(row[features])
    span = max((abs(value) for _, value in largest), default=0) or 1
    middle = _LEFT + (_WIDTH - _LEFT - _RIGHT) / 2
    scale = (_WIDTH - _LEFT - _RIGHT) / 2 / span
    bars = ""
    for place, (name, value) in enumerate(largest):
        top, length = place * _ROW, abs(value) * scale
        left = middle if value >= 0 else middle - length
        color = _POSITIVE if value >= 0 else _NEGATIVE
        bars += (
            f"<text x='{_LEFT - 8}' y='{top + 15}' text-anchor='end'>{escape(name[:28])}</text>"
            f"<rect x='{left:.1f}' y='{top + 4}' width='{length:.1f}' height='14' fill='{color}'/>"
            f"<text x='{_WIDTH - _RIGHT + 8}' y='{top + 15}'>{number(value, 3, '+')}</text>"
        )
    height = _ROW * len(largest) + 4
    return (
        f"<div>{escape(_title(row))}</div>"
        f"<svg role='img' aria-label='{escape(_title(row), quote=True)}' width='{_WIDTH}' "
        f"height='{height}' style='font:12px system-ui,sans-serif;fill:currentColor'>"
        f"<line x1='{middle}' x2='{middle}' y1='0' y2='{height}' stroke='gray'/>{bars}</svg>"
    )


class WhatIf(pd.DataFrame):  # type: ignore[misc]
    """Answers along one feature, the others held: a row for each value.

    ``what_if.feature`` is the feature's name, and the first column.
    """

    _metadata = ["feature"]  # noqa: RUF012 - pandas' protocol
    feature: str

    @property
    def _constructor(self) -> Any:
        return pd.DataFrame

    def draw(self, ax: Axes | None = None) -> Axes:
        """Draw the numbers of the answer along the feature: lines, or bars for categories.

        Args:
            ax: Where to draw; ``None`` for a new figure.
        """
        import matplotlib.pyplot as plt  # noqa: PLC0415 - only drawing needs it

        if ax is None:
            _, ax = plt.subplots(figsize=(7, 3.2), layout="constrained")
        numbers = self.drop(columns=[self.feature]).select_dtypes("number")
        if any(map(_SHARE.match, numbers)):  # beside them the numbers of classes say nothing
            numbers = numbers[[name for name in numbers if not _LABEL.match(name)]]
        is_line = pd.api.types.is_numeric_dtype(self[self.feature])
        numbers.index = pd.Index(self[self.feature], name=self.feature)
        pd.DataFrame(numbers).plot(ax=ax, kind="line" if is_line else "bar")
        ax.set(title=f"what if {self.feature} were", xlabel=self.feature)
        return ax
