"""The penguins, split, and how a published file is asked."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from palmerpenguins import load_penguins
from sklearn.model_selection import train_test_split

from inference.model.servable import Servable
from support.project import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

REQUIREMENTS = Path(__file__).parent / "oip" / "kserve.txt"
MEASUREMENTS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]


@dataclass(frozen=True)
class Split:
    """Rows to fit on and rows to ask about, of all columns."""

    train: pd.DataFrame
    test: pd.DataFrame


@pytest.fixture(scope="session")
def split() -> Split:
    """The penguins without missing values, a third held out."""
    penguins = load_penguins().dropna().reset_index(drop=True)
    penguins = penguins.assign(
        heavy=penguins["body_mass_g"] > 4000,
        code=penguins["species"].map({"Adelie": 2, "Chinstrap": 3, "Gentoo": 7}),
        female=penguins["sex"] == "female",
    )
    train, test = train_test_split(
        penguins, test_size=1 / 3, random_state=1, stratify=penguins["species"]
    )
    return Split(train, test)


@dataclass(frozen=True)
class Reply:
    """What a file answers: labels as Python values, and probabilities or ``None``."""

    labels: list[Any]
    probabilities: np.ndarray[Any, Any] | None


def ask_file(path: Path, rows: list[list[Any]]) -> Reply:
    """Ask a published file as the service does: JSON to arrays, one run, classes decoded."""
    servable = Servable.load("asked", 1, path.read_bytes())
    contract = servable.contract
    assert contract is not None
    outputs = [contract.outputs.label]
    if contract.outputs.probabilities is not None:
        outputs.append(contract.outputs.probabilities)
    results = servable.run(outputs, servable.to_feeds(json.loads(json.dumps(rows))))
    labels = results[0]
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    decoded = labels.tolist()
    if contract.outputs.encoded_classes is not None:
        codes = contract.outputs.encoded_classes
        decoded = [(contract.classes or [])[codes.index(code)] for code in decoded]
    return Reply(decoded, results[1] if len(results) > 1 else None)


@pytest.fixture(scope="session")
def ask() -> Callable[[Path, list[list[Any]]], Reply]:
    """Ask a published file as the service does."""
    return ask_file


def to_rows(frame: pd.DataFrame, names: list[str]) -> list[list[Any]]:
    """Write rows as a caller would, missing values as null."""
    columns = [frame[name].astype(object).where(frame[name].notna(), None) for name in names]
    return [
        [v.item() if isinstance(v, np.generic) else v for v in row]
        for row in zip(*columns, strict=True)
    ]


@pytest.fixture(scope="session")
def kserve_python() -> Path:
    """Make the client's environment once, in the project's folder for tools."""
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    home = ROOT / ".tools" / f"kserve-{digest}"
    interpreter = home / "bin" / "python"
    if not (home / "complete").exists():
        uv = os.environ.get("UV") or shutil.which("uv") or ROOT / ".tools" / "bin" / "uv"
        if not Path(uv).exists():
            pytest.skip("uv is not there to make the environment of KServe's client")
        subprocess.run(
            [uv, "venv", "--quiet", "--clear", "--python", sys.executable, home], check=True
        )
        install = [uv, "pip", "install", "--quiet", "--python", interpreter, "-r", REQUIREMENTS]
        subprocess.run(install, check=True)
        (home / "complete").touch()
    return interpreter
