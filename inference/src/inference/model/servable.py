"""A servable: one loaded version of a model, ready to answer.

It is immutable. A request keeps the servable it started with, so that a swap can never change the
model under it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.errors import InferenceError
from inference.model.contract import METADATA_KEY, Contract, decode_contract, label_key
from inference.model.features import (
    check_against,
    check_count,
    check_kinds,
    positional_features,
)
from inference.model.foreign.table import is_distribution
from inference.model.inputs import Columns
from inference.model.outputs import join_rows
from inference.model.plan import Plan
from inference.model.session import Session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference.model.contract import Feature, Label, Scalar
    from inference.model.foreign.table import Table, TableName
    from inference.model.io_binding import RowBinding
    from inference.model.session import Stop


# As many samples as are worth the loop's time.
_COMPARED = 4


class Servable:
    """One loaded version of a model.

    Args:
        name: The model's name.
        version: Its version.
        data: The artifact, whole, or the path of a file that cannot change.
        plan: How it is to be run.
        memory_bytes: See :class:`inference.model.session.Session`.

    Attributes:
        digest: SHA-256 of the artifact, lower-case hexadecimal; of a path the caller sets it.
        contract: What the artifact says about itself; ``None`` for somebody else's file.
        signature: Inputs and outputs of the graph.
        features: The contract's, or positional ones; ``None`` when the inputs are not rows.
        text_inputs: Names of the inputs that take text.
        class_keys: How each class is spelt in an answer; ``None`` without classes.
        table_name: What a classifier's numbers by class are called in an answer.
        row_outputs: Names of the outputs that give a value for each row; ``None`` for all.

    Raises:
        ArtifactError: It cannot be loaded, or the contract does not fit the graph.
    """

    def __init__(
        self,
        name: str,
        version: int,
        data: bytes | str,
        *,
        plan: Plan | None = None,
        memory_bytes: int | None = None,
    ) -> None:
        self.name = name
        self.version = version
        self.digest = hashlib.sha256(data).hexdigest() if isinstance(data, bytes) else ""
        self.plan = plan or Plan()
        self._session = Session(data, threads=self.plan.threads, memory_bytes=memory_bytes)
        self.signature = self._session.signature
        check_count(self.signature)
        check_kinds(self.signature)
        self.text_inputs = [s.name for s in self.signature.inputs if s.dtype == np.object_]
        document = self._session.metadata.get(METADATA_KEY)
        self.contract: Contract | None = None if document is None else decode_contract(document)
        self.features: Sequence[Feature] | None
        if self.contract is None:
            self.features = positional_features(self.signature)
        else:
            check_against(self.contract, self.signature)
            self.features = self.contract.features
        self.columns = Columns(self.features, self.signature) if self.features else None
        self._runs_by_row = self.features is not None and self.signature.takes_one_row
        self.row_outputs: Sequence[str] | None = None
        self.class_keys, self.classes_by_code = _classes(self.contract)
        self.table_name: TableName = _table_name(self.contract)

    def run(
        self, outputs: Sequence[str] | None, feeds: dict[str, Any], stop: Stop | None = None
    ) -> list[Any]:
        """Run the graph once; see :meth:`inference.model.session.Session.run`.

        A graph that takes one row is run once for each.
        """
        if self._runs_by_row:
            rows = max(len(array) for array in feeds.values())
            if rows > 1:
                parts = [{n: a[i : i + 1] for n, a in feeds.items()} for i in range(rows)]
                return join_rows([self._session.run(outputs, part, stop) for part in parts])
        return self._session.run(outputs, feeds, stop)

    def keep_outputs(self, names: Sequence[str]) -> None:
        """Answer rows with these outputs only; without any, the graph takes tensors and no rows."""
        self.row_outputs = names
        if not names:
            self.features = self.columns = None

    def keep_table(self, table: Table) -> None:
        """Name the classes of a classifier without contract, and the numbers that it gives."""
        self.class_keys = [str(c) for c in table.classes] if table.classes else None
        self.table_name = table.name

    def give_back(self, feeds: dict[str, Any]) -> None:
        """Give memory back; see :meth:`inference.model.session.Session.give_back`."""
        self._session.give_back(feeds)

    def bind_row(self, outputs: Sequence[str] | None) -> RowBinding | None:
        """Prepare runs of one row that give exactly what :meth:`run` gives.

        Args:
            outputs: Names of the outputs wanted, ``None`` for all.

        Returns:
            ``None`` where the graph is not made for it, or where it gives anything else.
        """
        samples = self.contract.samples if self.contract else []
        samples = [sample for sample in samples if None not in sample.row][:_COMPARED]
        if not samples or self.columns is None or not self.columns.is_matrix:
            return None
        try:
            feeds = [self.to_feeds([sample.row]) for sample in samples]
            expected = [self.run(outputs, feed) for feed in feeds]
            binding = self._session.bind_row(outputs, self.to_feeds([samples[0].row]))
            if binding is None:
                return None
            for sample, results in zip(samples, expected, strict=True):
                bound = binding.run(sample.row)
                if not all(map(_is_same, results, bound)):
                    return None
        except (InferenceError, TypeError, ValueError):
            return None
        return binding

    def to_feeds(self, rows: Sequence[Sequence[Scalar]]) -> dict[str, Any]:
        """Build the input arrays from rows in feature order; only where there are ``features``."""
        if self.columns is None:
            raise ValueError(f"model '{self.name}' takes tensors, not rows")
        return self.columns.to_feeds(rows)


def _is_same(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if one.dtype == np.object_:
        return bool(one.tolist() == other.tolist())
    return one.tobytes() == other.tobytes()


def _table_name(contract: Contract | None) -> TableName:
    """Call a classifier's table what the golden samples show it to be; scores if nothing does."""
    if contract is None:
        return "scores"
    known = [sample.probabilities for sample in contract.samples if sample.probabilities]
    rows = np.array(known, dtype=np.float64)
    return "probabilities" if not known or is_distribution(rows) else "scores"


def _classes(
    contract: Contract | None,
) -> tuple[list[str] | None, dict[str | int, Label] | None]:
    if contract is None or contract.classes is None:
        return None, None
    keys = [label_key(c) for c in contract.classes]
    encoded = contract.outputs.encoded_classes
    return keys, None if encoded is None else dict(zip(encoded, contract.classes, strict=True))
