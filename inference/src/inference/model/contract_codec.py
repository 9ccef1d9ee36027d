"""Encode, decode and check contracts.

The service trusts nothing in a file, so each contract is checked whenever it is written or read.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec

from inference.errors import ContractError
from inference.model.contract import CONTRACT_VERSION, MAX_FEATURES, Contract, Feature
from inference.model.feature_rules import INT64_MAX
from inference.model.labels import label_key

METADATA_KEY = "rookery.contract"
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
    small = all(isinstance(c, str) or abs(c) <= INT64_MAX for c in categories)
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
