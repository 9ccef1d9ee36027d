"""``POST /invocations``, as MLflow's scoring server, Databricks and SageMaker have it.

It asks the selected model. A route of Vertex AI's choice answers alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference.errors import MediaTypeError
from inference.runtime.suggestions import shorten
from inference.serving.answers.plain import PlainForm
from inference.web.adapters.csv_rows import read_csv
from inference.web.adapters.envelope import Unwrapped, unwrap
from inference.web.adapters.plain_routes import Adapter
from inference.web.errors.mlflow import encode

if TYPE_CHECKING:
    from inference.model.servable import Servable
    from inference.repository.snapshot import Snapshot
    from inference.serving.rows.row_limits import RowLimits
    from inference.web.message.exchange import Exchange
    from inference.web.message.headers import Headers

PATH = "/invocations"
_JSON = "application/json"
_CSV = "text/csv"
_UTF8 = ("utf-8", "utf8", "us-ascii")


def invocations(route: str | None = None) -> Adapter:
    """Make the adapter.

    Args:
        route: A further path; ``None`` for none.
    """
    paths = frozenset(
        form for path in (PATH, route) if path for form in (path.rstrip("/"), f"{path}/")
    )
    return Adapter(
        name="invocations",
        takes=paths.__contains__,
        find=_find,
        unwrap=_unwrap,
        encode_error=encode,
    )


def _find(exchange: Exchange, snapshot: Snapshot) -> Servable:
    return snapshot.selected(exchange)


def _unwrap(headers: Headers, body: bytes, servable: Servable, limits: RowLimits) -> Unwrapped:
    media_type, parameters = _content_type(headers)
    if media_type in ("", _JSON):
        return unwrap(body, servable, limits)
    if media_type == _CSV:
        has_header = parameters.get("header", "present") != "absent"
        return Unwrapped(read_csv(body, servable, limits, has_header=has_header), PlainForm())
    raise MediaTypeError(
        f"the body is '{shorten(media_type)}': send {_JSON} or {_CSV} and say so in Content-Type"
    )


def _content_type(headers: Headers) -> tuple[str, dict[str, str]]:
    """Return the media type of a body, in lower case, and its parameters.

    Raises:
        MediaTypeError: It has another charset than UTF-8, or unknown parameters.
    """
    value = next((v for name, v in headers if name == b"content-type"), b"").decode("latin-1")
    media_type, *rest = (part.strip() for part in value.split(";"))
    parameters = {}
    for part in filter(None, rest):
        key, _, setting = part.partition("=")
        parameters[key.strip().lower()] = setting.strip().strip('"').lower()
    unknown = next((key for key in parameters if key not in ("charset", "header")), None)
    if unknown is not None:
        raise MediaTypeError(
            f"'{shorten(unknown)}' is not a parameter of Content-Type here: charset and header are"
        )
    if parameters.get("charset", "utf-8") not in _UTF8:
        raise MediaTypeError(f"the body is in '{shorten(parameters['charset'])}': send UTF-8")
    if parameters.get("header", "present") not in ("present", "absent"):
        raise MediaTypeError("header of Content-Type must be present or absent")
    return media_type.lower(), parameters
