"""The page of one model: what it is, and one panel for each thing that people do with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference.web.documents import encoded
from inference.web.pages.html import Html, element
from inference.web.pages.model.card import make_card
from inference.web.pages.model.form import Form
from inference.web.pages.model.live import make_live
from inference.web.pages.model.usage import make_usage
from inference.web.pages.model.versions import make_versions
from inference.web.pages.overview import describe_task, headline, shorten

if TYPE_CHECKING:
    from inference.repository.snapshot import Model
    from inference.runtime.documents import Subject
    from inference.web.documents import Encoded
    from inference.web.pages.frame import Frame, Viewer


class ModelPage:
    """Makes the page for one language and prefix.

    Args:
        frame: Surrounds it.
        viewer: For whom.
    """

    def __init__(self, frame: Frame, viewer: Viewer) -> None:
        self._frame = frame
        self._viewer = viewer
        self._texts = viewer.texts

    def encode(self, subject: Subject) -> Encoded:
        """Make the page of a model; the choice is whether it is selected."""
        model, is_selected = subject
        panels = [("try", self._try(model)), ("versions", make_versions(self._texts, model))]
        if model.active is not None:
            keyed = self._frame.keyed
            panels.insert(1, ("card", make_card(self._texts, model.active)))
            panels.append(("live", make_live(self._texts, model, model.active)))
            panels.append(("use", make_usage(self._texts, model.name, model.active, keyed=keyed)))
        content = [
            self._head(model, is_selected=is_selected),
            self._tabs([name for name, _ in panels]),
            [self._panel(name, panel, model) for name, panel in panels],
        ]
        page = self._frame.page(
            self._viewer,
            f"{model.name} - Rookery",
            content,
            watch=f"/events?model={model.name}",
        )
        return encoded(page.encode())

    def _head(self, model: Model, *, is_selected: bool) -> Html:
        texts, root = self._viewer
        badges = [self._badge("selected")] if is_selected else []
        if model.state != "ready":
            badges.append(self._badge(model.state))
        active = model.active
        facts = [model.reason and shorten(model.reason)]
        if active is not None:
            version = str(active.version)
            if model.pinned is not None:
                version = texts("overview.pinned", version=version)
            name, value = headline(texts, active.contract)
            facts = [
                describe_task(texts, active.contract),
                f"{texts('overview.version')} {version}",
            ]
            facts += [f"{name} {value}"] if value != "-" else []
        select = element(
            "button", texts("try.select"), type="button", id="select", data_model=model.name
        )
        parts = [
            element("p", element("a", texts("frame.all_models"), href=f"{root}/"), class_="back"),
            element("h1", model.name, badges),
            element("p", " · ".join(fact for fact in facts if fact), class_="lead"),
            select if active is not None and not is_selected else None,
        ]
        return element("div", parts, id="model-head", class_="model-head", data_live=True)

    def _badge(self, kind: str) -> Html:
        return element("span", self._texts(f"state.{kind}"), class_=f"badge {kind}")

    def _tabs(self, names: list[str]) -> Html:
        tabs = [
            element(
                "a",
                self._texts(f"tab.{name}"),
                href=f"#{name}",
                id=f"tab-{name}",
                role="tab",
                aria_controls=f"panel-{name}",
            )
            for name in names
        ]
        return element(
            "div", tabs, class_="tabs", role="tablist", aria_label=self._texts("tab.all")
        )

    def _panel(self, name: str, content: Html, model: Model) -> Html:
        """Wrap a panel. It is replaced when its content changes, such as for another version."""
        digest = model.active.digest if model.active else None
        return element(
            "section",
            content,
            id=f"panel-{name}",
            class_=f"panel of-{name}",
            role="tabpanel",
            aria_labelledby=f"tab-{name}",
            tabindex="-1",
            data_model=model.name,
            data_digest=digest,
            data_live=True,
        )

    def _try(self, model: Model) -> Html:
        texts, active = self._texts, model.active
        if active is None:
            return element("p", texts("try.not_ready"), class_="notice")
        if not active.features:
            return element("p", texts("try.tensors"), class_="notice")
        answer = element(
            "div",
            element("h2", texts("try.answer")),
            element("div", id="answer", aria_live="polite"),
            element("div", id="explanation", hidden=True),
            element("div", id="whatif", hidden=True),
            class_="result",
        )
        return element("div", Form(texts, active).make(), answer, class_="trial")
