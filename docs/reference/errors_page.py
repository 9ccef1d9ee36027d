# ruff: noqa: INP001 - imported by a script
"""Describe the errors: the tree, their statuses, and what to do about each."""

from __future__ import annotations

import inspect
import json
from typing import Any

from inference import errors
from inference.web.errors.problem import describe

_ADVICE = {
    400: "send JSON: one record, a list of records, or rows in feature order",
    401: "send a key: `Authorization: Bearer KEY`, or `X-API-Key: KEY`",
    403: "use a key with the named scope; for a web page, add its origin to "
    "`INFERENCE_CORS_ORIGINS`",
    404: "correct the name; the message suggests the closest one",
    408: "send the request faster",
    409: "select a model, or see in the message why it cannot answer",
    413: "split the request, or raise the limit that the message names",
    415: "compress the body with gzip, deflate or zstd, or not at all; or send the "
    "media type that the message names",
    421: "use localhost or the service's address, or add the name to `INFERENCE_ALLOWED_HOSTS`",
    422: "correct the named rows and features",
    429: "send fewer requests; `Retry-After` says when to continue",
    431: "send fewer or shorter headers, or raise the limit",
    500: "see the service's log: the model or the service failed",
    503: "try again after the time in `Retry-After`",
    504: "send fewer rows; the same request would time out again",
}


def render() -> str:
    """Return the page."""
    tree = (inspect.getdoc(errors) or "").partition("::\n\n")[2]
    statuses: dict[int, list[str]] = {}
    for name, error in vars(errors).items():
        if isinstance(error, type) and issubclass(error, errors.RookeryError):
            if issubclass(error, (errors.ArtifactError, errors.SettingError)):
                continue  # never an answer: a quarantine reason, or an error at the start
            if error not in (errors.RookeryError, errors.ClientError, errors.ServerError):
                statuses.setdefault(error.status, []).append(name)
    lines = [
        "# Errors\n",
        (
            "Errors have the media type `application/problem+json` ([RFC 9457]"
            "(https://www.rfc-editor.org/rfc/rfc9457)). Under `/v1` and `/v2`\n"
            'they are `{"error": "..."}`, and for `/invocations` and `/ping` '
            '`{"error_code": "...", "message": "..."}`, as the clients\n'
            "of these protocols expect.\n"
        ),
        "```json",
        json.dumps(_example_problem(), indent=2),
        "```\n",
        (
            "`errors` has one entry per invalid row and feature, at most 100. `total_errors` "
            "counts all of them. `row` starts at 0.\n"
        ),
        "## The tree of errors\n",
        "```text",
        inspect.cleandoc(tree),
        "```\n",
        "| status | class | what to do |",
        "|---|---|---|",
    ]
    for status in sorted(statuses):
        names = ", ".join(f"`{name}`" for name in statuses[status])
        lines.append(f"| {status} | {names} | {_ADVICE[status]} |")
    return "\n".join(lines) + "\n"


def _example_problem() -> dict[str, Any]:
    reason = "expected a number, got the string 'long'"
    return describe(errors.RowsError([errors.Fault(0, "bill_length_mm", reason)]))
