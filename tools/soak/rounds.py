"""The order in which the soak test injects its faults."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from soak.faults import Faults


def round_of(faults: Faults) -> list[tuple[str, Callable[[], None]]]:
    """Give one round of faults, by name."""
    return [
        ("publish", faults.publish),
        ("kill", faults.kill),
        ("corrupt file", faults.corrupt),
        ("replace in place", faults.replace),
        ("client leaves", faults.leave),
        ("wrong samples", faults.fail_samples),
        ("kill", faults.kill_examining),
        ("remove and return", faults.remove),
        ("connection flood", faults.flood),
        ("memory bomb", faults.exhaust_memory),
        ("state unwritable", faults.lose_state_folder),
        ("publish", faults.publish_many),
        ("models folder lost", faults.lose_models_folder),
        ("kill", faults.kill),
        ("slow clients", faults.be_slow),
        ("corrupt in place", faults.corrupt_in_place),
        ("unload and load", faults.unload),
        ("publish", faults.publish),
        ("examination hangs", faults.hang),
    ]
