"""Reading what the command line names: a pickled model, and rows in a CSV file."""

from __future__ import annotations

import bz2
import csv
import gzip
import lzma
import re
import sys
import warnings
import zlib
from typing import TYPE_CHECKING, Any

import joblib
import pandas as pd
import sklearn

from exporter.data.inner_estimators import encoded_categories
from exporter.data.libraries import explain_absence
from exporter.errors import DataError, ModelError, OptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_SUFFIXES = (".joblib", ".pkl", ".pickle")
_OTHER_SEPARATORS = {";": "';'", "\t": "'\\t'", "|": "'|'"}
# scikit-learn puts its version beside the attributes of each estimator that it pickles.
_VERSION = re.compile(rb"_sklearn_version.{1,12}?(\d+\.\d+[0-9a-z.]*)", re.DOTALL)
_OPENERS: dict[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b": gzip.decompress,
    b"BZh": bz2.decompress,
    b"\xfd7zXZ": lzma.decompress,
    b"x": zlib.decompress,
}


def load_model(path: Path) -> Any:
    """Load a model from a joblib or pickle file, which runs the code in it.

    Raises:
        ModelError: The file is not one of these, or cannot be loaded; the message says why.
    """
    if path.suffix not in _SUFFIXES:
        raise ModelError(
            f"{path} is not a {' or '.join(_SUFFIXES)} file: save the model with joblib.dump()"
        )
    sys.stderr.write(f"exporter: loading {path} runs the code in it: do so only if you trust it\n")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model = joblib.load(path)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}") from None
    except Exception as error:  # noqa: BLE001 - a pickle may raise anything
        raise ModelError(_explain_load(path, error)) from None
    for warning in caught:
        # Another version of scikit-learn, most often: the file is compared with what was loaded,
        # so only the user can say whether that is still the model that was trained.
        sys.stderr.write(f"exporter: {' '.join(str(warning.message).split())}\n")
    return model


def read_rows(
    path: Path,
    model: Any,
    targets: Sequence[str] = (),
    *,
    separator: str = ",",
    text: Sequence[str] = (),
) -> tuple[pd.DataFrame, pd.DataFrame | pd.Series[Any] | None]:
    """Read rows from a CSV file with a header line.

    Args:
        path: The file.
        model: The model; its column names choose among the file's, where it knows them.
        targets: The columns with the true answers, left out of the rows.
        separator: The separator of two values.
        text: Columns that are strings, whatever their values look like.

    Raises:
        DataError: It cannot be read.
        OptionError: A named column does not exist.
    """
    names = getattr(model, "feature_names_in_", None)
    try:
        frame = pd.read_csv(path, sep=separator, dtype=dict.fromkeys(text, str))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, pd.errors.ParserError, csv.Error) as error:
        raise DataError(f"{path} is not a CSV file with a header line: {error}") from None
    _check_head(path, frame, names)
    for option, columns in (("target", targets), ("text", text)):
        for column in columns:
            if column not in frame.columns:
                raise OptionError(
                    f"--{option}: {path} has no column {column!r}; it has "
                    + ", ".join(map(str, frame.columns))
                )
    chosen = list(dict.fromkeys(targets))
    answers = frame[chosen[0]] if len(chosen) == 1 else frame[chosen] if chosen else None
    if names is not None and set(names) <= set(frame.columns):
        return frame[list(names)], answers
    return frame.drop(columns=chosen), answers


def find_strings(path: Path, model: Any, rows: pd.DataFrame, separator: str) -> list[str]:
    """Find columns that were not read as strings, although an encoder was fitted on theirs.

    Args:
        path: The CSV file.
        model: The model with its encoders.
        rows: What was read.
        separator: The separator of two values.

    Returns:
        Columns whose values in the file are mostly strings that an encoder was fitted on.
    """
    written = pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False)
    known = [{c for c in each if isinstance(c, str)} for each in encoded_categories(model)]
    found = []
    for column in rows.columns:
        values = set(written[column]) - {""}
        guessed = pd.api.types.is_numeric_dtype(rows[column])
        if guessed and any(len(values & each) > len(values) / 2 for each in known):
            found.append(str(column))
    return found


def _explain_load(path: Path, error: Exception) -> str:
    absent = explain_absence(error, str(path))
    if absent is not None:
        return absent
    saved, here = _saved_version(path), sklearn.__version__
    if saved is not None and saved != here:
        return (
            f"{path} was saved by scikit-learn {saved}, which scikit-learn {here} cannot load "
            f"({type(error).__name__}: {error}): install scikit-learn=={saved} here, or fit and "
            f"save the model with {here}"
        )
    if isinstance(error, ModuleNotFoundError):
        return f"{path} needs the package {error.name!r}: install it first"
    if isinstance(error, (AttributeError, ImportError)):
        return f"{path} needs code that is not available here: {error}"
    return f"{path} does not contain a model: {error}"


def _saved_version(path: Path) -> str | None:
    """Find the version of scikit-learn that saved a file, without running the code in it."""
    try:
        content = path.read_bytes()
        for magic, opened in _OPENERS.items():
            if content.startswith(magic):
                content = opened(content)
                break
    except (OSError, EOFError, lzma.LZMAError, zlib.error):
        return None
    found = _VERSION.search(content)
    return found[1].decode().rstrip(".") if found else None


def _check_head(path: Path, frame: pd.DataFrame, names: Any) -> None:
    """Notice a file with another separator, or without a header line.

    Raises:
        DataError: It is such a file; says how to read it.
    """
    head = [str(column) for column in frame.columns]
    if len(head) == 1:
        for separator, shown in _OTHER_SEPARATORS.items():
            if separator in head[0]:
                raise DataError(f"{path} is separated by {shown}: pass --sep {shown}")
    known = names is not None and set(names) & set(head)
    if not known and sum(map(_is_number, head)) > len(head) / 2:
        first = ", ".join(list(names)[:3] if names is not None else ["x0", "x1"])
        raise DataError(
            f"{path} has no header line, since its first line is {', '.join(head[:3])}, ...: put a "
            f"line with the columns' names before it, such as {first}, ..."
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
