"""The admission report of one file."""

from __future__ import annotations

import msgspec

from inference.model.outputs import Table  # noqa: TC001 - msgspec reads it
from inference.model.plan import ANY_TEXT


class Report(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the examination of one artifact found.

    Attributes:
        admitted: Whether it may be served.
        reason: Why not; empty when admitted.
        digest: SHA-256 of the content examined, lower-case hexadecimal.
        size_bytes: Size of that content.
        has_contract: Whether the artifact describes itself.
        samples: Golden samples replayed.
        max_difference: Largest difference from the original's answers to them.
        memory_bytes: Memory that its examination took.
        load_ms: Milliseconds to load the graph.
        cost_us: Median microseconds of one run, by row count, with ``threads`` threads.
        threads: Threads of one run that serve it best.
        batchable: Whether rows of several requests may share a run.
        fixed_sizes: Whether what a run computes has sizes that follow from the shapes of its inputs
            alone, so that ``cost_us`` holds for whatever values they have.
        inline_text: Up to how many characters, of the longest text times rows, that holds.
        row_outputs: Names of the outputs that give a value for each row, of a file without
            contract; none where it takes tensors only, ``None`` where nothing is known of them.
        table: What the second output holds, of a classifier without contract.
        warnings: What a person should know although it is admitted.
        was_cut_short: Whether the examination was ended from outside, so that another one, on a
            machine that is less busy, may find otherwise.
    """

    admitted: bool
    reason: str = ""
    digest: str = ""
    size_bytes: int = 0
    has_contract: bool = False
    samples: int = 0
    max_difference: float = 0.0
    memory_bytes: int = 0
    load_ms: float = 0.0
    cost_us: dict[int, float] = {}
    threads: int = 1
    batchable: bool = False
    fixed_sizes: bool = False
    inline_text: int = ANY_TEXT
    row_outputs: list[str] | None = None
    table: Table | None = None
    warnings: list[str] = []
    was_cut_short: bool = False


# Made at import, see inference.model.contract: reports are read in threads.
decode_report = msgspec.json.Decoder(Report).decode
