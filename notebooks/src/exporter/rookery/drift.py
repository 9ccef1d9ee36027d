"""How far served values are from those of the training data, as a DataFrame that draws itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SHARES = ["psi", "missing", "unseen", "out_of_range"]
# What is usually called no shift, and a shift.
_SMALL, _LARGE = 0.1, 0.2
_COLORS = {"none": "#2a9d8f", "some": "#e9c46a", "shift": "#e76f51"}


class Drift(pd.DataFrame):  # type: ignore[misc]
    """The population stability index of each feature and answer, and shares of odd values.

    ``drift.rows`` is the number of served rows in the window, ``drift.version`` the version.
    """

    _metadata = ["rows", "version"]  # noqa: RUF012 - pandas' protocol
    rows: int
    version: int

    @property
    def _constructor(self) -> Any:
        return pd.DataFrame

    def draw(self, ax: Axes | None = None) -> Axes:
        """Draw the indices as bars, with lines at 0.1 and 0.2.

        Args:
            ax: Where to draw; ``None`` for a new figure.
        """
        import matplotlib.pyplot as plt  # noqa: PLC0415 - only drawing needs it

        shown = self[self["psi"].notna()].iloc[::-1]
        if ax is None:
            _, ax = plt.subplots(figsize=(7, 1 + 0.32 * len(shown)), layout="constrained")
        ax.barh(shown.index.astype(str), shown["psi"], color=[_color(psi) for psi in shown["psi"]])
        for limit in (_SMALL, _LARGE):
            ax.axvline(limit, color="gray", linewidth=0.8, linestyle="--")
        ax.set(
            title=f"version {self.version}: {self.rows:,} served rows against training",
            xlabel="population stability index",
        )
        return ax


def to_drift(document: dict[str, Any]) -> Drift:
    """Return the document of ``GET /models/{name}/drift`` as a table."""
    answers = document["answers"]["targets"]
    lines = [{"feature": one["name"], **_shares(one)} for one in document["features"]]
    lines += [{"feature": f"answer {one['name']}".strip(), **_shares(one)} for one in answers]
    table = Drift(lines, columns=["feature", *_SHARES]).set_index("feature")
    drift = Drift(table.astype(float))
    drift.rows, drift.version = document["rows"], document["version"]
    return drift


def _shares(one: dict[str, Any]) -> dict[str, Any]:
    return {name: one[name] for name in _SHARES}


def _color(psi: float) -> str:
    return _COLORS["shift" if psi > _LARGE else "some" if psi > _SMALL else "none"]
