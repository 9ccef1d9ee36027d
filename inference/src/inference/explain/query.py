"""The parameters of a query."""

from __future__ import annotations

from inference.errors import QueryError
from inference.runtime.suggestions import nearest, shorten


def check_names(query: dict[str, str], *known: str) -> None:
    """Check that a query has no other parameters.

    Raises:
        QueryError: It has; names one.
    """
    for name in query:
        if name not in known:
            raise QueryError(
                f"'{shorten(name)}' is not a parameter of this route.{nearest(name, known)} It "
                f"takes: {', '.join(known)}"
            )
