"""Checks custom resources against their operators' definitions; runs in an environment of its own.

Reads a manifest as JSON on each line, and answers with a line: empty, or what is wrong.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from cloudcoil.models.keda.v1alpha1 import ScaledObject
from cloudcoil.models.prometheus_operator.v1 import PrometheusRule, ServiceMonitor

_MODELS = {model.__name__: model for model in (PrometheusRule, ScaledObject, ServiceMonitor)}


def fault(manifest: dict[str, Any]) -> str:
    """Return what is wrong with a manifest."""
    try:
        read = _MODELS[manifest["kind"]].model_validate(manifest)
    except ValueError as error:
        return str(error)
    known = read.model_dump(mode="json", by_alias=True, exclude_unset=True)
    # A server drops members that it does not know without a word.
    return "" if known == manifest else f"{manifest} has members beyond {known}"


for line in sys.stdin:
    print(json.dumps(fault(json.loads(line))), flush=True)  # noqa: T201 - the answer
