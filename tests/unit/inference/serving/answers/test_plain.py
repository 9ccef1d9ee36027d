from __future__ import annotations

from typing import Any

import pytest

from inference.errors import RequestError
from inference.serving.answers.plain import PlainForm


@pytest.mark.parametrize(
    ("prediction", "value"),
    [
        ({"value": None}, None),
        ({"values": {"a": None, "b": 2.0}}, [None, 2.0]),
        ({"label": 1, "probabilities": None}, 1),
        ({"label": -1, "score": None}, -1),
    ],
)
def test_a_value_that_is_no_number_in_json_is_a_value(
    prediction: dict[str, Any], value: Any
) -> None:
    """As in an explanation, whose answers have been JSON before."""
    assert PlainForm().values([prediction], "m") == [value]


def test_a_method_without_values_is_refused() -> None:
    with pytest.raises(RequestError, match=r"has no predict_proba: it has predict$"):
        PlainForm("predict_proba").values([{"label": 1, "probabilities": None}], "m")
