"""The panel of what a version serves now, filled by the page's module ``live.js``.

The panel is a list of sections, each of which has the id that the module looks for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference.web.pages.html import Html, element

if TYPE_CHECKING:
    from inference.model.servable import Servable
    from inference.web.pages.texts import Texts


def make_live(texts: Texts, servable: Servable) -> Html:
    """Return the panel of a servable."""
    return element("div", [_drift(texts, servable)], class_="blocks")


def _drift(texts: Texts, servable: Servable) -> Html:
    """Return the section that compares what is served with the training data."""
    if servable.contract is None:
        content = [element("p", texts("live.foreign"), class_="notice")]
    else:
        content = [
            element("p", texts("live.drift_words"), class_="words"),
            element("p", texts("live.loading"), id="drift-state", class_="hint"),
            element("div", id="drift-answers", class_="drift"),
            element("div", id="drift-features", class_="drift"),
        ]
    return element(
        "section",
        element("h2", texts("live.drift")),
        content,
        id="live-drift",
        class_="block wide",
        data_model=servable.name,
        data_version=str(servable.version),
    )
