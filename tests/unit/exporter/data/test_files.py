"""A model file of a library that is not installed is refused with what to install."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import joblib
import pytest
from catboost import CatBoostRegressor
from lightgbm import LGBMRegressor
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from xgboost import XGBRegressor

from exporter.data.files import load_model
from exporter.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("library", "kind"),
    [("xgboost", XGBRegressor), ("lightgbm", LGBMRegressor), ("catboost", CatBoostRegressor)],
)
@pytest.mark.parametrize("saved", [None, "0.1"], ids=["same scikit-learn", "another scikit-learn"])
def test_says_which_library_to_install(
    library: str,
    kind: type[object],
    saved: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "model.joblib"
    if saved is not None:
        monkeypatch.setattr("sklearn.base.__version__", saved)
    joblib.dump(make_pipeline(LinearRegression(), kind()), path)
    monkeypatch.undo()
    for name in [name for name in sys.modules if name.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [_Absent(library), *sys.meta_path])
    with pytest.raises(ModelError, match=rf"needs {library}, .* install the extra notebooks"):
        load_model(path)


class _Absent:
    """A finder that makes a package absent."""

    def __init__(self, package: str) -> None:
        self._package = package

    def find_spec(self, name: str, *_: object) -> None:
        if name.partition(".")[0] == self._package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
