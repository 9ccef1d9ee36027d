from __future__ import annotations

import re
import subprocess
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from exporter.contract.provenance import describe_estimator, digest, git_commit, record
from exporter.data.estimator import FittedEstimator
from exporter.data.reader import read_table

if TYPE_CHECKING:
    from pathlib import Path

X = np.array([[0.0, 1.0], [1.0, 0.0]])
ORIGINAL = FittedEstimator(LogisticRegression().fit(X, [0, 1]))


def test_records_what_took_part() -> None:
    """Versions by distribution name, the time with its offset, the estimator as it prints."""
    training = record(ORIGINAL, read_table(X, ORIGINAL), "about", None)
    assert {"python", "scikit-learn", "skl2onnx", "onnx", "onnxruntime", "numpy"} == set(
        training.versions
    )
    assert datetime.fromisoformat(training.time).utcoffset() is not None
    assert training.estimator == "LogisticRegression()"
    assert re.fullmatch("[0-9a-f]{64}", training.data_sha256)
    assert (training.rows, training.description, training.metrics) == (2, "about", None)


def test_the_address_of_a_function_is_no_part_of_a_model() -> None:
    """It differs in each session, and the same model would be another version."""

    def double(rows: Any) -> Any:
        return 2 * rows

    shown = describe_estimator(make_pipeline(FunctionTransformer(double), LogisticRegression()))
    assert "double>)" in shown
    assert "0x" not in shown


def test_hashes_an_array_and_a_frame_of_the_same_rows_alike() -> None:
    """The digest names the data, not its container."""
    frame = pd.DataFrame(X, columns=["x0", "x1"])
    assert digest(read_table(X, ORIGINAL)) == digest(read_table(frame, ORIGINAL))


@pytest.mark.parametrize("change", [(0, 0, 5.0), (1, 1, np.nan)])
def test_hashes_other_rows_otherwise(change: tuple[int, int, float]) -> None:
    """One changed value changes the digest."""
    row, column, value = change
    other = X.copy()
    other[row, column] = value
    assert digest(read_table(X, ORIGINAL)) != digest(read_table(other, ORIGINAL))


def test_hashes_missing_texts_unlike_empty_ones() -> None:
    """None is not the empty string."""
    frames = [
        pd.DataFrame({"a": pd.Series(["x", v], dtype=object), "b": [1, 2]}) for v in ("", None)
    ]
    first, second = (digest(read_table(frame, ORIGINAL)) for frame in frames)
    assert first != second


def test_names_the_commit_and_whether_there_are_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No repository, no commit; a changed file makes it dirty."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    assert git_commit() is None
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    assert git_commit() is None
    (tmp_path / "file").write_text("1")
    subprocess.run([*git, "add", "file"], check=True)
    subprocess.run([*git, "commit", "-qm", "first"], check=True)
    commit = git_commit()
    assert commit is not None
    assert re.fullmatch("[0-9a-f]{40}", commit)
    (tmp_path / "file").write_text("2")
    assert git_commit() == f"{commit}-dirty"


def test_does_without_git(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without git publishes all the same."""
    monkeypatch.setenv("PATH", "")
    assert git_commit() is None
