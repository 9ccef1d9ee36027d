"""The Swagger page at ``/docs``: served from here alone, under a strict content security policy."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from fastapi import Request  # noqa: TC002 - FastAPI reads it
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse

if TYPE_CHECKING:
    from fastapi import FastAPI

    from inference.web.transport.forwarded import Proxies

_FILES = "/static-offline-docs"
# Without a key the document names no model, and Swagger UI fetches it without one.
_FETCH_WITH_KEY = """<script>
const keys = () => Object.entries(ui.authSelectors.authorized().toJS());
ui.getConfigs().requestInterceptor = request => {
  if (request.loadSpec) {
    for (const [name, {value}] of keys()) {
      const [header, content] = name === "bearer" ? ["Authorization", "Bearer " + value]
        : ["X-API-Key", value];
      request.headers = {...request.headers, [header]: content};
    }
  }
  return request;
};
let shown = "[]";
ui.getStore().subscribe(() => {
  const now = JSON.stringify(keys());
  if (now !== shown) {
    shown = now;
    ui.specActions.download("/openapi.json");
  }
});
</script>
</body>"""
_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def add_docs_page(app: FastAPI, proxies: Proxies, *, keyed: bool) -> None:
    """Add ``/docs`` to an app that has none.

    Args:
        app: It serves Swagger UI's files already.
        proxies: Tell under which path clients find these.
        keyed: Whether the page fetches the document again when a person enters a key.
    """

    @lru_cache(maxsize=8)
    def make_page(prefix: str) -> tuple[str, dict[str, str]]:
        page = get_swagger_ui_html(
            openapi_url=f"{prefix}/openapi.json",
            title=f"{app.title} - Swagger UI",
            swagger_js_url=f"{prefix}{_FILES}/swagger-ui-bundle.js",
            swagger_css_url=f"{prefix}{_FILES}/swagger-ui.css",
            swagger_favicon_url=f"{prefix}{_FILES}/favicon.png",
            swagger_ui_parameters=app.swagger_ui_parameters,
        )
        text = bytes(page.body).decode()
        if keyed:
            text = text.replace("</body>", _FETCH_WITH_KEY.replace('"/', f'"{prefix}/'))
        policy = content_security_policy(text)
        return text, {"content-security-policy": policy, "referrer-policy": "no-referrer"}

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        text, headers = make_page(proxies.prefix(request.scope))
        return HTMLResponse(text, headers=headers)


def content_security_policy(page: str) -> str:
    """Give the policy under which a page may do what it does, and nothing else.

    It may run its own inline scripts, and load from and ask this service only. A description that
    somebody wrote into a model cannot load images of other hosts or run scripts, and no other site
    can show the page in a frame.

    Args:
        page: The whole page, with its inline scripts.
    """
    scripts = [
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        for script in _INLINE_SCRIPT.findall(page)
    ]
    return "; ".join(
        [
            "default-src 'none'",
            " ".join(["script-src 'self'", *(f"'sha256-{digest}'" for digest in scripts)]),
            "style-src 'self'",
            "img-src 'self' data:",
            "font-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )
