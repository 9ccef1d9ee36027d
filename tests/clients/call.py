"""Calls a service with a generated client, and prints what it answered; the types are the test.

``mypy --strict`` checks this file beside the generated package ``generated``.
"""

from __future__ import annotations

import json
import sys
from typing import Any, assert_type

from generated import Client
from generated.api.models import get_model, list_models, select_model
from generated.api.open_inference_protocol import infer
from generated.api.predict import (
    predict,
    predict_by_name,
    predict_mixed,
    predict_penguins_logistic_regression,
    predict_regressor,
)
from generated.models import (
    InferenceRequest,
    InferenceResponse,
    KnownModelName,
    MixedAnswers,
    MixedRecord,
    MixedRecordIsland,
    ModelDetail,
    ModelName,
    ModelsView,
    PenguinsLogisticRegressionAnswer,
    PenguinsLogisticRegressionAnswers,
    PenguinsLogisticRegressionLabel,
    PenguinsLogisticRegressionRecord,
    Problem,
    RegressorAnswer,
    RegressorRecord,
    RowFault,
    SelectionResult,
    Tensor,
    TensorDatatype,
)
from generated.types import UNSET

PENGUIN = PenguinsLogisticRegressionRecord(
    bill_length_mm=39.1, bill_depth_mm=18.7, flipper_length_mm=181, body_mass_g=3750
)


def ask_one(client: Client) -> Any:
    answer = predict_penguins_logistic_regression.sync(client=client, body=PENGUIN)
    assert isinstance(answer, PenguinsLogisticRegressionAnswer), answer
    assert_type(answer.label, PenguinsLogisticRegressionLabel)
    assert_type(answer.probabilities[answer.label], float | None)
    return {"label": answer.label, "probabilities": answer.probabilities.to_dict()}


def ask_several(client: Client) -> Any:
    answer = predict_penguins_logistic_regression.sync(client=client, body=[PENGUIN, PENGUIN])
    assert isinstance(answer, PenguinsLogisticRegressionAnswers), answer
    return [prediction.label for prediction in answer.predictions]


def ask_mixed(client: Client) -> Any:
    record = MixedRecord(age=4, wild=True, island=MixedRecordIsland.DREAM, mass=None)
    body: list[MixedRecord | list[bool | float | int | str | None]]
    body = [record, [3.5, 4, True, "Dream", "male"]]
    answer = predict_mixed.sync(client=client, body=body)
    assert isinstance(answer, MixedAnswers), answer
    return [prediction.label for prediction in answer.predictions]


def ask_value(client: Client) -> Any:
    record = RegressorRecord(bill_length_mm=1, bill_depth_mm=2, flipper_length_mm=3, body_mass_g=4)
    answer = predict_regressor.sync(client=client, body=record)
    assert isinstance(answer, RegressorAnswer), answer
    assert_type(answer.value, float | None)
    return answer.value


def ask_wrong(client: Client) -> Any:
    answer = predict_penguins_logistic_regression.sync(client=client, body=[[1.0, 2.0]])
    assert isinstance(answer, Problem), answer
    assert answer.errors is not UNSET
    faults: list[RowFault] = answer.errors  # type: ignore[assignment]
    return [answer.status, [fault.reason for fault in faults]]


def ask_selected(client: Client) -> Any:
    chosen = select_model.sync(client=client, model=ModelName.PENGUINS_LOGISTIC_REGRESSION)
    assert isinstance(chosen, SelectionResult), chosen
    one = predict.sync(client=client, body=[[39.1, 18.7, 181.0, 3750.0]])
    by_name = predict_by_name.sync(
        ModelName.PENGUINS_RANDOM_FOREST, client=client, body=[[39.1, 18.7, 181.0, 3750.0]]
    )
    assert not isinstance(one, Problem | None)
    assert not isinstance(by_name, Problem | None)
    return [chosen.active_version, one.model, by_name.model]


def ask_about(client: Client) -> Any:
    listed = list_models.sync(client=client)
    assert isinstance(listed, ModelsView), listed
    detail = get_model.sync(KnownModelName.MIXED, client=client)
    assert isinstance(detail, ModelDetail), detail
    return [sorted(model.name for model in listed.models), detail.features]


def ask_tensors(client: Client) -> Any:
    tensor = Tensor("X", [1, 4], TensorDatatype.FP32, data=[39.1, 18.7, 181.0, 3750.0])
    answer = infer.sync(ModelName.REGRESSOR, client=client, body=InferenceRequest([tensor]))
    assert isinstance(answer, InferenceResponse), answer
    return [output.name for output in answer.outputs]


def main(url: str) -> None:
    """Ask everything once."""
    client = Client(base_url=url)
    questions = [
        *(ask_one, ask_several, ask_mixed, ask_value),
        *(ask_wrong, ask_selected, ask_about, ask_tensors),
    ]
    json.dump({ask.__name__: ask(client) for ask in questions}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
