# ruff: noqa: INP001 - imported by a script
"""Describe the metrics, with example queries."""

from __future__ import annotations

from prometheus_client import ProcessCollector

from inference.telemetry.prometheus import aliases
from inference.telemetry.prometheus import families as family
from inference.telemetry.prometheus.drift_families import DRIFT_FAMILIES

_QUERIES = {
    "How many requests per second?": "sum by (model) (rate(inference_requests_total[5m]))",
    "Which share of requests fails?": (
        'sum(rate(inference_requests_total{status=~"5.."}[5m])) '
        "/ sum(rate(inference_requests_total[5m]))"
    ),
    "How long do 99 % of requests take?": (
        "histogram_quantile(0.99, sum by (le, model) "
        "(rate(inference_request_duration_seconds_bucket[5m])))"
    ),
    "Is any model not ready?": 'inference_model_state{state!="ready"}',
    "Which classes are predicted?": (
        "sum by (model, label) (rate(inference_predicted_labels_total[1h]))"
    ),
    "Which features leave the training range most often?": (
        "topk(10, sum by (model, feature) (rate(inference_out_of_range_values_total[1h])))"
    ),
    "Which features have shifted?": "inference_feature_psi > 0.2",
}


def render() -> str:
    """Return the page."""
    lines = [
        "# Metrics\n",
        "`GET /metrics` returns these in the Prometheus text format. Any API key is enough.\n",
        *(f"- {note}" for note in family.NOTES),
        "\n| metric | type | labels | meaning |",
        "|---|---|---|---|",
    ]
    for one in (*family.FAMILIES, *family.LIVE_FAMILIES, *DRIFT_FAMILIES):
        labels = ", ".join(f"`{label}`" for label in one.labels) or "none"
        lines.append(f"| `{one.shown_name}` | {one.kind} | {labels} | {one.help} |")
    lines += [
        "\n## The answering worker\n",
        "The standard process metrics, of the worker that answers the scrape.\n",
        "| metric | type | meaning |",
        "|---|---|---|",
    ]
    for metric in ProcessCollector(registry=None).collect():
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        lines.append(f"| `{name}` | {metric.type} | {metric.documentation} |")
    names = ", ".join(f"`nv_inference_{name}`" for name in aliases.TRITON)
    lines += [
        "\n## Names of other servers\n",
        (
            "With `INFERENCE_METRIC_ALIASES=true`, for dashboards of Triton and KServe: "
            f"{names},\nby `model` and `version`, and the histogram `{aliases.KSERVE}` by "
            "`model_name`.\n"
        ),
        "## Example queries\n",
        "| question | PromQL |",
        "|---|---|",
        *(f"| {question} | `{query}` |" for question, query in _QUERIES.items()),
    ]
    return "\n".join(lines) + "\n"
