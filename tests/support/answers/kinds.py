"""Models of each kind of answer beside a class and a value, written without the ``onnx`` package.

Each takes the four measurements of penguins (:func:`measurements`), as the input ``X``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from inference.model.contract import LabelOutput, Outputs, Sample
from support.models.artifacts import (
    FLOAT,
    INT64,
    SPECIES,
    STRING,
    contract,
    graph,
    measurements,
    node,
    tensor,
    value,
    with_contract,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference.model.contract import Contract, Scalar

_ML = "ai.onnx.ml"
ROW: list[Scalar] = [39.1, 18.7, 181.0, 3750.0]
OTHER_ROW: list[Scalar] = [50.0, 16.3, 230.0, 5700.0]
ROWS = [ROW, OTHER_ROW]
CENTERS = ([39.0, 18.0, 180.0, 3700.0], [50.0, 16.0, 230.0, 5700.0])
TARGETS = [
    LabelOutput("species", "species_label", list(SPECIES), "species_probabilities"),
    LabelOutput("is heavy", "heavy_label", [False, True], "heavy_probabilities", [0, 1]),
    LabelOutput("count", "count_label", [0, 1]),
]


def kinds() -> dict[str, bytes]:
    """Make a model of each kind, with two golden samples."""
    return {
        "labels": labels([labels_sample(row) for row in ROWS]),
        "outliers": outliers([outliers_sample(row) for row in ROWS]),
        "clusters": clusters([clusters_sample(row) for row in ROWS]),
        "mixture": mixture([mixture_sample(row) for row in ROWS]),
        "vectors": vectors(samples=[vectors_sample(row) for row in ROWS]),
    }


def predictions() -> dict[str, list[dict[str, Any]]]:
    """Give the answers of the models of :func:`kinds` to :data:`ROWS`, computed by NumPy."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in kinds()}
    for row in ROWS:
        species, heavy = _species(row), _heavy(row)
        names = [target.name for target in TARGETS]
        labels: Any = labels_sample(row).label
        tables = {
            "species": dict(zip(SPECIES, species, strict=True)),
            "is heavy": {"false": heavy[0], "true": heavy[1]},
            "count": None,
        }
        found["labels"].append(
            {"labels": dict(zip(names, labels, strict=True)), "probabilities": tables}
        )
        outlier, cluster = outliers_sample(row), clusters_sample(row)
        found["outliers"].append({"label": outlier.label, "score": outlier.score})
        near, far = cluster.distances or []
        found["clusters"].append({"label": cluster.label, "distances": {"0": near, "1": far}})
        found["mixture"].append(
            {"label": int(heavy[1] > 0.5), "probabilities": {"0": heavy[0], "1": heavy[1]}}
        )
        found["vectors"].append({"vector": vectors_sample(row).label})
    return found


def _species(row: list[Any]) -> list[float]:
    bill, depth, flipper, _ = row
    return _softmax([0.1 * depth, 0.01 * bill, 0.01 * flipper])


def _heavy(row: list[Any]) -> list[float]:
    return _softmax([4.0, row[3] / 1000])


def _softmax(scores: list[float]) -> list[float]:
    powers = np.exp(scores)
    shares: list[float] = (powers / powers.sum()).tolist()
    return shares


def labels_sample(row: list[Any]) -> Sample:
    """Give the golden sample of :func:`labels`."""
    shares, is_heavy = _species(row), row[3] > 4000
    label = SPECIES[int(np.argmax(shares))]
    return Sample(row, [label, is_heavy, int(not is_heavy)], [shares, _heavy(row), None])


def outliers_sample(row: list[Any]) -> Sample:
    """Give the golden sample of :func:`outliers`."""
    score = 5 - row[3] / 1000
    return Sample(row, -1 if score < 0 else 1, score=score)


def clusters_sample(row: list[Any]) -> Sample:
    """Give the golden sample of :func:`clusters`."""
    distances = np.linalg.norm(np.array(CENTERS) - np.array(row), axis=1)
    return Sample(row, int(distances.argmin()), distances=distances.tolist())


def mixture_sample(row: list[Any]) -> Sample:
    """Give the golden sample of :func:`mixture`."""
    return Sample(row, int(row[3] > 4000), list(_heavy(row)))


def vectors_sample(row: list[Any], width: int = 3) -> Sample:
    """Give the golden sample of :func:`vectors`."""
    return Sample(row, [sum(row) * i for i in range(width)])


def described(task: str, outputs: Outputs, samples: Sequence[Sample] = (), **more: Any) -> Contract:
    """Make the contract of a model of another kind than a class or a value."""
    classes = more.pop("classes", None)
    return contract(measurements(), classes, samples, task=task, outputs=outputs, **more)


def labels(
    samples: Sequence[Sample] = (), targets: Sequence[LabelOutput] = tuple(TARGETS)
) -> bytes:
    """Make a classifier of three targets: a species, a boolean, and one without probabilities."""
    return with_contract(
        labels_graph(),
        described(
            "multioutput_classification",
            Outputs(targets[0].label),
            samples,
            labels=list(targets),
        ),
    )


def labels_graph() -> bytes:
    """Spell the graph of :func:`labels`: ``heavy`` is above 4 kg, ``count`` at most 4 kg."""
    species = node(
        "LinearClassifier", ["X"], ["species_label", "species_probabilities"], _ML,
        coefficients=[0.0, 0.1, 0.0, 0.0, 0.01, 0.0, 0.0, 0.0, 0.0, 0.0, 0.01, 0.0],
        intercepts=[0.0, 0.0, 0.0], multi_class=0, post_transform="SOFTMAX",
        classlabels_strings=list(SPECIES),
    )  # fmt: skip
    heavy = node(
        "LinearClassifier", ["X"], ["heavy_label", "heavy_probabilities"], _ML,
        coefficients=[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.001],
        intercepts=[4.0, 0.0], multi_class=0, post_transform="SOFTMAX",
        classlabels_ints=[0, 1],
    )  # fmt: skip
    count = node("Sub", ["one", "heavy_label"], ["count_label"])
    return graph(
        [species, heavy, count],
        [value("X", FLOAT, "n", 4)],
        [
            value("species_label", STRING, "n"),
            value("species_probabilities", FLOAT, "n", 3),
            value("heavy_label", INT64, "n"),
            value("heavy_probabilities", FLOAT, "n", 2),
            value("count_label", INT64, "n"),
        ],
        [tensor("one", [1], INT64)],
    )


def outliers(samples: Sequence[Sample] = (), *, score: str | None = "score") -> bytes:
    """Make a detector: an outlier is above 5 kg, the score is what is left to that, in kg."""
    nodes = [
        node("Gemm", ["X", "W", "b"], ["score"]),
        node("Less", ["score", "zero"], ["is_outlier"]),
        node("Where", ["is_outlier", "minus", "plus"], ["label"]),
    ]
    initializers = [
        tensor("W", [[0.0], [0.0], [0.0], [-0.001]]),
        tensor("b", [5.0]),
        tensor("zero", [[0.0]]),
        tensor("minus", [[-1]], INT64),
        tensor("plus", [[1]], INT64),
    ]
    given = [value("label", INT64, "n", 1), value("score", FLOAT, "n", 1)]
    onnx_graph = graph(nodes, [value("X", FLOAT, "n", 4)], given, initializers)
    outputs = Outputs("label", score=score)
    return with_contract(
        onnx_graph, described("outlier_detection", outputs, samples, classes=[-1, 1])
    )


def clusters(samples: Sequence[Sample] = (), *, classes: Sequence[int] = (0, 1)) -> bytes:
    """Make a clustering of two centers, with the distance to each."""
    nodes = [
        node("Unsqueeze", ["X", "axis"], ["rows"]),
        node("Sub", ["rows", "centers"], ["differences"]),
        node("ReduceL2", ["differences", "last"], ["distances"], keepdims=0),
        node("ArgMin", ["distances"], ["label"], axis=1, keepdims=0),
    ]
    initializers = [
        tensor("axis", [1], INT64),
        tensor("last", [2], INT64),
        tensor("centers", [CENTERS]),
    ]
    given = [value("label", INT64, "n"), value("distances", FLOAT, "n", 2)]
    onnx_graph = graph(nodes, [value("X", FLOAT, "n", 4)], given, initializers)
    outputs = Outputs("label", distances="distances")
    return with_contract(
        onnx_graph, described("clustering", outputs, samples, classes=list(classes))
    )


def mixture(samples: Sequence[Sample] = ()) -> bytes:
    """Make a mixture of two components: the probability of each, and no distances."""
    linear = node(
        "LinearClassifier", ["X"], ["label", "probabilities"], _ML,
        coefficients=[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.001],
        intercepts=[4.0, 0.0], multi_class=0, post_transform="SOFTMAX",
        classlabels_ints=[0, 1],
    )  # fmt: skip
    given = [value("label", INT64, "n"), value("probabilities", FLOAT, "n", 2)]
    onnx_graph = graph([linear], [value("X", FLOAT, "n", 4)], given)
    outputs = Outputs("label", "probabilities")
    return with_contract(onnx_graph, described("clustering", outputs, samples, classes=[0, 1]))


def vectors(width: int = 3, samples: Sequence[Sample] = ()) -> bytes:
    """Make a transformation to a vector: number ``i`` is the sum of the row times ``i``."""
    weights = [[float(i) for i in range(width)]] * 4
    onnx_graph = graph(
        [node("MatMul", ["X", "W"], ["vector"])],
        [value("X", FLOAT, "n", 4)],
        [value("vector", FLOAT, "n", width)],
        [tensor("W", weights)],
    )
    names = [f"pca{i}" for i in range(width)]
    return with_contract(
        onnx_graph, described("transformation", Outputs("vector"), samples, targets=names)
    )


def indicators(targets: Sequence[LabelOutput]) -> bytes:
    """Make a multi-label classifier: each target is whether the row's mass is above 4 kg."""
    nodes = [
        node("Gemm", ["X", "W", "b"], ["above"]),
        node("Greater", ["above", "zero"], ["is_above"]),
        node("Cast", ["is_above"], ["code"], to=INT64),
        *(node("Identity", ["code"], [target.label]) for target in targets),
    ]
    initializers = [
        tensor("W", [[0.0], [0.0], [0.0], [0.001]]),
        tensor("b", [-4.0]),
        tensor("zero", [[0.0]]),
    ]
    given = [value(target.label, INT64, "n", 1) for target in targets]
    onnx_graph = graph(nodes, [value("X", FLOAT, "n", 4)], given, initializers)
    outputs = Outputs(targets[0].label)
    return with_contract(
        onnx_graph, described("multioutput_classification", outputs, labels=list(targets))
    )
