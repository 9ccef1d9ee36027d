# ruff: noqa: INP001 - a script, not a module
"""Write the reference pages from the code they describe: ``python docs/reference/generate.py``.

``tests/unit/docs`` fails when a page has fallen behind.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import tempfile
from pathlib import Path
from typing import Any, get_args

import httpx
import msgspec
from prometheus_client import ProcessCollector

from exporter import settings as exporter_settings
from inference import errors
from inference.app import create_app
from inference.model import contract
from inference.settings import AREAS, MIB, Settings
from inference.telemetry.prometheus import aliases
from inference.telemetry.prometheus import families as family

FOLDER = Path(__file__).parent
_QUERIES = {
    "How many requests a second?": "sum by (model) (rate(inference_requests_total[5m]))",
    "Which part fails?": (
        'sum(rate(inference_requests_total{status=~"5.."}[5m])) '
        "/ sum(rate(inference_requests_total[5m]))"
    ),
    "How long do 99 of 100 take?": (
        "histogram_quantile(0.99, sum by (le, model) "
        "(rate(inference_request_duration_seconds_bucket[5m])))"
    ),
    "Does any model not answer?": 'inference_model_state{state!="ready"}',
    "Which classes are predicted?": (
        "sum by (model, label) (rate(inference_predicted_labels_total[1h]))"
    ),
    "Which features have left the training range?": (
        "topk(10, sum by (model, feature) (rate(inference_out_of_range_values_total[1h])))"
    ),
}
# Argument of publish(), default, meaning; a test compares the names with those in the sources.
_EXPORTER = {
    "EXPORTER_MODELS_DIR": (
        "`models_dir`",
        f"`{exporter_settings.DEFAULT_MODELS_DIR}`",
        "The folder that `publish()` writes to.",
    ),
    "EXPORTER_URL": ("`url`", f"`{exporter_settings.DEFAULT_URL}`", "The address of the service."),
    "EXPORTER_LINK_URL": (
        "",
        "that of `EXPORTER_URL`",
        "The address of the service in links, if your browser needs another one than the notebook.",
    ),
    "EXPORTER_API_KEY": ("", "none", "The API key that is sent to the service."),
    "EXPORTER_SIGN_WITH": ("`sign_with`", "none", "The file of the private key that signs."),
    "EXPORTER_KEEP": (
        "`keep`",
        "all",
        "How many of the newest versions are kept, besides those that the service needs.",
    ),
}
_NOTE = "<!-- Written by docs/reference/generate.py; do not edit. -->\n\n"


def render() -> dict[str, str]:
    """Give the text of each generated page, by its file's name."""
    return {
        "settings.md": _settings(),
        "contract.md": _contract(),
        "errors.md": _errors(),
        "metrics.md": _metrics(),
        "openapi.json": _openapi(),
    }


def _settings() -> str:
    lines = [
        _NOTE + "# Settings of the service\n",
        (
            "Environment variables. A bad value stops the start and says why. So does a variable "
            "that begins with\n`INFERENCE_` and is not listed here; the nearest one is suggested.\n"
        ),
        (
            "Kubernetes sets variables in every pod for each Service. For a Service whose name "
            "begins with `inference` they look\nlike `INFERENCE_SERVICE_HOST` or "
            "`INFERENCE_PORT_8000_TCP`, and are ignored. `INFERENCE_PORT=tcp://...` is ignored,\n"
            "too, with a line in the log: the default port holds, unless the pod sets a number. "
            "`enableServiceLinks: false`\nin the pod leaves all of them out.\n"
        ),
    ]
    for area in AREAS:
        title = (inspect.getdoc(area) or "").rstrip(".")
        lines += [f"## {title}\n", "| setting | default | meaning |", "|---|---|---|"]
        for name, field in area.model_fields.items():
            default = _spell(field.default)
            lines.append(
                f"| `INFERENCE_{name.upper()}` | {default} | {field.description}{_limits(field)} |"
            )
        lines.append("")
    lines += [
        (
            "The images set `INFERENCE_MODELS_DIR=/models`, `INFERENCE_STATE_DIR=/state` and "
            "`INFERENCE_HOST=0.0.0.0`, so they\nstart with keys, or with "
            "`INFERENCE_ALLOW_ANONYMOUS=true`, which `compose.yml` sets: it publishes the port on\n"
            "loopback only.\n"
        ),
        "# Settings of the exporter\n",
        "An argument of `publish()` takes precedence over its variable.\n",
        "| setting | argument | default | meaning |",
        "|---|---|---|---|",
        *(
            f"| `{name}` | {argument} | {default} | {meaning} |"
            for name, (argument, default, meaning) in _EXPORTER.items()
        ),
    ]
    return "\n".join(lines) + "\n"


def _spell(value: Any) -> str:
    match value:
        case bool():
            return f"`{str(value).lower()}`"
        case int() if value >= MIB and value % MIB == 0:
            return f"`{value}` ({value // MIB} MiB)"
        case None | "":
            return "none"
        case _ if value in ({}, ()):
            return "none"
        case _:
            return f"`{value}`"


def _limits(field: Any) -> str:
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    parts = [
        f"{word} {getattr(limit, sign)}"
        for limit in field.metadata
        for sign, word in words.items()
        if hasattr(limit, sign)
    ]
    return f" ({', '.join(parts)})" if parts else ""


def _contract() -> str:
    head = inspect.getdoc(contract) or ""
    lines = [
        _NOTE + "# The contract\n",
        (
            f"One JSON document under the ONNX metadata key `{contract.METADATA_KEY}`, version "
            f"{contract.CONTRACT_VERSION}. Fields at their default may be left out.\n"
        ),
        "```text\n" + head.split("\n\n", 2)[2].strip() + "\n```\n",
    ]
    structs = [
        thing
        for thing in vars(contract).values()
        if isinstance(thing, type)
        and issubclass(thing, msgspec.Struct)
        and thing.__doc__
        and not thing.__name__.startswith("_")
    ]
    for struct in [contract.Contract, *(s for s in structs if s is not contract.Contract)]:
        lines += _struct(struct)
    return "\n".join(lines)


def _struct(struct: type[msgspec.Struct]) -> list[str]:
    told = inspect.getdoc(struct) or ""
    described = dict(_attributes(told))
    lines = [
        f"## {struct.__name__}\n",
        _markdown(told.split("\n", 1)[0]) + "\n",
        "| field | type | meaning |",
    ]
    lines.append("|---|---|---|")
    for field in msgspec.structs.fields(struct):
        kind = _type(field.type).replace("|", "\\|")
        lines.append(f"| `{field.encode_name}` | {kind} | {described[field.name]} |")
    return [*lines, ""]


def _attributes(docstring: str) -> list[tuple[str, str]]:
    text = docstring.partition("Attributes:\n")[2]
    entries = re.split(r"\n(?=    \w+: )", "\n" + text)
    pairs = [entry.strip().split(": ", 1) for entry in entries if entry.strip()]
    return [(name, _markdown(meaning)) for name, meaning in pairs]


def _markdown(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("``", "`").strip()


def _type(kind: Any) -> str:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return f"[{kind.__name__}](#{kind.__name__.lower()})"
    spelt = re.sub(r"inference\.model\.contract\.(\w+)", r"\1", str(kind))
    if isinstance(kind, type) and not get_args(kind):
        spelt = kind.__name__
    return "`" + re.sub(r"typing\.|<class '(\w+)'>", r"\1", spelt) + "`"


def _errors() -> str:
    tree = (inspect.getdoc(errors) or "").partition("::\n\n")[2]
    statuses: dict[int, list[str]] = {}
    for name, error in vars(errors).items():
        if isinstance(error, type) and issubclass(error, errors.RookeryError):
            if issubclass(error, (errors.ArtifactError, errors.SettingError)):
                continue  # a quarantine's reason, or the start's; no answer
            if error not in (errors.RookeryError, errors.ClientError, errors.ServerError):
                statuses.setdefault(error.status, []).append(name)
    lines = [
        _NOTE + "# Errors\n",
        (
            "Every error is answered as `application/problem+json` ([RFC 9457]"
            "(https://www.rfc-editor.org/rfc/rfc9457)); under `/v2` as\n"
            '`{"error": "..."}`, as the Open Inference Protocol wants it.\n'
        ),
        "```json",
        json.dumps(_example_problem(), indent=2),
        "```\n",
        (
            "`errors` has one entry per wrong row and feature, at most 100; `total_errors` counts "
            "all. `row` counts from 0.\n"
        ),
        "## Whose errors they are\n",
        "```text",
        inspect.cleandoc(tree),
        "```\n",
        "| status | raised as | what to do |",
        "|---|---|---|",
    ]
    advice = {
        400: "send JSON: one record, a list of records, or rows in feature order",
        401: "send a key: `Authorization: Bearer KEY`, or `X-API-Key: KEY`",
        403: "use a key with the scope that is named; for a web page, list its origin in "
        "`INFERENCE_CORS_ORIGINS`",
        404: "correct the name; the nearest one is suggested",
        408: "send the whole request sooner",
        409: "select a model, or read why it does not answer",
        413: "split the request, or raise the limit",
        415: "compress by gzip, deflate or zstd, or not at all",
        421: "call the service by localhost or its address, or list the name in "
        "`INFERENCE_ALLOWED_HOSTS`",
        422: "correct the rows and features that are named",
        429: "ask less often; `Retry-After` says when to go on",
        431: "send smaller headers, or raise the limit",
        500: "look at the service's log; it is the model's or the service's fault",
        503: "try again; `Retry-After` says when",
        504: "ask for less; the same request would take as long again",
    }
    for status in sorted(statuses):
        names = ", ".join(f"`{name}`" for name in statuses[status])
        lines.append(f"| {status} | {names} | {advice[status]} |")
    return "\n".join(lines) + "\n"


def _metrics() -> str:
    lines = [
        _NOTE + "# Metrics\n",
        "`GET /metrics` gives them in Prometheus' text format; with API keys it needs any key.\n",
        *(f"- {note}" for note in family.NOTES),
        "\n| metric | type | labels | meaning |",
        "|---|---|---|---|",
    ]
    for one in family.FAMILIES:
        labels = ", ".join(f"`{label}`" for label in one.labels) or "none"
        lines.append(f"| `{one.shown_name}` | {one.kind} | {labels} | {one.help} |")
    lines += [
        "\n## The answering worker\n",
        "Prometheus' usual figures of a process, of the worker that answers the scrape.\n",
        "| metric | type | meaning |",
        "|---|---|---|",
    ]
    for metric in ProcessCollector(registry=None).collect():
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        lines.append(f"| `{name}` | {metric.type} | {metric.documentation} |")
    names = ", ".join(f"`nv_inference_{name}`" for name in aliases.TRITON)
    lines += [
        "\n## Other servers' names\n",
        (
            "With `INFERENCE_METRIC_ALIASES=true`, for dashboards made for Triton and KServe: "
            f"{names},\nby `model` and `version`, and the histogram `{aliases.KSERVE}` by "
            "`model_name`.\n"
        ),
        "## Questions\n",
        "| question | PromQL |",
        "|---|---|",
        *(f"| {question} | `{query}` |" for question, query in _QUERIES.items()),
    ]
    return "\n".join(lines) + "\n"


def _example_problem() -> dict[str, Any]:
    from inference.web.errors.problem import describe  # noqa: PLC0415 - only this page needs it

    reason = "expected a number, got the string 'long'"
    return describe(errors.RowsError([errors.Fault(0, "bill_length_mm", reason)]))


def _openapi() -> str:
    async def ask() -> Any:
        with tempfile.TemporaryDirectory() as folder:
            app = create_app(Settings(models_dir=Path(folder), state_dir=Path(folder, "state")))
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
                return (await client.get("/openapi.json")).raise_for_status().json()

    return json.dumps(asyncio.run(ask()), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for name, text in render().items():
        (FOLDER / name).write_text(text)
