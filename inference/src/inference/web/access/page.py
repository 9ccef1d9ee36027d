"""The Swagger page where keys are needed: fetches the document anew once a key is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse

if TYPE_CHECKING:
    from fastapi import FastAPI

_FILES = "/static-offline-docs"
# The document tells of models only to who has a key, and Swagger UI fetches it without one.
_SCRIPT = """<script>
const keys = () => Object.entries(ui.authSelectors.authorized().toJS());
ui.getConfigs().requestInterceptor = request => {
  if (request.loadSpec) {
    for (const [name, {value}] of keys()) {
      const [header, spelt] = name === "bearer" ? ["Authorization", "Bearer " + value]
        : ["X-API-Key", value];
      request.headers = {...request.headers, [header]: spelt};
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


def add_page(app: FastAPI) -> None:
    """Add ``/docs`` to an app that has none."""
    page = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title=f"{app.title} - Swagger UI",
        swagger_js_url=f"{_FILES}/swagger-ui-bundle.js",
        swagger_css_url=f"{_FILES}/swagger-ui.css",
        swagger_favicon_url=f"{_FILES}/favicon.png",
        swagger_ui_parameters=app.swagger_ui_parameters,
    )
    text = bytes(page.body).decode().replace("</body>", _SCRIPT)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(text)
