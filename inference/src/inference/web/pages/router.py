"""The routes of the pages.

A page has the path of a JSON route, and takes only requests that prefer HTML: see
:class:`PageRoute`. The other routes are the files of the pages, and the events.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from starlette.routing import Match, Route

from inference.access.scopes import RequiredScope
from inference.errors import NotFoundError, RookeryError, UnknownCallerError
from inference.logs import KEY_ID
from inference.runtime.documents import Document, Subject
from inference.web.errors.by_path import encode_error
from inference.web.pages.assets import Assets
from inference.web.pages.frame import Frame, Viewer, respond, respond_once
from inference.web.pages.model.page import ModelPage
from inference.web.pages.negotiation import choose_language, prefers_html
from inference.web.pages.overview import Overview
from inference.web.pages.texts import load_texts

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Scope

    from inference.access.authorizer import Authorizer
    from inference.repository.repository import Repository
    from inference.web.documents import Encoded
    from inference.web.pages.event_stream import EventStream, EventStreams
    from inference.web.trusted_proxies import Proxies

_KEPT = 64  # pages


class PageRoute(Route):
    """A route that takes only requests that prefer HTML; others pass on to the next route."""

    def matches(self, scope: Scope) -> tuple[Match, MutableMapping[str, Any]]:
        """Return whether the route takes a request."""
        match, found = super().matches(scope)
        if match is not Match.FULL or not prefers_html(scope["headers"]):
            return Match.NONE, {}
        return match, found


class Pages:
    """Answers with pages.

    Args:
        repository: The models.
        proxies: Return the prefix under which clients find the service.
        streams: The open streams of events.
        authorizer: Checks API keys; ``None`` if the service requires none.
    """

    def __init__(
        self,
        repository: Repository,
        proxies: Proxies,
        streams: EventStreams,
        authorizer: Authorizer | None,
    ) -> None:
        self._repository = repository
        self._proxies = proxies
        self._streams = streams
        self._authorizer = authorizer
        self._texts = load_texts()
        self._assets = Assets()
        self._frame = Frame(self._assets.path, keyed=authorizer is not None)
        self._kept: OrderedDict[Any, Document[Encoded]] = OrderedDict()

    def install(self, app: FastAPI) -> None:
        """Add the routes. Call it before the JSON routes of the same paths are added."""
        app.router.routes += [
            PageRoute("/", self._get_overview, methods=["GET"]),
            PageRoute("/models", self._get_overview, methods=["GET"]),
            PageRoute("/models/{name}", self._get_model, methods=["GET"]),
            Route("/events", self._get_events, methods=["GET"]),
            self._assets.route(),
        ]

    def explain_refusal(self, scope: Scope, error: RookeryError) -> Response | None:
        """Return the page for a request that was refused before a route took it.

        Returns:
            The page that asks for a key, or that says what is wrong; ``None`` if the request does
            not prefer HTML.
        """
        if scope["method"] not in {"GET", "HEAD"} or not prefers_html(scope["headers"]):
            return None
        return self._refuse(self._viewer(scope), error, scope["path"])

    def _refuse(self, viewer: Viewer, error: RookeryError, path: str) -> Response:
        plain = encode_error(error, path)
        headers = {name.decode(): value.decode() for name, value in plain.headers}
        if isinstance(error, UnknownCallerError):
            page = self._frame.key_form(viewer, "")
        else:
            title = "not_found" if isinstance(error, NotFoundError) else "problem"
            page = self._frame.notice(viewer, viewer.texts(f"frame.{title}"), str(error))
        return respond_once(page, plain.status, headers)

    async def _get_overview(self, request: Request) -> Response:
        viewer = self._viewer(request.scope)
        if self._is_unknown():
            return respond_once(self._frame.key_form(viewer, ""), 200, {})
        return respond(await self._overview(viewer).get())

    async def _get_model(self, request: Request) -> Response:
        viewer = self._viewer(request.scope)
        try:
            page = await self._model(viewer, request.path_params["name"]).get()
        except NotFoundError as error:
            return self._refuse(viewer, error, request.url.path)
        return respond(page)

    async def _get_events(self, request: Request) -> EventStream:
        viewer = self._viewer(request.scope)
        name = request.query_params.get("model")
        document = self._overview(viewer) if name is None else self._model(viewer, name)

        async def tag() -> str:
            self._check_key(request.scope)  # it may have been revoked since the last tick
            return (await document.get()).etag

        return self._streams.stream(tag)

    def _overview(self, viewer: Viewer) -> Document[Encoded]:
        return _find(
            self._kept,
            viewer,
            lambda: Document(
                lambda: Subject(self._repository.current()), Overview(self._frame, viewer).encode
            ),
        )

    def _model(self, viewer: Viewer, name: str) -> Document[Encoded]:
        """Return the page of a model.

        Raises:
            NotFoundError: There is no such model.
        """

        def current() -> Subject:
            snapshot = self._repository.current()
            selection = snapshot.state.selection
            return Subject(snapshot.model(name), selection is not None and selection.model == name)

        current()
        return _find(
            self._kept,
            (viewer, name),
            lambda: Document(current, ModelPage(self._frame, viewer).encode),
        )

    def _viewer(self, scope: Scope) -> Viewer:
        language = choose_language(scope["headers"], list(self._texts))
        return Viewer(self._texts[language], self._proxies.prefix(scope))

    def _is_unknown(self) -> bool:
        return self._authorizer is not None and KEY_ID.get() is None

    def _check_key(self, scope: Scope) -> None:
        authorizer = self._authorizer
        if authorizer and not authorizer.is_authorized(scope["headers"], RequiredScope.ANY_KEY):
            raise UnknownCallerError("the API key is no longer valid")


def _find(
    kept: OrderedDict[Any, Document[Encoded]], key: Any, make: Callable[[], Document[Encoded]]
) -> Document[Encoded]:
    found = kept.pop(key, None) or make()
    kept[key] = found
    if len(kept) > _KEPT:
        kept.popitem(last=False)
    return found
