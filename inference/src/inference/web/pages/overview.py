"""The page of all models: one card for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference.web.documents import encoded
from inference.web.fragments import Pieces
from inference.web.pages.html import Html, element

if TYPE_CHECKING:
    from inference.model.contract import Contract, Metrics
    from inference.repository.snapshot import Model, Version
    from inference.runtime.documents import Subject
    from inference.web.documents import Encoded
    from inference.web.pages.frame import Frame, Viewer
    from inference.web.pages.texts import Texts

WATCH = "/events"
_LISTED = 1000
_FILTERED = 8  # from so many models on there is a field to find one
_NOTES = 3
_REASON = 300  # characters

_PUBLISH = """from exporter import publish

publish(model, "penguins", X_train, evaluate=(X_test, y_test))"""


class Overview:
    """Makes the page for one language and prefix.

    Args:
        frame: Surrounds it.
        viewer: For whom.
    """

    def __init__(self, frame: Frame, viewer: Viewer) -> None:
        self._frame = frame
        self._viewer = viewer
        self._cards = Pieces(self._card)

    def encode(self, subject: Subject) -> Encoded:
        """Make the page of a snapshot."""
        texts = self._viewer.texts
        snapshot = subject.thing
        selection = snapshot.state.selection
        choices = {} if selection is None else {selection.model: selection}
        cards = [card for _, card in self._cards.of(snapshot, choices)]
        more = len(cards) - _LISTED
        ready = len(snapshot.ready_names)
        count = texts("overview.count", models=texts.count(len(cards)), ready=texts.count(ready))
        content = [
            element("h1", texts("overview.title")),
            element("p", count if cards else None, id="count", class_="lead", data_live=True),
            self._find(len(cards)),
            element("ul", cards[:_LISTED], id="models", class_="cards", data_live_list=True),
            self._rest(more),
            self._first(is_needed=not cards, is_complete=snapshot.complete),
        ]
        title = f"{texts('overview.title')} - Rookery"
        return encoded(self._frame.page(self._viewer, title, content, watch=WATCH).encode())

    def _find(self, count: int) -> Html:
        texts = self._viewer.texts
        field = element(
            "input", id="find-field", type="search", autocomplete="off", spellcheck="false"
        )
        label = element("label", texts("overview.find"), for_="find-field")
        return element("p", label, field, id="find", class_="find", hidden=count < _FILTERED)

    def _rest(self, more: int) -> Html:
        texts = self._viewer.texts
        text = texts("overview.more", count=texts.count(more)) if more > 0 else None
        return element("p", text, id="rest", data_live=True)

    def _first(self, *, is_needed: bool, is_complete: bool) -> Html:
        """Say how the first model is published, while there is none."""
        texts = self._viewer.texts
        parts = [
            element("h2", texts("first.title" if is_complete else "first.starting")),
            element("p", texts("first.how")),
            element("pre", element("code", _PUBLISH), tabindex="0", aria_label=texts("first.code")),
            element("p", texts("first.drop")),
            element("p", texts("first.appears"), class_="hint"),
        ]
        shown = parts if is_needed else None
        return element(
            "section", shown, id="first", class_="first", hidden=not is_needed, data_live=True
        )

    def _card(self, model: Model, selection: object) -> Html:
        texts, root = self._viewer
        contract = model.active.contract if model.active else None
        link = element("a", model.name, href=f"{root}/models/{model.name}/")
        badges = [self._badge("selected")] if selection is not None else []
        if model.state != "ready":
            badges.append(self._badge(model.state))
        parts = [
            element("h2", link),
            element("p", badges, class_="badges") if badges else None,
            element("p", describe_task(texts, contract) if model.active else None, class_="task"),
            self._figures(model, contract) if model.active else None,
            _notes(texts, model),
        ]
        return element(
            "li",
            parts,
            id=f"model-{model.name}",
            class_="card",
            data_model=model.name,
            data_state=model.state,
        )

    def _badge(self, kind: str) -> Html:
        return element("span", self._viewer.texts(f"state.{kind}"), class_=f"badge {kind}")

    def _figures(self, model: Model, contract: Contract | None) -> Html:
        texts = self._viewer.texts
        version = str(model.active.version) if model.active else ""
        if model.pinned is not None:
            version = texts("overview.pinned", version=version)
        figures: list[tuple[str, str, str | None]] = [
            (texts("overview.version"), version, None),
            (*headline(texts, contract), None),
            (texts("overview.rate"), "-", "rate"),
            (texts("overview.p99"), "-", "p99"),
        ]
        rows = [
            element("div", element("dt", term), element("dd", value, data_figure=name))
            for term, value, name in figures
        ]
        return element("dl", rows, class_="figures")


def describe_task(texts: Texts, contract: Contract | None) -> str:
    """Say in a few words what a model does."""
    if contract is None:
        return texts("task.foreign")
    features = texts("task.features", count=texts.count(len(contract.features)))
    task = texts(f"task.{contract.task}")
    if contract.classes:
        classes = texts("task.classes", count=texts.count(len(contract.classes)))
        return f"{task} · {classes} · {features}"
    return f"{task} · {features}"


def headline(texts: Texts, contract: Contract | None) -> tuple[str, str]:
    """Return name and value of the figure that says most about a model's quality."""
    metrics: Metrics | None = contract.training.metrics if contract else None
    if metrics is not None and metrics.accuracy is not None:
        return texts("metric.accuracy"), texts.share(metrics.accuracy)
    if metrics is not None and metrics.r2 is not None:
        return texts("metric.r2"), texts.number(metrics.r2, 3)
    is_regression = contract is not None and contract.task == "regression"
    return texts("metric.r2" if is_regression else "metric.accuracy"), "-"


def _notes(texts: Texts, model: Model) -> Html | None:
    """Say of which versions something must be known: refused ones, and those that load."""
    noted = [
        v for v in reversed(list(model.versions.values())) if v.quarantined or v.state == "loading"
    ]
    notes = [_note(texts, version) for version in noted[:_NOTES]]
    if len(noted) > _NOTES:
        notes.append(element("li", texts("overview.more_versions", count=len(noted) - _NOTES)))
    if not noted and model.reason:
        notes.append(element("li", shorten(model.reason)))
    return element("ul", notes, class_="notes") if notes else None


def _note(texts: Texts, version: Version) -> Html:
    if version.quarantined:
        text = texts("overview.quarantined", version=version.number, reason=shorten(version.reason))
        return element("li", text, class_="wrong")
    return element("li", texts("overview.loading", version=version.number), class_="busy")


def shorten(reason: str) -> str:
    """Return a reason, or the beginning of a long one."""
    return reason if len(reason) <= _REASON else f"{reason[:_REASON]}..."
