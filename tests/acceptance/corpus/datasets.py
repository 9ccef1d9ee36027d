"""Small data sets, each as rows and a target."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from palmerpenguins import load_penguins
from sklearn import datasets

Data = tuple[Any, Any]
_ROWS = 160

_OPENINGS = [
    "The café is",
    "A naïve film was",
    "Our hotel seemed",
    "I think the ÖBB train is",
    "Food",
]
_MIDDLES = [
    "really very good",
    "not so bad",
    "too loud, too late",
    "quite good!",
    "bad & boring (12)",
]
_CLOSINGS = [
    "",
    "  with  double blanks",
    "... don't go there.",
    "\nSecond line",
    " at 7:30 p.m.",
    "日本",
]


@cache
def load(name: str) -> Data:
    """Load a data set by its name."""
    found: Data = _MAKERS[name]()
    return found


def _bundled(name: str, rows: int = _ROWS, *, names: bool = False) -> Data:
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True, as_frame=names)
    order = np.random.default_rng(0).permutation(len(x))[:rows]
    return (x.iloc[order].reset_index(drop=True), y.iloc[order]) if names else (x[order], y[order])


def _penguins(columns: list[str], *, missing: bool = False, target: str = "species") -> Data:
    frame = load_penguins()
    frame = frame if missing else frame.dropna()
    frame = frame.iloc[:: max(len(frame) // _ROWS, 1)].reset_index(drop=True)
    frame = frame[frame[target].notna()].reset_index(drop=True)
    return frame[columns], frame[target]


def _coded(*, missing: bool = False) -> Data:
    frame, y = _penguins([*_MEASUREMENTS, "island", "sex"], missing=missing)
    return frame, np.unique(y, return_inverse=True)[1]  # XGBoost takes no other classes


def _categories(*, missing: bool = False) -> Data:
    frame, codes = _coded(missing=missing)
    return frame.astype({"island": "category", "sex": "category"}), codes


def _titanic(*, missing: bool = True) -> Data:
    rng = np.random.default_rng(3)
    rows = _ROWS
    frame = pd.DataFrame(
        {
            "pclass": rng.integers(1, 4, rows),
            "sex": rng.choice(["female", "male"], rows),
            "age": rng.uniform(1, 80, rows).round(1),
            "sibsp": rng.poisson(0.6, rows),
            "fare": rng.gamma(2, 15, rows).round(2),
            "embarked": rng.choice(["C", "Q", "S"], rows),
            "alone": rng.random(rows) < 0.5,
        }
    )
    if missing:
        frame.loc[rng.random(rows) < 0.2, "age"] = np.nan
        frame.loc[rng.random(rows) < 0.1, "embarked"] = np.nan
        frame.loc[rng.random(rows) < 0.1, "fare"] = np.nan
    score = (frame["sex"] == "female") * 2 - frame["pclass"] + frame["fare"].fillna(30) / 40
    return frame, np.where(score + rng.normal(size=rows) > 0, "survived", "died")


def _texts(rows: int = 90) -> Data:
    rng = np.random.default_rng(5)
    texts = [
        f"{rng.choice(_OPENINGS)} {rng.choice(_MIDDLES)}{rng.choice(_CLOSINGS)}"
        for _ in range(rows)
    ]
    return texts, np.array(["good" in text for text in texts], dtype=int)


def _text_frame() -> Data:
    texts, y = _texts()
    rng = np.random.default_rng(6)
    frame = pd.DataFrame({"review": texts, "stars": rng.integers(1, 6, len(texts))})
    return frame, np.where(y == 1, "good", "bad")


def _grid() -> Data:
    return np.arange(0, 200, 2).reshape(-1, 1) / 10, np.arange(100) % 2


def _levels() -> Data:
    rng = np.random.default_rng(7)
    x = rng.integers(0, 5, (_ROWS, 3)).astype(float)
    return x, (x[:, 0] * 2 + x[:, 1] > 5).astype(int)


def _gaps() -> Data:
    x, y = _bundled("iris")
    x = x.copy()
    x[np.random.default_rng(8).random(x.shape) < 0.1] = np.nan
    return x, y


def _jittered_gaps() -> Data:
    x, y = _gaps()
    return x + np.random.default_rng(12).normal(0, 0.03, x.shape), y


def _counts() -> Data:
    rng = np.random.default_rng(9)
    x = rng.normal(size=(_ROWS, 4))
    return x, rng.poisson(np.exp(0.4 * x[:, 0] + 0.5)).astype(float)


def _friedman() -> Data:
    return datasets.make_friedman1(_ROWS, 6, noise=0.5, random_state=0)


def _several() -> Data:
    return datasets.make_regression(_ROWS, 5, n_targets=3, noise=2, random_state=0)


def _two_labels() -> Data:
    x, y = _bundled("iris")
    return x, np.column_stack([np.array(["s", "v", "g"])[y], np.where(x[:, 1] > 3, "wide", "slim")])


def _topics() -> Data:
    return datasets.make_multilabel_classification(_ROWS, 6, n_classes=4, random_state=0)


def _penguins_of_two_labels() -> Data:
    frame, species = _penguins([*_MEASUREMENTS, "island", "sex"], missing=True)
    return frame, np.column_stack(
        [species, np.where(frame["body_mass_g"] > 4000, "heavy", "light")]
    )


def _moons() -> Data:
    return datasets.make_moons(_ROWS, noise=0.25, random_state=0)


def _large() -> Data:
    x, y = datasets.make_classification(_ROWS, 6, n_informative=4, n_classes=3, random_state=1)
    return x * [1, 10, 1e3, 1e4, 1e5, 1e6] + [0, 5, 1e3, 1e5, 0, 1e7], y


_MEASUREMENTS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
_MAKERS: dict[str, Any] = {
    "iris": lambda: _bundled("iris"),
    "iris frame": lambda: _bundled("iris", names=True),
    "wine": lambda: _bundled("wine"),
    "cancer": lambda: _bundled("breast_cancer"),
    "digits": lambda: _bundled("digits", 200),
    "diabetes": lambda: _bundled("diabetes"),
    "diabetes frame": lambda: _bundled("diabetes", names=True),
    "penguins": lambda: _penguins([*_MEASUREMENTS, "island", "sex"]),
    "penguins with gaps": lambda: _penguins([*_MEASUREMENTS, "island", "sex"], missing=True),
    "coded penguins": _coded,
    "coded penguins with gaps": lambda: _coded(missing=True),
    "penguin categories": _categories,
    "penguin categories with gaps": lambda: _categories(missing=True),
    "body mass": lambda: _penguins([*_MEASUREMENTS[:3], "island", "sex"], target="body_mass_g"),
    "measurements": lambda: _penguins(_MEASUREMENTS),
    "titanic": _titanic,
    "titanic without gaps": lambda: _titanic(missing=False),
    "texts": _texts,
    "text frame": _text_frame,
    "grid": _grid,
    "levels": _levels,
    "gaps": _gaps,
    "jittered gaps": _jittered_gaps,
    "counts": _counts,
    "friedman": _friedman,
    "several": _several,
    "two labels": _two_labels,
    "topics": _topics,
    "penguins with gaps of two labels": _penguins_of_two_labels,
    "moons": _moons,
    "large": _large,
}
