"""Where a model comes from: data, time, versions, commit."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import pandas as pd

from exporter.data.boosters import library_of
from exporter.data.forms import PlainForm
from exporter.data.inner_estimators import estimators_within
from inference.model.contract import Metrics, Training

if TYPE_CHECKING:
    from exporter.data.estimator import FittedEstimator
    from exporter.data.table import Table

_LIBRARIES = ("scikit-learn", "skl2onnx", "onnx", "onnxruntime", "numpy")
# Distributions by the package that an estimator comes from.
_OTHERS = {
    "catboost": ("catboost",),
    "category_encoders": ("category-encoders",),
    "imblearn": ("imbalanced-learn",),
    "lightgbm": ("lightgbm",),
    "xgboost": ("xgboost", "xgboost-cpu"),
}
_GIT_SECONDS = 5
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+>")


def record(
    original: FittedEstimator, table: Table, description: str | None, metrics: Metrics | None
) -> Training:
    """Write down where the model comes from."""
    plain = isinstance(original.form, PlainForm) and not isinstance(table.native, pd.DataFrame)
    libraries = [*_LIBRARIES, *([] if plain else [original.form.library])]
    for package in sorted({_package(part) for part in estimators_within(original.model)}):
        libraries += _OTHERS.get(package, ())
    return Training(
        rows=len(table),
        data_sha256=digest(table),
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        versions={"python": sys.version.split()[0]} | _versions(libraries),
        estimator=describe_estimator(original.model),
        git_commit=git_commit(),
        description=description,
        metrics=metrics,
        source=original.source,
    )


def _package(estimator: Any) -> str:
    return library_of(estimator) or type(estimator).__module__.partition(".")[0]


def describe_estimator(model: Any) -> str:
    """Show an estimator with its parameters in one line, or its type where it cannot be shown.

    Addresses of functions are left out: the same model has others in the next session. A model
    from another release of scikit-learn may lack attributes that its ``repr`` reads.
    """
    try:
        return _ADDRESS.sub(">", " ".join(repr(model).split()))
    except Exception:  # noqa: BLE001 - a model may raise anything, and the name is enough
        return f"{type(model).__name__}(...)"


def digest(table: Table) -> str:
    """Hash the rows: names, kinds and values, independent of whether they came as array or frame.

    Returns:
        SHA-256, lower-case hexadecimal.
    """
    sha = hashlib.sha256()
    for column in table.columns:
        values = column.values  # noqa: PD011 - no pandas here
        sha.update(f"{column.name}\0{column.kind}\0".encode())
        if column.kind == "text":
            for value in values.tolist():
                sha.update(
                    b"\1" if value is None else b"\2" + value.encode("utf-8", "replace") + b"\0"
                )
        elif column.kind == "unread":
            sha.update("\0".join(map(repr, values.tolist())).encode("utf-8", "replace"))
        else:
            wide = values.astype(values.dtype.newbyteorder("<"))
            sha.update(wide.tobytes())
    return sha.hexdigest()


def git_commit() -> str | None:
    """Name the commit checked out in the working folder, with ``-dirty`` when there are changes.

    Returns:
        ``None`` outside a repository, without git, or before the first commit.
    """
    commit = _git("rev-parse", "HEAD")
    if not commit:
        return None
    changes = _git("status", "--porcelain", "--untracked-files=no")
    return f"{commit}-dirty" if changes else commit


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 - fixed arguments
            ["git", *arguments],  # noqa: S607 - whichever git the user uses
            capture_output=True,
            text=True,
            timeout=_GIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _versions(names: list[str]) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # a build under another name
            continue
    return found
