"""What cannot be published is refused with words that say what to do, and leaves nothing behind."""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.cluster import DBSCAN
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import NMF
from sklearn.ensemble import RandomForestClassifier, StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from exporter import publish
from exporter.conversion import converter
from exporter.data.estimator import FittedEstimator
from exporter.errors import (
    ArgumentError,
    ConversionError,
    DataError,
    ExporterError,
    InvalidNameError,
    ModelError,
    NotAdmittedError,
    NotHeldOutWarning,
    OptionError,
    ParityError,
    PlacementError,
    TargetError,
)
from inference.admission.report import Report
from inference.errors import RookeryError

if TYPE_CHECKING:
    from pathlib import Path

FRAME = pd.DataFrame(
    {"a": np.linspace(0, 1, 40), "b": np.tile([0.0, 1.0, 2.0, 3.0], 10), "c": np.arange(40.0)}
)
Y = (FRAME["a"] > 0.5).astype(int)
MODEL = LogisticRegression().fit(FRAME, Y)
BOTH = np.column_stack([Y, 1 - Y])
JACCARD = KNeighborsClassifier(metric="jaccard")
NMF_CLASSIFIER = make_pipeline(NMF(1), LogisticRegression())


class Homemade(ClassifierMixin, BaseEstimator):
    """A classifier that no converter knows."""

    def fit(self, X: Any, y: Any) -> Homemade:  # noqa: N803 - scikit-learn's name
        """Learn the classes."""
        self.classes_ = np.unique(y)
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X: Any) -> Any:  # noqa: N803
        """Guess the first class."""
        return np.full(len(X), self.classes_[0])


BAD: dict[str, tuple[type[ExporterError], str, dict[str, Any]]] = {
    "unfitted": (
        ModelError,
        r"not fitted yet: call model.fit\(X, y\)",
        {"model": LogisticRegression()},
    ),
    "no model": (ModelError, "a fitted scikit-learn estimator", {"model": FRAME}),
    "unsupported": (ConversionError, "supported_estimators", {"model": Homemade().fit(FRAME, Y)}),
    "own function": (
        ConversionError,
        r"calls cumsum, which ONNX does not support, because it calls .*\. You can do that to X",
        {
            "model": make_pipeline(FunctionTransformer(np.cumsum), LogisticRegression()).fit(
                FRAME, Y
            ),
        },
    ),
    "place": (
        ConversionError,
        "step 'prepare': transformer 'scores': step 'nmf': NMF cannot be written as ONNX: it iter",
        {
            "model": Pipeline(
                [
                    (
                        "prepare",
                        ColumnTransformer([("scores", make_pipeline(NMF(1)), ["a", "b"])]),
                    ),
                    ("log", LogisticRegression()),
                ]
            ).fit(FRAME, Y)
        },
    ),
    "stacked labels": (
        ConversionError,
        r"StackingClassifier with several labels .*: use MultiOutputClassifier\(StackingClass",
        {
            "model": StackingClassifier(
                [("tree", DecisionTreeClassifier().fit(FRAME, BOTH))],
                DecisionTreeClassifier(),
                cv="prefit",
            ).fit(FRAME, BOTH)
        },
    ),
    "only fitted rows": (
        ModelError,
        "DBSCAN labels only the rows it was fitted on: use KMeans, or",
        {"model": DBSCAN().fit(FRAME)},
    ),
    "iterates": (
        ConversionError,
        "NMF .* iterates for each row: use PCA",
        {"model": NMF(1, max_iter=500).fit(FRAME)},
    ),
    "vote": (
        ConversionError,
        "estimator 'far': KNeighborsClassifier with metric='jaccard' cannot .*: use one of bray",
        {
            "model": VotingClassifier([("log", LogisticRegression()), ("far", JACCARD)]).fit(
                FRAME, Y
            )
        },
    ),
    "name": (InvalidNameError, "for example 'my-model'", {"name": "My Model"}),
    "one dimension": (DataError, "reshape", {"X": FRAME["a"].to_numpy()}),
    "columns": (DataError, "column 'c' is missing", {"X": FRAME[["a", "b"]]}),
    "order": (DataError, "another order: pass X", {"X": FRAME[["c", "b", "a"]]}),
    "width": (DataError, "X has 2 columns, the model was fitted on 3", {"X": np.ones((4, 2))}),
    "missing": (DataError, "contains NaN", {"X": FRAME.mask(FRAME["a"] > 0.9)}),
    "infinite": (DataError, "'a' has infinite values", {"X": FRAME.replace({"a": {0.0: np.inf}})}),
    "dates": (DataError, "'b' is of type datetime64", {"X": FRAME.assign(b=pd.Timestamp(0))}),
    "mixed": (DataError, "'b' mixes", {"X": FRAME.assign(b=[1, "x"] * 20)}),
    "length of y": (TargetError, "y has 3 values for 40 rows", {"y": Y[:3]}),
    "unknown label": (TargetError, "which the model does not know", {"y": Y + 5}),
    "no pair": (TargetError, r"evaluate=\(X_test, y_test\)", {"evaluate": FRAME}),
    "held-out length": (TargetError, "evaluate's y has 40 values", {"evaluate": (FRAME[:3], Y)}),
    "held-out form": (DataError, "differ in form", {"evaluate": (FRAME.to_numpy(), Y)}),
    "unit": (
        OptionError,
        "names 'aa', which is not a feature. Did you mean 'a'",
        {"units": {"aa": "m"}},
    ),
    "units": (OptionError, "must be a dict by feature", {"units": ["m"]}),
    "numbered unit": (OptionError, "units names 0, which is not a feature", {"units": {0: "m"}}),
    "description": (OptionError, "must be a string", {"description": 3}),
    "targets": (OptionError, "leave it out", {"target_names": ["a"]}),
    "tolerance": (OptionError, "number of at least 0", {"tolerance": -1}),
    "tolerance nan": (OptionError, "number of at least 0", {"tolerance": float("nan")}),
    "url": (OptionError, "not an HTTP URL", {"url": "ftp://service"}),
    "surrogate": (OptionError, r"'\\ud800' has a surrogate", {"description": "\ud800"}),
    "unit's surrogate": (OptionError, "has a surrogate", {"units": {"a": "\ud800"}}),
    "key": (OptionError, "sign_with must be a path", {"sign_with": 5}),
}


@pytest.mark.parametrize("case", BAD)
def test_says_what_to_do_about_bad_input(case: str, tmp_path: Path) -> None:
    """Each has its error in the one tree, and publishes nothing."""
    error, message, changes = BAD[case]
    arguments = {"model": MODEL, "name": "m", "X": FRAME, "models_dir": tmp_path} | changes
    with pytest.raises(error, match=message) as caught:
        publish(**arguments)
    assert isinstance(caught.value, ExporterError)
    assert isinstance(caught.value, RookeryError)
    assert isinstance(caught.value, (ArgumentError, ConversionError))
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize("last", [LogisticRegression(), NMF_CLASSIFIER], ids=["rows", "model"])
def test_blames_no_column_that_the_model_does_not_read(last: Any, tmp_path: Path) -> None:
    """Dates that a column transformer drops have nothing to do with gaps, or with the model."""
    frame = FRAME.assign(when=pd.Timestamp(0))
    model = make_pipeline(ColumnTransformer([("kept", "passthrough", ["a", "b", "c"])]), last)
    model.fit(frame, Y)
    rows = frame if last is NMF_CLASSIFIER else frame.mask(frame["a"] > 0.9)
    with pytest.raises((DataError, ConversionError)) as caught:
        publish(model, "m", rows, models_dir=tmp_path, progress=False)
    assert "when" not in str(caught.value)
    assert "datetime" not in str(caught.value)


def test_shows_the_worst_rows_of_a_file_that_answers_otherwise(tmp_path: Path) -> None:
    """The table begins with the largest difference; the message says what could be accepted."""
    with pytest.raises(ParityError, match="0 of 40 labels differ") as caught:
        publish(MODEL, "m", FRAME, models_dir=tmp_path, tolerance=0)
    output = str(caught.value)
    assert "in float64, the best of all tried" in output
    assert "pass tolerance=" in output
    head, *rows = [line for line in output.splitlines() if line.startswith("  ")]
    assert head.split() == ["row", "the", "original", "the", "ONNX", "file", "difference"]
    differences = [float(row.split()[-1]) for row in rows[:-1]]
    assert differences == sorted(differences, reverse=True)
    assert " is a=" in rows[-1]
    assert list(tmp_path.rglob("*")) == []


def test_refuses_a_file_with_wrong_labels_whatever_the_tolerance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A label is right or wrong: no tolerance covers a wrong one."""
    wrong = FittedEstimator(LogisticRegression().fit(FRAME, 1 - Y))
    right = converter.compose  # type: ignore[attr-defined]
    monkeypatch.setattr(converter, "compose", lambda _, *a, **k: right(wrong, *a, **k))
    with pytest.raises(ParityError, match="40 of 40 labels differ"):
        publish(MODEL, "m", FRAME, models_dir=tmp_path, tolerance=1.0)
    assert list(tmp_path.rglob("*")) == []


def test_keeps_thresholds_that_single_precision_cannot_tell_apart(tmp_path: Path) -> None:
    """Scaled in float32 the rows would fall on the wrong side of the trees' thresholds."""
    x = np.column_stack([1e9 + np.arange(200) / 1e4, np.zeros(200)])
    forest = RandomForestClassifier(3, random_state=0).fit(x - 1e9, np.arange(200) % 2)
    scaler = StandardScaler(with_std=False).fit(np.array([[1e9, 0.0]]))
    publication = publish(make_pipeline(scaler, forest), "m", x, models_dir=tmp_path)
    assert publication.contract.parity.precision == "float64"
    assert publication.contract.parity.label_agreement == 1.0


def test_accepts_a_difference_that_the_caller_accepts(tmp_path: Path) -> None:
    """The tolerance given is the one recorded."""
    publication = publish(MODEL, "m", FRAME, models_dir=tmp_path, tolerance=0.25)
    assert publication.contract.parity.tolerance == 0.25
    assert publication.contract.parity.precision == "float32"


def test_repeats_why_the_service_would_refuse_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What admission refuses never reaches the service."""
    refusal = Report(admitted=False, reason="it needs more than 4096 MiB of memory")
    # The package exports the function under the module's own name.
    monkeypatch.setattr(sys.modules["exporter.publishing"], "examine", lambda *_: refusal)
    with pytest.raises(
        NotAdmittedError, match="would refuse the file: it needs more than 4096 MiB"
    ):
        publish(MODEL, "m", FRAME, models_dir=tmp_path)
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_leaves_nothing_when_the_disk_fails(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The version before stays as it was."""
    publish(MODEL, "m", FRAME, models_dir=tmp_path)
    before = sorted(tmp_path.rglob("*"))

    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(PlacementError, match="cannot publish to"):
        publish(MODEL, "m", FRAME, models_dir=tmp_path, description="another version")
    assert sorted(tmp_path.rglob("*")) == before


def test_warns_when_the_held_out_rows_are_the_fitted_ones(tmp_path: Path) -> None:
    """Metrics on known rows are not sold as held out without a word."""
    for name in ("evaluate", "calibrate"):
        with pytest.warns(NotHeldOutWarning, match=f"every row in {name}= is also in X"):
            publish(MODEL, "m", FRAME, models_dir=tmp_path, **{name: (FRAME, Y)})  # type: ignore[arg-type]


def test_does_not_write_metrics_of_known_rows_into_the_contract(tmp_path: Path) -> None:
    """Y alone is shown as a fit, and never travels."""
    publication = publish(MODEL, "m", FRAME, Y, models_dir=tmp_path)
    assert publication.metrics is None
    assert publication.fit is not None
    assert publication.fit.rows == len(FRAME)


def test_does_not_touch_the_model(tmp_path: Path) -> None:
    """What is adapted for conversion is a copy."""
    model = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(
        FRAME[["b"]].astype(int), Y > 0
    )
    before = model.predict_proba(FRAME[["b"]].astype(int))
    publish(model, "m", FRAME[["b"]].astype(int), models_dir=tmp_path)
    assert model.classes_.dtype == bool
    np.testing.assert_array_equal(model.predict_proba(FRAME[["b"]].astype(int)), before)


def test_takes_the_folder_and_the_url_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EXPORTER_MODELS_DIR and EXPORTER_URL stand in for the arguments."""
    monkeypatch.setenv("EXPORTER_MODELS_DIR", str(tmp_path))
    monkeypatch.setenv("EXPORTER_URL", "http://example.org:81/")
    publication = publish(MODEL, "m", FRAME)
    assert publication.path == tmp_path / "m/1/model.onnx"
    assert publication.predict_url == "http://example.org:81/models/m/predict"
