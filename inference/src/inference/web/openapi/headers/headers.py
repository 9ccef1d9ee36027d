"""Adds to each operation the headers that depend on how the service was started."""

from __future__ import annotations

from typing import Any

from inference.access.scopes import RequiredScope
from inference.web.openapi.headers.security import add_key, add_schemes, scope_of
from inference.web.openapi.headers.state_numbers import add_components, add_state

Schema = dict[str, Any]


class FurtherHeaders:
    """What the operations have beside what their routes say.

    Args:
        keyed: Whether keys are required.
        numbered: Whether the operator's choices have a number, see
            :mod:`inference.web.state_numbers`.

    Attributes:
        keyed: The same.
    """

    def __init__(self, *, keyed: bool = False, numbered: bool = False) -> None:
        self.keyed = keyed
        self._numbered = numbered

    def add(self, document: Schema) -> None:
        """Add them to all operations of a document."""
        if self.keyed:
            add_schemes(document)
        if self._numbered:
            add_components(document)
        for path, item in document["paths"].items():
            for method, operation in item.items():
                self.add_to(operation, method, path)

    def add_to(self, operation: Schema, method: str, path: str) -> None:
        """Add them to one operation."""
        if self._numbered and scope_of(method, path) is not RequiredScope.NONE:
            add_state(operation, path)
        if self.keyed:
            add_key(operation, method, path)
