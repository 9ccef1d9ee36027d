"""Record how each pipeline of the corpus is converted, for docs/reference/estimators.md.

After a change of the corpus, run ``PYTHONPATH=tests:tools python -m
acceptance.corpus.pipelines.record``: only pipelines that are not recorded yet are converted. Delete
the file to record all of them again.
"""

from __future__ import annotations

import json
import re
import sys
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sklearn.base import clone

from acceptance.corpus.datasets import load
from exporter.conversion.parity import choose_tolerance
from exporter.conversion.search import find_conversion
from exporter.data.dataset import gather
from exporter.data.estimator import FittedEstimator
from exporter.data.forms import find_form
from exporter.data.inner_estimators import estimators_within
from exporter.errors import ExporterError
from support.project import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acceptance.corpus.case import Case

FILE = ROOT / "docs" / "reference" / "estimators.json"
LIBRARIES = {
    "sklearn": "scikit-learn",
    "catboost": "catboost",
    "category_encoders": "category-encoders",
    "imblearn": "imbalanced-learn",
    "lightgbm": "lightgbm",
    "xgboost": "xgboost-cpu",
}


def describe(case: Case) -> str:
    """Name a case; without the addresses of functions, which differ in every process."""
    columns = f" [{', '.join(case.columns)}]" if case.columns else ""
    return re.sub(r" at 0x[0-9a-f]+", "", case.name) + columns


def record(case: Case) -> dict[str, Any]:
    """Fit and convert a case, and compare it as ``publish()`` does."""
    x, y = load(case.data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some stop before they have converged
        model = clone(case.model).fit(x, y)
        found: dict[str, Any] = {"estimators": _kinds(model)}
        try:
            original = FittedEstimator(model, find_form(x))
            data = gather(original, x, None, None, None)
            tolerance = choose_tolerance(original, data.all.answers, None)
            conversion, comparison = find_conversion(original, data.all, tolerance, lambda _: None)
        except ExporterError as error:
            return found | {"refused": str(error).splitlines()[0]}
    parity = comparison.to_contract(conversion.layout.precision)
    return found | {"precision": parity.precision, "ties": bool(parity.ties)}


def read() -> dict[str, Any]:
    """Return what is recorded."""
    if not FILE.exists():
        return {"versions": {}, "cases": {}}
    recorded: dict[str, Any] = json.loads(FILE.read_text())
    return recorded


def write(corpus: Sequence[Case]) -> None:
    """Record what is new, and drop what the corpus no longer has."""
    known = read()["cases"]
    cases: dict[str, Any] = {}
    for place, case in enumerate(corpus):
        name = describe(case)
        cases[name] = known.get(name) or record(case)
        sys.stderr.write(f"{place + 1} of {len(corpus)}: {name[:90]}\n")
        if name not in known:
            _save({**known, **cases})
    _save(cases)


def _save(cases: dict[str, Any]) -> None:
    versions = {name: version(package) for name, package in LIBRARIES.items()}
    text = json.dumps({"versions": versions, "cases": cases}, indent=1, ensure_ascii=False)
    temporary = Path(f"{FILE}.new")
    temporary.write_text(text + "\n")
    temporary.replace(FILE)


def _kinds(model: Any) -> list[str]:
    kinds = {type(part) for part in estimators_within(model)}
    roots = {kind: kind.__module__.partition(".")[0] for kind in kinds}
    names = {f"{root}.{kind.__name__}" for kind, root in roots.items() if root in LIBRARIES}
    return sorted(name for name in names if not name.partition(".")[2].startswith("_"))


if __name__ == "__main__":
    from acceptance.corpus.test_share import KINDS, PREDICTORS

    write([*PREDICTORS, *KINDS])
