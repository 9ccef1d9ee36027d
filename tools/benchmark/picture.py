"""The picture: throughput beside the peers', by model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmark.figures import column, spread
from benchmark.names import FOREST, LOGISTIC, NEIGHBORS

if TYPE_CHECKING:
    from pathlib import Path

    from benchmark.figures import Results

_CONTENDERS = {
    "direct": ("Rookery", "#1b6b93"),
    "fastapi_onnx": ("FastAPI, pydantic, onnxruntime", "#e0a458"),
    "mlserver": ("MLServer", "#6a994e"),
    "fastapi_joblib": ("FastAPI, joblib, scikit-learn", "#a23b4a"),
}
_HEIGHT = 0.19
_MODELS = (LOGISTIC, FOREST, NEIGHBORS)


def draw(results: Results, file: Path) -> bool:
    """Draw one row over 16 connections.

    Returns:
        False, and nothing is drawn, when that was not measured.
    """
    if "single/any/16/echo" not in results:
        return False
    with mpl.rc_context({"font.family": "DejaVu Sans", "font.size": 9}):
        figure = Figure(figsize=(9, 3.8), layout="constrained", dpi=150)
        axes = figure.add_subplot()
        for place, (contender, (label, color)) in enumerate(_CONTENDERS.items()):
            spreads = [
                spread(column(results, f"single/{model}/16/{contender}", "rate"))
                for model in _MODELS
            ]
            medians = [s.median for s in spreads]
            bars = axes.barh(
                [index + (place - 1.5) * _HEIGHT for index in range(len(_MODELS))],
                medians,
                height=_HEIGHT,
                label=label,
                color=color,
                xerr=[
                    [s.median - s.low for s in spreads],
                    [s.high - s.median for s in spreads],
                ],
                error_kw={"elinewidth": 0.8, "ecolor": "#333333"},
            )
            axes.bar_label(bars, [f"{m:,.0f}" for m in medians], padding=6, fontsize=7)
        echo = spread(column(results, "single/any/16/echo", "rate")).median
        axes.axvline(echo, color="#333333", linestyle="--", linewidth=1)
        axes.text(echo, -0.58, f"bare ASGI echo: {echo:,.0f} ", ha="right", fontsize=8)
        axes.set_xscale("log")
        axes.set_xlim(right=echo * 1.9)
        axes.set_yticks(range(len(_MODELS)), [_spell(model) for model in _MODELS])
        axes.set_ylim(len(_MODELS) - 0.4, -0.75)
        axes.set_xlabel("answers a second, one row each, 16 connections, server on one core (log)")
        axes.spines[["top", "right"]].set_visible(False)
        figure.legend(loc="outside lower center", ncols=4, frameon=False)
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file)
    return True


def _spell(model: str) -> str:
    return model.removeprefix("penguins-").replace("-", " ")
