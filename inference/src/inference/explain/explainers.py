"""The explainer and the what-if curves of each servable in use."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from inference.errors import QueryError
from inference.explain.explainer import Explainer
from inference.explain.query import check_names
from inference.explain.what_if import WhatIf
from inference.runtime.suggestions import shorten

if TYPE_CHECKING:
    from inference.model.servable import Servable
    from inference.serving.dispatcher import Dispatcher
    from inference.settings import Settings
    from inference.telemetry.explanation_counts import ExplanationCounts
    from inference.telemetry.timing import Timing

    Query = dict[str, str]


class Explainers:
    """The explainer of each servable in use; goes when the servable goes.

    Args:
        settings: The limits on requests.
        dispatcher: Where runs happen.
        counts: Counts explanations and their costs.
    """

    def __init__(
        self, settings: Settings, dispatcher: Dispatcher, counts: ExplanationCounts
    ) -> None:
        self._settings = settings
        self._dispatcher = dispatcher
        self._counts = counts
        self._known: weakref.WeakKeyDictionary[Servable, Explainer] = weakref.WeakKeyDictionary()

    async def answer(self, servable: Servable, body: bytes, query: Query, timing: Timing) -> bytes:
        """Answer a request; see :meth:`Explainer.explain`.

        Args:
            servable: The model.
            body: What a predict route takes.
            query: ``classes``, which is ``all`` or ``top``.
            timing: Records when each phase ends.

        Raises:
            ConflictError: The model cannot be explained.
        """
        check_names(query, "classes")
        classes = query.get("classes", "all")
        if classes not in ("all", "top"):
            raise QueryError(f"classes is '{shorten(classes)}': use 'all' or 'top'")
        explainer = self._known.get(servable)
        if explainer is None:
            explainer = Explainer(servable, self._dispatcher, self._settings)
            self._known[servable] = explainer
        encoded, costs = await explainer.explain(servable, body, timing, top=classes == "top")
        for method, (count, rows) in costs.items():
            self._counts.add(servable, method, count, rows)
        return encoded


class WhatIfs:
    """The what-if curves of each servable in use; goes when the servable goes.

    Args:
        settings: The limits on requests.
        dispatcher: Where runs happen.
    """

    def __init__(self, settings: Settings, dispatcher: Dispatcher) -> None:
        self._settings = settings
        self._dispatcher = dispatcher
        self._known: weakref.WeakKeyDictionary[Servable, WhatIf] = weakref.WeakKeyDictionary()

    async def answer(self, servable: Servable, body: bytes, query: Query, timing: Timing) -> bytes:
        """Answer a request; see :meth:`WhatIf.answer`.

        Args:
            servable: The model.
            body: One record, or one row.
            query: ``feature``, the name of one.
            timing: Records when each phase ends.

        Raises:
            ConflictError: The model takes no rows, or its ranges are unknown.
        """
        check_names(query, "feature")
        what_if = self._known.get(servable)
        if what_if is None:
            what_if = self._known[servable] = WhatIf(servable, self._dispatcher, self._settings)
        return await what_if.answer(servable, body, query.get("feature"), timing)
