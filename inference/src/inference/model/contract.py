"""The contract: what an artifact says about itself, one JSON document in its ONNX metadata.

The exporter writes it, the service reads it, and nothing else travels beside the ONNX file. This
module owns the schema and its checks; it knows neither onnxruntime nor scikit-learn.

Kinds of feature, and the JSON value each takes:

========  =======================================  =============================================
kind      JSON value                               ONNX input
========  =======================================  =============================================
number    number                                   float or double
integer   number without a fraction                int64, int32, float or double
boolean   ``true`` or ``false``                    bool, or a number (0 and 1)
category  one of ``categories``, strings or ints   string, or a number where categories are ints
========  =======================================  =============================================

``null`` is taken where ``nullable`` is true: it becomes NaN on a float input and ``""`` on a string
input.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import msgspec

from inference.errors import ContractError

METADATA_KEY = "rookery.contract"
CONTRACT_VERSION = 1
_BEYOND_INT64 = 2**63
# Everything that describes a model is made of these, so they bound what one file can cost.
MAX_FEATURES = 10_000
MAX_BYTES = 4 * 1024 * 1024

Scalar = str | int | float | bool | None
Label = str | int | float | bool


class Histogram(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a feature was distributed in training.

    Attributes:
        edges: Quantiles of the training values, ascending; ``n + 1`` edges of ``n`` bins.
        counts: Training rows per bin; the last bin includes its upper edge.
    """

    edges: list[float]
    counts: list[int]


class Feature(msgspec.Struct, frozen=True, omit_defaults=True):
    """One feature, as a caller sees it.

    Attributes:
        name: The name in JSON records.
        kind: What values it takes, see the module's table.
        input: The ONNX input it feeds. Features that share an input are its columns, in contract
            order; an input fed by one feature has the shape ``[rows, 1]``.
        example: A value that the model takes.
        unit: Unit of the values, such as ``mm``.
        description: What it measures.
        minimum: Smallest value seen in training.
        maximum: Largest value seen in training.
        histogram: Distribution in training, of numbers and integers.
        categories: The values that the model knows, of a category.
        open_categories: Whether the model also takes values outside ``categories``.
        warn_unseen: Whether an answer to a value outside ``categories`` carries a warning; not so
            for texts, which are new each time.
        nullable: Whether ``null`` is taken.
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


class Outputs(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which ONNX outputs hold the answer.

    Attributes:
        label: The output with the predicted label (classification) or value (regression); shape
            ``[rows]`` or ``[rows, 1]``; a regression on several targets has ``[rows, targets]``.
        probabilities: The output with the probabilities, shape ``[rows, classes]``, columns in the
            order of the contract's classes; ``None`` when the model gives none.
        encoded_classes: The values that the label output holds, in the order of the contract's
            classes, where ONNX cannot hold the classes themselves (booleans are 0 and 1).
    """

    label: str
    probabilities: str | None = None
    encoded_classes: list[str | int] | None = None


class Metrics(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the model did on held-out data.

    Attributes:
        rows: Held-out rows.
        accuracy: Share of right labels.
        macro_f1: F1 score, unweighted mean over the classes.
        log_loss: Mean negative log-likelihood, natural logarithm.
        confusion_matrix: Rows are true classes, columns predicted ones, in the order of the
            classes.
        r2: Coefficient of determination (regression).
        mean_absolute_error: In the target's unit (regression).
        root_mean_squared_error: In the target's unit (regression).
    """

    rows: int
    accuracy: float | None = None
    macro_f1: float | None = None
    log_loss: float | None = None
    confusion_matrix: list[list[int]] | None = None
    r2: float | None = None
    mean_absolute_error: float | None = None
    root_mean_squared_error: float | None = None


class Training(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where the model comes from.

    Attributes:
        rows: Rows that ``publish`` was given.
        data_sha256: Digest of those rows, lower-case hexadecimal.
        time: When it was published, ISO 8601 with offset.
        versions: Version of each library that took part, by distribution name, and ``python``.
        estimator: The estimator's ``repr``.
        git_commit: The commit checked out at that time, with ``-dirty`` when there were changes.
        description: Free text.
        metrics: On held-out data; ``None`` when none was given.
    """

    rows: int
    data_sha256: str
    time: str
    versions: dict[str, str]
    estimator: str
    git_commit: str | None = None
    description: str | None = None
    metrics: Metrics | None = None


class Parity(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the ONNX file compared with the original when it was published.

    Attributes:
        rows: Given rows compared.
        label_agreement: Share of equal labels, 1.0 when all are.
        max_difference: Largest absolute difference of a probability, or of a value (regression).
        tolerance: The difference that was accepted.
        precision: Floating-point type of the graph.
        generated: Rows compared beside those, between and around them; 0 in files written before
            there were any.
        ties: Rows among them that have several right answers, since neighbors are equally near,
            and that the file answers with another one than the original.
    """

    rows: int
    label_agreement: float
    max_difference: float
    tolerance: float
    precision: Literal["float32", "float64"] = "float32"
    generated: int = 0
    ties: int = 0


class Sample(msgspec.Struct, frozen=True, omit_defaults=True):
    """One golden row, with the original model's answer.

    Attributes:
        row: Values in feature order, as a caller would send them.
        label: The original's label, or value (regression; a list for several targets).
        probabilities: The original's probabilities, in the order of the classes.
    """

    row: list[Scalar]
    label: Label | list[float]
    probabilities: list[float] | None = None


class Serving(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the author wants the model run; ``None`` leaves what is measured at admission.

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
        task: What the model answers with: a label or a value.
        features: In the order of the model's columns.
        outputs: Which ONNX outputs hold the answer.
        training: Where the model comes from.
        parity: How it compared with the original.
        samples: Golden rows, replayed at admission.
        classes: The labels with their Python types, in the original's order (classification).
        targets: Names of the values (regression on several targets).
        serving: How the author wants it run.
        unused: Columns of the training data that the model does not read; records may carry them.
    """

    contract_version: int
    task: Literal["classification", "regression"]
    features: list[Feature]
    outputs: Outputs
    training: Training
    parity: Parity
    samples: list[Sample]
    classes: list[Label] | None = None
    targets: list[str] | None = None
    serving: Serving | None = None
    unused: list[str] | None = None

    @property
    def feature_names(self) -> list[str]:
        """The features' names, in order."""
        return [feature.name for feature in self.features]

    @property
    def example(self) -> dict[str, Scalar]:
        """A record that the model takes."""
        return {feature.name: feature.example for feature in self.features}


def label_key(label: Label) -> str:
    """Spell a class as a JSON object's key, as ``json.dumps`` would.

    >>> label_key(True), label_key(3), label_key("Gentoo")
    ('true', '3', 'Gentoo')
    """
    return label if isinstance(label, str) else msgspec.json.encode(label).decode()


def encode_contract(contract: Contract) -> str:
    """Write a contract as the JSON document that goes into the file's metadata.

    Raises:
        ContractError: It would not be read back; says why.
    """
    check_contract(contract)
    document = msgspec.json.encode(contract)
    _check_bytes(document)
    return document.decode()


def decode_contract(document: str | bytes) -> Contract:
    """Read a contract and check that it is consistent in itself.

    Raises:
        ContractError: It is too large, not JSON, not of the schema, of a newer version, or
            inconsistent.
    """
    _check_bytes(document)
    try:
        version = _decode_version(document).contract_version
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ContractError(f"the metadata '{METADATA_KEY}' is not a contract: {error}") from None
    if version != CONTRACT_VERSION:
        raise ContractError(
            f"the contract has version {version}, this service reads version {CONTRACT_VERSION}: "
            "publish the model again with an exporter of this release"
        )
    try:
        contract = _decode_contract(document)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ContractError(f"the contract does not fit its schema: {error}") from None
    check_contract(contract)
    return contract


def _check_bytes(document: str | bytes) -> None:
    size = len(document if isinstance(document, bytes) else document.encode())
    if size > MAX_BYTES:
        raise ContractError(
            f"the contract has {size:,} bytes, the limit is {MAX_BYTES:,}: leave out histograms, "
            "categories or descriptions"
        )


class _Versioned(msgspec.Struct):
    contract_version: int


# Made at import: msgspec looks a type up on its first use, and two threads that do so at once crash
# the process.
_decode_version = msgspec.json.Decoder(_Versioned).decode
_decode_contract = msgspec.json.Decoder(Contract).decode


def check_contract(contract: Contract) -> None:
    """Check what the schema alone cannot say.

    Raises:
        ContractError: Names the first thing that is inconsistent.
    """
    names = contract.feature_names
    _require(bool(names), "it has no features")
    _require(
        len(names) <= MAX_FEATURES,
        f"it has {len(names):,} features, the limit is {MAX_FEATURES:,}; a model of more columns "
        "is served without a contract, by its tensors",
    )
    _require(len(set(names)) == len(names), "two features have the same name")
    _require(all(names), "a feature has an empty name")
    _check_unused(contract.unused or [], names)
    for feature in contract.features:
        if feature.kind == "category":
            _check_categories(feature)
    if contract.task == "classification":
        _check_classes(contract)
    for index, sample in enumerate(contract.samples):
        _require(
            len(sample.row) == len(names),
            f"sample {index} has {len(sample.row)} values for {len(names)} features",
        )
    _require(math.isfinite(contract.parity.tolerance), "the parity's tolerance is not finite")


def _check_unused(unused: list[str], names: list[str]) -> None:
    both = set(names) & set(unused)
    _require(not both, f"'{min(both, default='')}' is a feature and unused")
    _require(len(set(unused)) == len(unused), "it lists an unused column twice")
    _require(len(unused) <= MAX_FEATURES, f"it lists over {MAX_FEATURES:,} unused columns")


def _check_categories(feature: Feature) -> None:
    categories = feature.categories or []
    _require(len(categories) > 0, f"category '{feature.name}' lists no categories")
    kinds = {type(value) for value in categories}
    _require(len(kinds) == 1, f"category '{feature.name}' lists both strings and integers")
    small = all(isinstance(c, str) or abs(c) < _BEYOND_INT64 for c in categories)
    _require(small, f"category '{feature.name}' lists an integer beyond 64 bits")


def _check_classes(contract: Contract) -> None:
    classes = contract.classes or []
    _require(len(classes) > 0, "a classification lists no classes")
    _require(len({label_key(c) for c in classes}) == len(classes), "two classes have the same name")
    encoded = contract.outputs.encoded_classes
    _require(
        encoded is None or len(encoded) == len(classes),
        f"{len(encoded or [])} encoded classes stand for {len(classes)} classes",
    )
    for index, sample in enumerate(contract.samples):
        known = any(type(sample.label) is type(c) and sample.label == c for c in classes)
        _require(known, f"sample {index} has the label {sample.label!r}, which is not a class")
        count = len(classes) if sample.probabilities is None else len(sample.probabilities)
        _require(count == len(classes), f"sample {index} has {count} probabilities")


def _require(holds: Any, complaint: str) -> None:
    if not holds:
        raise ContractError(f"the contract is inconsistent: {complaint}")
