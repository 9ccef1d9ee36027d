"""The file to publish: graph, contract and signature; and whether it is there already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from google.protobuf.message import DecodeError
from onnx import ModelProto

from exporter.errors import OptionError
from inference.errors import ContractError
from inference.model.contract_codec import METADATA_KEY, decode_contract, encode_contract

if TYPE_CHECKING:
    from exporter.delivery.destination import Destination
    from exporter.delivery.signing import Signer
    from inference.model.contract import Contract


@dataclass(frozen=True)
class Artifact:
    """A file to be published.

    Attributes:
        name: The model's name.
        graph: The ONNX file without contract.
        contract: The contract, which goes into the file's metadata.
        signer: The signer; ``None`` for an unsigned file.
    """

    name: str
    graph: bytes
    contract: Contract
    signer: Signer | None = None

    def to_bytes(self, contract: Contract | None = None) -> bytes:
        """Return the whole file, with another contract if one is passed.

        Raises:
            OptionError: A description, a unit or a name is no text of Unicode.
        """
        contract = contract or self.contract
        try:
            rest = ModelProto(
                producer_name="rookery-exporter", doc_string=contract.training.description or ""
            )
            entry = rest.metadata_props.add()
            entry.key, entry.value = METADATA_KEY, encode_contract(contract)
        except UnicodeEncodeError as error:
            raise OptionError(
                f"the text {error.object!r} has a surrogate, which no file can hold: replace it"
            ) from None
        # Concatenated messages form one message; this avoids a copy of a large graph.
        file = self.graph + rest.SerializeToString()
        return file if self.signer is None else self.signer.sign(file, self.name)

    def find_same(self, destination: Destination) -> tuple[int, Contract] | None:
        """Find out whether the newest version equals this file, except for times.

        Returns:
            That version and its contract; ``None`` if this file differs.
        """
        versions = destination.versions(self.name)
        if not versions:
            return None
        placed = destination.read(self.name, versions[0], len(self.graph))
        if placed is None:
            return None
        contract = self._contract_of(placed)
        if contract is None:
            return None
        is_same = self.to_bytes(_with_results_of(self.contract, contract)) == placed
        return (versions[0], contract) if is_same else None

    def _contract_of(self, placed: bytes) -> Contract | None:
        """Return the contract of a file with the same graph; ``None`` for any other file."""
        if not placed.startswith(self.graph):
            return None
        try:
            rest = ModelProto.FromString(placed[len(self.graph) :])
            entries = {entry.key: entry.value for entry in rest.metadata_props}
            return decode_contract(entries[METADATA_KEY])
        except (DecodeError, KeyError, ContractError):
            return None


def _with_results_of(contract: Contract, other: Contract) -> Contract:
    """Return a contract with the time and the parity results of another.

    The number of generated rows depends on the speed of the machine. If graph, rows and tolerance
    are equal, different parity results do not mean that the models differ.
    """
    replace = msgspec.structs.replace
    ours = contract.parity
    parity = replace(
        other.parity, rows=ours.rows, tolerance=ours.tolerance, precision=ours.precision
    )
    training = replace(contract.training, time=other.training.time)
    return replace(contract, training=training, parity=parity)
