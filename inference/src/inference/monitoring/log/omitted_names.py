"""The columns that the operator leaves out of the log, and a warning of names that are wrong."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from inference.logs import fields
from inference.runtime.suggestions import closest

if TYPE_CHECKING:
    from collections.abc import Collection

    from inference.monitoring.log.rows.schema import Schema

_log = logging.getLogger(__name__)

_LIKENESS = 0.65  # of 'Age' and 'age'


class OmittedNames:
    """Names that are left out.

    The setting is for all models, so a name that one of them lacks is usually another's. It is
    probably wrong if no version that was logged so far has it, and this one has a similar one.

    Args:
        names: The names.
    """

    def __init__(self, names: Collection[str]) -> None:
        self.names = frozenset(names)
        self._known: set[str] = set()  # names of all versions so far

    def check(self, schema: Schema, names: Collection[str]) -> None:
        """Warn of names that a version lacks; call it once for each version.

        Args:
            schema: The schema of the version.
            names: All names that it has, also those that are left out.
        """
        self._known.update(names)
        for name in sorted(self.names - self._known):
            suggestion = closest(name, sorted(set(names) - self.names), _LIKENESS)
            if suggestion:
                _log.warning(
                    "INFERENCE_PREDICTION_LOG_OMIT leaves out '%s', but version %d of model '%s' "
                    "has no such column, so nothing is left out there.%s",
                    name,
                    schema.version,
                    schema.model,
                    suggestion,
                    extra=fields(
                        "prediction-log", model=schema.model, version=schema.version, name=name
                    ),
                )
