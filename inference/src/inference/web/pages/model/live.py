"""The panel of what a model serves now, filled by the page's module ``live.js``.

The panel is a list of sections, each of which has the id that the module looks for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference.web.pages.html import Html, element
from inference.web.pages.model.versions import describe_traffic

if TYPE_CHECKING:
    from inference.model.servable import Servable
    from inference.repository.snapshot import Model
    from inference.web.pages.html import Child
    from inference.web.pages.texts import Texts

_VALUED = ("regression", "transformation")  # tasks whose answers have no labels


def make_live(texts: Texts, model: Model, servable: Servable) -> Html:
    """Return the panel of a model and its active servable."""
    parts = [
        element("noscript", element("p", texts("live.noscript"), class_="notice")),
        _traffic(texts, model, servable),
        _truth(texts),
        _drift(texts, servable),
    ]
    return element("div", parts, class_="blocks")


def _traffic(texts: Texts, model: Model, servable: Servable) -> Html:
    """Return the section about who answers, with a button that ends a split and a shadow."""
    described = describe_traffic(texts, model)
    alone = element("p", texts("live.alone", version=servable.version))
    button = element(
        "button",
        texts("live.end"),
        type="button",
        id="end-traffic",
        data_question=texts("live.ask_end"),
    )
    is_valued = servable.contract is not None and servable.contract.task in _VALUED
    content = [
        alone if model.split is None else None,
        described,
        button if described else None,
        element("p", class_="wrong", id="traffic-problem", role="alert", hidden=True),
        _state("traffic"),
        element("div", id="traffic-decision"),
        element("div", id="traffic-versions"),
        element("div", id="traffic-measured"),
    ]
    answers = "values" if is_valued else "labels"
    return _section(texts, "traffic", content, data_answers=answers)


def _truth(texts: Texts) -> Html:
    """Return the section about the truth of answers."""
    content = [
        element("p", texts("live.truth_words"), class_="words"),
        _state("truth"),
        element("div", id="truth-table"),
    ]
    return _section(texts, "truth", content)


def _drift(texts: Texts, servable: Servable) -> Html:
    """Return the section that compares what is served with the training data."""
    if servable.contract is None:
        return _section(texts, "drift", element("p", texts("live.foreign"), class_="notice"))
    content = [
        element("p", texts("live.drift_words"), class_="words"),
        _state("drift"),
        element("div", id="drift-answers", class_="drift"),
        element("div", id="drift-features", class_="drift"),
    ]
    return _section(texts, "drift", content, data_version=str(servable.version))


def _section(texts: Texts, name: str, content: Child, **attributes: str) -> Html:
    wide = "block wide" if name == "drift" else "block"
    title = element("h2", texts(f"live.{name}"))
    return element("section", title, content, id=f"live-{name}", class_=wide, **attributes)


def _state(name: str) -> Html:
    """Return where the module says what is known, or why nothing is."""
    return element("p", id=f"{name}-state", class_="state hint", hidden=True)
