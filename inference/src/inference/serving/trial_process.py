"""The child process that tries one artifact, its answers on every route included.

``python -m inference.serving.trial_process FD MEMORY_BYTES SECONDS``; see
:mod:`inference.admission.examiner`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from inference.admission.examiner import write_report
from inference.admission.sandbox import lower_priority

if TYPE_CHECKING:
    from inference.admission.examination import Trial


def load_trial() -> Trial:
    """Import what tries the routes; late, since the examination's limits have to stand before."""
    from inference.serving.route_trial import try_routes  # noqa: PLC0415

    return try_routes


if __name__ == "__main__":
    lower_priority()
    write_report(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), load_trial)
