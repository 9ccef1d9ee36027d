"""The metrics of the processes, of what versions promise, and of traces."""

from __future__ import annotations

from inference.telemetry.prometheus.family import Family

RESTARTS = Family(
    "inference_worker_restarts",
    "counter",
    ("reason",),
    "Replaced workers: ended (it has died), silent (its event loop was blocked, and it was killed) "
    "or asked (a run could not be ended).",
)
MEMORY = Family(
    "inference_worker_resident_memory_bytes",
    "gauge",
    ("worker",),
    "Resident memory of each worker; pages that workers share are in each of them.",
)
HELD_OUT = Family(
    "inference_held_out_score",
    "gauge",
    ("model", "version", "metric"),
    "How a loaded version did on held-out data, as its contract has it: accuracy, macro_f1, "
    "log_loss, r2, mean_absolute_error, root_mean_squared_error or silhouette.",
)
TRACES = Family(
    "inference_traces",
    "counter",
    ("outcome",),
    "Recorded traces (INFERENCE_TRACING) by what became of them: exported, dropped because the "
    "queue was full, or failed because the collector did not take them.",
)
