"""The pages ``/docs`` and ``/redoc``, from here alone, under a strict content security policy.

A page is a few lines of HTML; what it does is in ``static/``. It runs scripts of this service only
and asks this service only, so that a description in a model can neither load images of other hosts
nor run scripts, and no other site can show the page in a frame.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import Request  # noqa: TC002 - FastAPI reads it from the signature
from starlette.responses import HTMLResponse

from inference.web.documents import DocumentResponse, encoded

if TYPE_CHECKING:
    from fastapi import FastAPI

    from inference.web.documents import Encoded
    from inference.web.trusted_proxies import Proxies

_STATIC = Path(__file__).parent / "static"
# By path: the file, and what it is.
_FILES = {
    "/docs/docs.js": ("docs.js", "text/javascript"),
    "/docs/redoc.js": ("redoc.js", "text/javascript"),
    "/favicon.svg": ("favicon.svg", "image/svg+xml"),
    "/favicon.ico": ("favicon.ico", "image/x-icon"),
}
_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
}
_HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="{root}/favicon.svg" type="image/svg+xml">
"""
_PAGES = {
    "swagger-ui": _HEAD
    + """<link rel="stylesheet" href="{root}/static-offline-docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="{root}/static-offline-docs/swagger-ui-bundle.js"></script>
<script src="{root}/docs/docs.js" data-openapi="{root}/openapi.json"></script>
</body>
</html>
""",
    "redoc": _HEAD
    + """</head>
<body>
<div id="redoc"></div>
<script src="{root}/docs/redoc.js" data-openapi="{root}/openapi.json"></script>
<script src="{root}/static-offline-docs/redoc.standalone.js"></script>
</body>
</html>
""",
}


def add_docs_pages(app: FastAPI, proxies: Proxies) -> None:
    """Add the pages and their files to an app that has none.

    Args:
        app: It serves the files of Swagger UI and Redoc already.
        proxies: Return the prefix under which clients find these.
    """

    def page(request: Request, title: str, name: str) -> HTMLResponse:
        root = escape(proxies.prefix(request.scope))
        return HTMLResponse(_PAGES[name].format(title=escape(title), root=root), headers=_HEADERS)

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        return page(request, f"{app.title} - Swagger UI", "swagger-ui")

    @app.get("/redoc", include_in_schema=False)
    async def redoc(request: Request) -> HTMLResponse:
        return page(request, f"{app.title} - Redoc", "redoc")

    for path, (name, media_type) in _FILES.items():
        _add_file(app, path, encoded((_STATIC / name).read_bytes()), media_type)


def _add_file(app: FastAPI, path: str, content: Encoded, media_type: str) -> None:
    @app.get(path, include_in_schema=False)
    async def file() -> DocumentResponse:
        return DocumentResponse(content, media_type)
