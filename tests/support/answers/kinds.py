"""Models of each kind of answer beside a class and a value, written without the ``onnx`` package.

Each takes the four measurements of penguins (:func:`measurements`), as the input ``X``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference.model.contract import LabelOutput, Outputs
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

    from inference.model.contract import Contract, Sample, Scalar

_ML = "ai.onnx.ml"
ROW: list[Scalar] = [39.1, 18.7, 181.0, 3750.0]
OTHER_ROW: list[Scalar] = [50.0, 16.3, 230.0, 5700.0]
CENTERS = ([39.0, 18.0, 180.0, 3700.0], [50.0, 16.0, 230.0, 5700.0])
TARGETS = [
    LabelOutput("species", "species_label", list(SPECIES), "species_probabilities"),
    LabelOutput("is heavy", "heavy_label", [False, True], "heavy_probabilities", [0, 1]),
    LabelOutput("count", "count_label", [0, 1]),
]


def kinds() -> dict[str, bytes]:
    """Make a model of each kind, by the task or what is special about it."""
    return {
        "labels": labels(),
        "outliers": outliers(),
        "clusters": clusters(),
        "mixture": mixture(),
        "vectors": vectors(),
    }


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
