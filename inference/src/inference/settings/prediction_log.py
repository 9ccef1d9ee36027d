"""Settings of the prediction log."""

from __future__ import annotations

import json
from pathlib import Path  # noqa: TC003 - read at run time
from typing import Annotated

from inference.settings.declaration import UNSET, Before, Check, Declared, Field

_NEEDED = frozenset({"time", "request_id", "row", "version"})


def _read_folder(value: object) -> object:
    if isinstance(value, str) and "://" in value:
        raise ValueError(
            "it must be a folder, such as /var/lib/rookery/log: the log is not written to buckets"
        )
    return UNSET if value == "" else value


def _read_names(value: object) -> object:
    """Split at commas, or read a JSON list, as names may contain commas.

    >>> _read_names("age, Income"), _read_names('["a, b"]')
    (('age', 'Income'), ('a, b',))
    """
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            names = tuple(json.loads(value))
        except ValueError:
            names = (None,)
        if not all(isinstance(name, str) for name in names):
            raise ValueError('it is not a JSON list of names such as ["age", "a, b"]')
        return names
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _keep_needed(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name in _NEEDED:
            raise ValueError(
                f"'{name}' is needed to find a row again: leave it out of the list. The column of "
                f"a feature of this name is '{name} (feature)'"
            )
    return names


class PredictionLog(Declared):
    """Prediction log and feedback."""

    prediction_log: Annotated[
        Path | None,
        Before(_read_folder),
        Field(
            description="The folder where answered rows are logged as Parquet files "
            "(docs/how-to/prediction-log.md). It needs the extra `inference[log]`. If unset, rows "
            "are not logged, and no feedback is taken."
        ),
    ] = None
    prediction_log_sample: Annotated[
        float,
        Field(ge=0, le=1, description="The share of requests that are logged, at random."),
    ] = 1
    prediction_log_omit: Annotated[
        tuple[str, ...],
        Before(_read_names),
        Check(_keep_needed),
        Field(
            description="Columns that are not logged, separated by commas or as a JSON list: "
            "names of features, `key_id`, `label`. Without the columns of an answer, it takes no "
            "feedback."
        ),
    ] = ()
    prediction_log_days: Annotated[
        int,
        Field(
            ge=0,
            le=36_500,
            description="How many days of rows and feedback are kept besides today, in UTC; older "
            "days are removed. 0 keeps all.",
        ),
    ] = 30
    prediction_log_file_rows: Annotated[
        int,
        Field(
            ge=1,
            le=100_000_000,
            description="How many rows of one worker end a file.",
        ),
    ] = 100_000
    prediction_log_file_seconds: Annotated[
        float,
        Field(
            ge=1,
            le=86_400,
            description="After how many seconds a file ends. Until then, the rows are in a "
            "journal, which the notebook and feedback read, too.",
        ),
    ] = 300
