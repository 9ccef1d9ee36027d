"""What surrounds each page: head, header, footer, and the headers of the response."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from starlette.responses import HTMLResponse

from inference.web.documents import DocumentResponse
from inference.web.pages.html import Html, document, element

if TYPE_CHECKING:
    from inference.web.documents import Encoded
    from inference.web.pages.html import Child
    from inference.web.pages.texts import Texts

_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "cache-control": "private, no-cache",
    "vary": "Accept, Accept-Language, Authorization, X-API-Key",
}


class Viewer(NamedTuple):
    """For whom a page is made.

    Attributes:
        texts: The texts in the language of the person.
        root: The prefix of all paths, see :meth:`inference.web.trusted_proxies.Proxies.prefix`.
    """

    texts: Texts
    root: str


class Frame:
    """Makes whole pages.

    Args:
        assets: The path of style sheet and modules.
        keyed: Whether the service requires API keys.

    Attributes:
        keyed: The same.
    """

    def __init__(self, assets: str, *, keyed: bool) -> None:
        self._assets = assets
        self.keyed = keyed

    def page(self, viewer: Viewer, title: str, content: Child, *, watch: str = "") -> Html:
        """Return a page.

        Args:
            viewer: For whom.
            title: Its title.
            content: What is in ``main``.
            watch: The path of the events that say when the page has changed, if it can.
        """
        texts, root = viewer
        folder = root + self._assets
        head = [
            element("meta", charset="utf-8"),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("meta", name="color-scheme", content="light dark"),
            element("title", title),
            element("link", rel="icon", href=f"{root}/favicon.svg", type="image/svg+xml"),
            element("link", rel="stylesheet", href=f"{folder}/pages.css"),
            element("script", type="module", src=f"{folder}/main.js"),
        ]
        main = element(
            "main",
            content,
            id="content",
            tabindex="-1",
            data_watch=watch or None,
            data_texts=json.dumps(texts.script, ensure_ascii=False),
        )
        body = [
            element("a", texts("frame.skip"), class_="skip", href="#content"),
            self._header(viewer),
            main,
            self._footer(viewer),
            element("div", id="announcer", class_="unseen", role="status"),
        ]
        return document(
            texts.language, head, element("body", body), data_root=root, data_keyed=self.keyed
        )

    def key_form(self, viewer: Viewer, message: str) -> Html:
        """Return the page that asks for the key."""
        texts = viewer.texts
        form = element(
            "form",
            element("label", texts("key.label"), for_="key"),
            element(
                "input",
                id="key",
                type="password",
                autocomplete="off",
                required=True,
                aria_describedby="key-hint",
            ),
            element("button", texts("key.enter"), type="submit", class_="primary"),
            element("p", message, class_="wrong", role="alert") if message else None,
            element("p", texts("key.hint"), id="key-hint", class_="hint"),
            id="key-form",
        )
        parts = [
            element("h1", texts("key.title")),
            element("p", texts("key.why")),
            form,
            _noscript(texts),
        ]
        return self.page(viewer, texts("key.title"), element("section", parts, class_="narrow"))

    def notice(self, viewer: Viewer, title: str, message: str) -> Html:
        """Return a page that only says something, such as that there is no such model."""
        back = element("a", viewer.texts("frame.all_models"), href=f"{viewer.root}/")
        parts = [element("h1", title), element("p", message), element("p", back)]
        return self.page(viewer, title, element("section", parts, class_="narrow"))

    def _header(self, viewer: Viewer) -> Html:
        texts, root = viewer
        brand = element(
            "a",
            element("img", src=f"{root}/favicon.svg", alt="", width=28, height=28),
            element("span", "Rookery"),
            href=f"{root}/",
            class_="brand",
        )
        links = [("/docs", "frame.swagger"), ("/redoc", "frame.reference")]
        if not self.keyed:  # a link cannot carry a key
            links.append(("/metrics", "frame.metrics"))
        items = [
            element("a", texts(key), href=root + path, data_leaves=True) for path, key in links
        ]
        forget = element(
            "button",
            texts("key.forget"),
            type="button",
            id="forget-key",
            class_="quiet",
            hidden=True,
        )
        live = element("span", id="live", class_="live", data_state="off")
        nav = element("nav", items, aria_label=texts("frame.links"))
        return element("header", brand, live, nav, forget, class_="top")

    def _footer(self, viewer: Viewer) -> Html:
        return element("footer", viewer.texts("frame.footer"), class_="bottom")


def respond(page: Encoded) -> DocumentResponse:
    """Return the response with a page that is kept."""
    response = DocumentResponse(page, "text/html; charset=utf-8")
    response.headers.update(_HEADERS)
    return response


def respond_once(page: Html, status: int, headers: dict[str, str]) -> HTMLResponse:
    """Return the response with a page that is not kept."""
    kept = _HEADERS | {"cache-control": "no-store"}
    return HTMLResponse(page, status, headers | kept)


def _noscript(texts: Texts) -> Html:
    return element("noscript", element("p", texts("key.noscript")))
