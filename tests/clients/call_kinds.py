"""Calls models of each kind of answer with a generated client; the types are the test.

``mypy --strict`` checks this file beside the generated package ``generated``.
"""

from __future__ import annotations

import json
import sys
from typing import Any, assert_type

from generated import Client
from generated.api.predict import (
    predict_clusters,
    predict_labels,
    predict_mixture,
    predict_outliers,
    predict_vectors,
)
from generated.models import (
    ClustersAnswer,
    ClustersLabel,
    ClustersRecord,
    LabelsAnswer,
    LabelsRecord,
    MixtureAnswer,
    MixtureRecord,
    OutliersAnswer,
    OutliersLabel,
    OutliersRecord,
    VectorsAnswers,
    VectorsRecord,
)

VALUES = {
    "bill_length_mm": 39.1,
    "bill_depth_mm": 18.7,
    "flipper_length_mm": 181.0,
    "body_mass_g": 3750.0,
}
ROWS = [[39.1, 18.7, 181.0, 3750.0], [50.0, 16.3, 230.0, 5700.0]]


def ask_labels(client: Client) -> Any:
    answer = predict_labels.sync(client=client, body=LabelsRecord(**VALUES))
    assert isinstance(answer, LabelsAnswer), answer
    assert_type(answer.labels["species"], bool | int | str)
    return {"labels": answer.labels.to_dict(), "probabilities": answer.probabilities.to_dict()}


def ask_outliers(client: Client) -> Any:
    answer = predict_outliers.sync(client=client, body=OutliersRecord(**VALUES))
    assert isinstance(answer, OutliersAnswer), answer
    assert_type(answer.label, OutliersLabel)
    assert_type(answer.score, float | None)
    return {"label": answer.label, "score": answer.score}


def ask_clusters(client: Client) -> Any:
    answer = predict_clusters.sync(client=client, body=ClustersRecord(**VALUES))
    assert isinstance(answer, ClustersAnswer), answer
    assert_type(answer.label, ClustersLabel)
    assert_type(answer.distances["0"], float | None)
    return {"label": answer.label, "distances": answer.distances.to_dict()}


def ask_mixture(client: Client) -> Any:
    answer = predict_mixture.sync(client=client, body=MixtureRecord(**VALUES))
    assert isinstance(answer, MixtureAnswer), answer
    return {"label": answer.label, "probabilities": answer.probabilities.to_dict()}


def ask_vectors(client: Client) -> Any:
    body: list[list[float] | VectorsRecord] = [*ROWS]
    answer = predict_vectors.sync(client=client, body=body)
    assert isinstance(answer, VectorsAnswers), answer
    assert_type(answer.predictions[0].vector, list[float | None])
    return {"vector": answer.predictions[0].vector}


def main(url: str) -> None:
    """Ask everything once."""
    client = Client(base_url=url)
    questions = [ask_labels, ask_outliers, ask_clusters, ask_mixture, ask_vectors]
    json.dump({ask.__name__.removeprefix("ask_"): ask(client) for ask in questions}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
