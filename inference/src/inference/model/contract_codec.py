"""Encode, decode and check contracts.

The service trusts nothing in a file, so each contract is checked whenever it is written or read.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, get_args

import msgspec

from inference.errors import ContractError
from inference.model.answers.consistency import check_answer, require
from inference.model.answers.distributions import check_distributions
from inference.model.contract import (
    CONTRACT_VERSION,
    MAX_BACKGROUND,
    MAX_FEATURES,
    Calibration,
    Contract,
    Feature,
    Task,
)
from inference.model.feature_rules import INT64_MAX, is_open, rule_of
from inference.runtime.suggestions import shorten

if TYPE_CHECKING:
    from inference.model.contract import Scalar

METADATA_KEY = "rookery.contract"
_TASKS = get_args(Task)
MAX_BYTES = 4 * 1024 * 1024


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
        head = _decode_head(document)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ContractError(f"the metadata '{METADATA_KEY}' is not a contract: {error}") from None
    if head.contract_version != CONTRACT_VERSION:
        raise ContractError(
            f"the contract has version {head.contract_version}, this service reads version "
            f"{CONTRACT_VERSION}: publish the model again with an exporter of this release"
        )
    if isinstance(head.task, str) and head.task not in _TASKS:
        raise ContractError(
            f"the task of the contract is '{shorten(head.task)}', this service serves "
            f"{', '.join(_TASKS)}: update the service to the release of the exporter"
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


class _Head(msgspec.Struct):
    contract_version: int
    task: Any = None


# Made at import: msgspec looks a type up on its first use, and two threads that do so at once crash
# the process.
_decode_head = msgspec.json.Decoder(_Head).decode
_decode_contract = msgspec.json.Decoder(Contract).decode


def check_contract(contract: Contract) -> None:
    """Check what the schema alone cannot say.

    Raises:
        ContractError: Names the first thing that is inconsistent.
    """
    names = contract.feature_names
    require(bool(names), "it has no features")
    require(
        len(names) <= MAX_FEATURES,
        f"it has {len(names):,} features, the limit is {MAX_FEATURES:,}; a model of more columns "
        "is served without a contract, by its tensors",
    )
    require(len(set(names)) == len(names), "two features have the same name")
    require(all(names), "a feature has an empty name")
    _check_unused(contract.unused or [], names)
    for feature in contract.features:
        if feature.kind == "category":
            _check_categories(feature)
    check_answer(contract)
    for index, sample in enumerate(contract.samples):
        require(
            len(sample.row) == len(names),
            f"sample {index} has {len(sample.row)} values for {len(names)} features",
        )
    require(math.isfinite(contract.parity.tolerance), "the parity's tolerance is not finite")
    if contract.background is not None:
        _check_background(contract.background, contract.features)
    if contract.calibration is not None:
        _check_calibration(contract.calibration, contract)
    check_distributions(contract)


def _check_unused(unused: list[str], names: list[str]) -> None:
    both = set(names) & set(unused)
    require(not both, f"'{min(both, default='')}' is a feature and unused")
    require(len(set(unused)) == len(unused), "it lists an unused column twice")
    require(len(unused) <= MAX_FEATURES, f"it lists over {MAX_FEATURES:,} unused columns")


def _check_categories(feature: Feature) -> None:
    categories = feature.categories or []
    require(len(categories) > 0, f"category '{feature.name}' lists no categories")
    kinds = {type(value) for value in categories}
    require(len(kinds) == 1, f"category '{feature.name}' lists both strings and integers")
    small = all(isinstance(c, str) or abs(c) <= INT64_MAX for c in categories)
    require(small, f"category '{feature.name}' lists an integer beyond 64 bits")


def _check_background(rows: list[list[Scalar]], features: list[Feature]) -> None:
    require(
        0 < len(rows) <= MAX_BACKGROUND,
        f"it has {len(rows)} background rows, the limits are 1 and {MAX_BACKGROUND}",
    )
    for index, row in enumerate(rows):
        require(
            len(row) == len(features),
            f"background row {index} has {len(row)} values for {len(features)} features",
        )
    for feature, column in zip(features, zip(*rows, strict=True), strict=True):
        wrong = next((value for value in column if not _is_value(feature, value)), feature)
        require(
            wrong is feature,
            f"a background row has {wrong!r} for feature '{feature.name}', which takes "
            f"{rule_of(feature).expected}",
        )


def _is_value(feature: Feature, value: Scalar) -> bool:
    """Whether a caller may send a value of a feature."""
    if value is None:
        return feature.nullable
    if not rule_of(feature).accepts(value):
        return False
    if feature.kind == "category":
        return is_open(feature) or value in (feature.categories or ())
    if isinstance(value, int):
        return abs(value) <= INT64_MAX
    return isinstance(value, float) and math.isfinite(value)


def _check_calibration(calibration: Calibration, contract: Contract) -> None:
    require(0 < calibration.coverage < 1, "the calibration's coverage is not between 0 and 1")
    require(calibration.rows > 0, "the calibration has no rows")
    require(
        contract.task in ("regression", "classification"),
        f"it has a calibration, which a {contract.task} cannot have",
    )
    if contract.task == "regression":
        widths = calibration.half_widths or []
        count = 1 if contract.targets is None else len(contract.targets)
        require(
            len(widths) == count and all(math.isfinite(w) and w >= 0 for w in widths),
            f"the calibration needs {count} half width(s) of at least 0",
        )
        return
    require(contract.task == "classification", f"the task '{contract.task}' has no calibration")
    threshold = calibration.threshold
    require(
        threshold is not None and math.isfinite(threshold),
        "the calibration of a classification needs a threshold",
    )
    require(contract.outputs.probabilities, "it has a calibration and no probabilities")
