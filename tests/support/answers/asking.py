"""Ask a service for predictions, and compare them with numbers computed elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.answers import kinds as models
from support.models.artifacts import MEASUREMENTS

if TYPE_CHECKING:
    from support.service.process import Service

RECORDS = [dict(zip(MEASUREMENTS, row, strict=True)) for row in models.ROWS]


def predict(service: Service, name: str, body: Any) -> dict[str, Any]:
    """Return an answer, which carries no warnings."""
    answer = service.client.post(f"/models/{name}/predict", json=body)
    assert answer.status_code == 200, answer.text
    decoded: dict[str, Any] = answer.json()
    assert "warnings" not in decoded
    return decoded


def assert_nearly(found: Any, wanted: Any) -> None:
    """Compare nested JSON: numbers nearly, all else exactly."""
    if isinstance(wanted, dict):
        assert list(found) == list(wanted)
        for key, item in wanted.items():
            assert_nearly(found[key], item)
    elif isinstance(wanted, (float, list)):
        assert found == pytest.approx(wanted, rel=1e-5)
    else:
        assert found is wanted or (type(found) is type(wanted) and found == wanted)
