"""The contract: what an artifact says about itself, one JSON document in its ONNX metadata.

The exporter writes it and the service reads it; nothing else travels beside the ONNX file. This
module and :mod:`inference.model.schema` are the schema. :mod:`inference.model.contract_codec`
encodes, decodes and checks it; :mod:`inference.model.feature_rules` says which values a feature
takes; :mod:`inference.model.answers` which fields each kind of answer needs.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from inference.model.schema.distribution import AnswerDistribution, Histogram
from inference.model.schema.provenance import Metrics, MlflowSource, Parity, Source, Training

__all__ = [
    "AnswerDistribution",
    "Histogram",
    "Metrics",
    "MlflowSource",
    "Parity",
    "Source",
    "Training",
]

CONTRACT_VERSION = 1
MAX_FEATURES = 10_000
MAX_BACKGROUND = 64

Scalar = str | int | float | bool | None
Label = str | int | float | bool
Task = Literal[
    "classification",
    "regression",
    "multioutput_classification",
    "outlier_detection",
    "clustering",
    "transformation",
]


class Feature(msgspec.Struct, frozen=True, omit_defaults=True):
    """One feature, as a caller sees it.

    Attributes:
        name: The name in JSON records.
        kind: The kind of its values; see the table above.
        input: The name of its ONNX input. Features that share an input are its columns, in contract
            order; an input fed by one feature has the shape ``[rows, 1]``.
        example: A valid value.
        unit: Unit of the values, such as ``mm``.
        description: What it measures.
        minimum: Smallest value seen in training.
        maximum: Largest value seen in training.
        histogram: Distribution in training, of numbers and integers.
        categories: The known values of a category.
        counts: Training rows of each of the ``categories``, in their order; of a boolean, of false
            and true. ``None`` for texts that do not recur.
        missing: Training rows without a value.
        open_categories: Whether values outside ``categories`` are accepted.
        warn_unseen: Whether an answer to a value outside ``categories`` carries a warning; not so
            for texts, which are new each time.
        nullable: Whether ``null`` is accepted.
    """

    name: str
    kind: Literal["number", "integer", "category", "boolean"]
    input: str
    example: Scalar = None
    unit: str | None = None
    description: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    histogram: Histogram | None = None
    categories: list[str | int] | None = None
    open_categories: bool = False
    nullable: bool = False
    warn_unseen: bool = False
    counts: list[int] | None = None
    missing: int | None = None


class Outputs(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which ONNX outputs hold the answer.

    Attributes:
        label: The output with the predicted label, shape ``[rows]`` or ``[rows, 1]``. A regression
            has its value there, or ``[rows, targets]``; a transformation has the matrix ``[rows,
            targets]``; a model of several labels has the first of them.
        probabilities: The output with the probabilities, shape ``[rows, classes]``, columns in the
            order of the contract's classes; ``None`` if the model has none.
        encoded_classes: The values that the label output holds, in the order of the contract's
            classes, where ONNX cannot hold the classes themselves (booleans are 0 and 1).
        score: The output with the score of an outlier detector (scikit-learn's
            ``decision_function``: negative for outliers), shape ``[rows]`` or ``[rows, 1]``.
        distances: The output with the distance to each cluster, shape ``[rows, classes]``.
    """

    label: str
    probabilities: str | None = None
    encoded_classes: list[str | int] | None = None
    score: str | None = None
    distances: str | None = None


class LabelOutput(msgspec.Struct, frozen=True, omit_defaults=True):
    """One target of a model that predicts several labels.

    Attributes:
        name: The name of the target in answers.
        label: The output with its label, shape ``[rows]`` or ``[rows, 1]``.
        classes: Its labels with their Python types, in the original's order; of an indicator
            matrix ``[0, 1]``.
        probabilities: The output with its probabilities, shape ``[rows, classes]``; ``None`` if it
            has none.
        encoded_classes: As in ``Outputs``.
    """

    name: str
    label: str
    classes: list[Label]
    probabilities: str | None = None
    encoded_classes: list[str | int] | None = None


class Sample(msgspec.Struct, frozen=True, omit_defaults=True):
    """One golden row, with the original model's answer.

    Attributes:
        row: Values in feature order, as a caller would send them.
        label: The original's label, or value (regression). A list for several targets or labels,
            and for the vector of a transformation.
        probabilities: The original's probabilities, in the order of the classes. For several
            labels a list for each target, ``None`` where the target has no probabilities.
        score: The original's score (outlier detection).
        distances: The original's distances, in the order of the classes (clustering).
    """

    row: list[Scalar]
    label: Label | list[Label]
    probabilities: list[float | list[float] | None] | None = None
    score: float | None = None
    distances: list[float] | None = None


class Calibration(msgspec.Struct, frozen=True, omit_defaults=True):
    """Split conformal quantiles, from rows that the model was not fitted on.

    Attributes:
        coverage: Share of new rows whose true answer lies in the interval or label set, if they
            come from where the calibration rows came from; between 0 and 1.
        rows: Calibration rows.
        half_widths: Half of the width of the interval around each value; one, or one per target
            (regression). The coverage of several targets is that of each alone.
        threshold: Smallest probability of a label in the label set (classification).
    """

    coverage: float
    rows: int
    half_widths: list[float] | None = None
    threshold: float | None = None


class Serving(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the author asks to run the model; ``None`` keeps what admission measured.

    Attributes:
        mode: On the event loop, or in a worker thread.
        max_batch_rows: Most rows of several requests that share a run; 1 turns batching off.
        threads: Threads of one run.
    """

    mode: Literal["inline", "thread"] | None = None
    max_batch_rows: int | None = None
    threads: int | None = None


class Contract(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an artifact says about itself.

    Attributes:
        contract_version: Version of this schema.
        task: What the model answers with: a label, a value, several labels, a label and a score, a
            cluster, or a vector.
        features: In the order of the model's columns.
        outputs: Which ONNX outputs hold the answer.
        training: Where the model comes from.
        parity: How it compared with the original.
        samples: Golden rows, replayed at admission.
        classes: The labels with their Python types, in the original's order (classification). Of a
            clustering the numbers of the clusters; of an outlier detection ``[-1, 1]``.
        targets: Names of the values (regression on several targets), or of the columns of the
            vector (transformation).
        serving: How the author asks to run it.
        unused: Columns of the training data that the model does not read; records may carry them.
        background: Up to 64 rows of the training data that stand for all of it in explanations,
            each with the same weight; values in feature order, as a caller would send them.
        calibration: What intervals and label sets are made from.
        labels: The targets (multioutput classification).
        answers: What the original answered to the training rows: one entry for the label or value,
            or one for each of several targets. Vectors have none.
    """

    contract_version: int
    task: Task
    features: list[Feature]
    outputs: Outputs
    training: Training
    parity: Parity
    samples: list[Sample]
    classes: list[Label] | None = None
    targets: list[str] | None = None
    serving: Serving | None = None
    unused: list[str] | None = None
    background: list[list[Scalar]] | None = None
    calibration: Calibration | None = None
    labels: list[LabelOutput] | None = None
    answers: list[AnswerDistribution] | None = None

    @property
    def feature_names(self) -> list[str]:
        """The features' names, in order."""
        return [feature.name for feature in self.features]

    @property
    def example(self) -> dict[str, Scalar]:
        """A record that the model takes."""
        return {feature.name: feature.example for feature in self.features}
