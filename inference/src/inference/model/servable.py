"""A servable: one loaded version of a model, ready to answer.

It is immutable. A request keeps the servable it started with, so that a swap never changes the
model during a request.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.errors import InferenceError
from inference.model.answers.targets import Target
from inference.model.contract_codec import METADATA_KEY, decode_contract
from inference.model.features import (
    check_against,
    check_count,
    check_kinds,
    positional_features,
)
from inference.model.inputs import Columns
from inference.model.labels import LabelDecoder, label_key
from inference.model.outputs import is_distribution, join_rows
from inference.model.plan import Plan
from inference.model.session import Session

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from inference.model.contract import Contract, Feature, Scalar
    from inference.model.io_binding import RowBinding
    from inference.model.outputs import Table, TableName
    from inference.model.session import Stop
    from inference.model.signature import Signature

_COMPARED = 4  # samples; more would hold the event loop for too long


@dataclass(frozen=True, eq=False, repr=False, slots=True, weakref_slot=True)
class Servable:
    """One loaded version of a model; made by :meth:`load`.

    Attributes:
        name: The model's name.
        version: Its version.
        digest: SHA-256 of the artifact, lower-case hexadecimal; empty if it was loaded by path.
        plan: How it is run.
        contract: What the artifact says about itself; ``None`` for a foreign file.
        signature: Inputs and outputs of the graph.
        features: The contract's, or positional ones; ``None`` when the inputs are not rows.
        columns: Which feature goes into which column; ``None`` when the inputs are not rows.
        text_inputs: Names of the inputs that take text.
        labels: Decodes the label output.
        targets: The targets of a model that predicts several labels; else empty.
        class_keys: Each class as the key of a JSON object; ``None`` without classes.
        table_name: The name of the numbers by class in an answer.
        row_outputs: Names of the outputs that give a value for each row; ``None`` for all.
    """

    name: str
    version: int
    digest: str
    plan: Plan
    contract: Contract | None
    signature: Signature
    features: Sequence[Feature] | None
    columns: Columns | None
    text_inputs: Sequence[str]
    labels: LabelDecoder
    targets: Sequence[Target]
    class_keys: Sequence[str] | None
    table_name: TableName
    row_outputs: Sequence[str] | None
    _session: Session
    _runs_by_row: bool

    @classmethod
    def load(  # noqa: PLR0913 - all that a session depends on
        cls,
        name: str,
        version: int,
        data: bytes | str,
        *,
        plan: Plan | None = None,
        memory_bytes: int | None = None,
        fixed_sizes: bool = True,
    ) -> Self:
        """Load an artifact.

        Args:
            name: The model's name.
            version: Its version.
            data: The artifact, whole, or the path of a file that cannot change.
            plan: How it is to be run.
            memory_bytes: See :class:`inference.model.session.Session`.
            fixed_sizes: Likewise.

        Raises:
            ArtifactError: It cannot be loaded, or the contract does not fit the graph.
        """
        plan = plan or Plan()
        session = Session(
            data, threads=plan.threads, memory_bytes=memory_bytes, fixed_sizes=fixed_sizes
        )
        signature = session.signature
        check_count(signature)
        check_kinds(signature)
        contract = _read_contract(session)
        features = contract.features if contract else positional_features(signature)
        return cls(
            name=name,
            version=version,
            digest=hashlib.sha256(data).hexdigest() if isinstance(data, bytes) else "",
            plan=plan,
            contract=contract,
            signature=signature,
            features=features,
            columns=Columns(features, signature) if features else None,
            text_inputs=[s.name for s in signature.inputs if s.dtype == np.object_],
            labels=_label_decoder(contract),
            targets=[Target(label) for label in (contract.labels or ())] if contract else (),
            class_keys=_class_keys(contract),
            table_name=_table_name(contract),
            row_outputs=None,
            _session=session,
            _runs_by_row=features is not None and signature.takes_one_row,
        )

    def with_row_outputs(self, names: Sequence[str]) -> Self:
        """Return this model so that it answers rows with these outputs only.

        Without any output, the graph takes tensors and no rows.
        """
        if names:
            return replace(self, row_outputs=names)
        return replace(self, row_outputs=names, features=None, columns=None)

    def with_table(self, table: Table) -> Self:
        """Return this classifier without contract with the names of its classes and numbers."""
        keys = [str(c) for c in table.classes] if table.classes else None
        return replace(self, class_keys=keys, table_name=table.name)

    def keys_of(self, output: str) -> Sequence[str] | None:
        """Return the classes whose numbers an output holds; ``None`` where they are unknown."""
        for target in self.targets:
            if output == target.probabilities:
                return target.keys
        return self.class_keys

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

    def give_back(self, feeds: dict[str, Any]) -> None:
        """Free memory; see :meth:`inference.model.session.Session.give_back`."""
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


def _read_contract(session: Session) -> Contract | None:
    """Return the contract in a file, checked against its graph."""
    document = session.metadata.get(METADATA_KEY)
    if document is None:
        return None
    contract = decode_contract(document)
    check_against(contract, session.signature)
    return contract


def _is_same(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if one.dtype == np.object_:
        return bool(one.tolist() == other.tolist())
    return one.tobytes() == other.tobytes()


def _label_decoder(contract: Contract | None) -> LabelDecoder:
    if contract is None:
        return LabelDecoder(None, None)
    return LabelDecoder(contract.classes, contract.outputs.encoded_classes)


def _class_keys(contract: Contract | None) -> list[str] | None:
    if contract is None or contract.classes is None:
        return None
    return [label_key(label) for label in contract.classes]


def _table_name(contract: Contract | None) -> TableName:
    """Call a classifier's table what the golden samples show it to be; scores if nothing does."""
    if contract is None:
        return "scores"
    if contract.task == "clustering" and contract.outputs.probabilities is None:
        return "distances"
    if contract.task not in {"classification", "clustering"}:
        return "probabilities"
    known = [sample.probabilities for sample in contract.samples if sample.probabilities]
    rows = np.array(known, dtype=np.float64)
    return "probabilities" if not known or is_distribution(rows) else "scores"
