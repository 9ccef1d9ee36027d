"""The metrics that there are: name, type, labels, meaning; docs/reference/metrics.md is made of it.

Names follow https://prometheus.io/docs/practices/naming/: base units, ``_total`` for counters.
"""

from __future__ import annotations

from inference.telemetry.answer_counts import OTHER, SHOWN_FEATURES, SHOWN_LABELS
from inference.telemetry.latency_histogram import BOUNDS
from inference.telemetry.prometheus.family import Family
from inference.telemetry.prometheus.operation_families import HELD_OUT, MEMORY, RESTARTS, TRACES
from inference.telemetry.prometheus.version_limit import OLDER, SHOWN
from inference.telemetry.rollout_counts import SHOWN_BOUNDS

SHOWN_MODELS = 1_000
BATCH_BOUNDS = (1, 4, 16, 64, 256, 4096)


BUILD = Family(
    "inference_build_info",
    "gauge",
    ("version", "python", "onnxruntime"),
    "Always 1; the labels are the running versions.",
)
REQUESTS = Family(
    "inference_requests",
    "counter",
    ("route", "model", "version", "status"),
    "Answered predictions and explanations; without a model if none was found or ready.",
)
DURATION = Family(
    "inference_request_duration_seconds",
    "histogram",
    ("route", "model", "version", "status"),
    "From the complete request to the encoded answer.",
)
PHASES = Family(
    "inference_phase_duration_seconds",
    "summary",
    ("model", "version", "phase"),
    "Parse, queue, infer and encode of the requests answered with 200, over all routes.",
)
BATCHES = Family(
    "inference_batch_rows", "histogram", ("model", "version"), "Rows of one run of the model."
)
LABELS = Family(
    "inference_predicted_labels",
    "counter",
    ("model", "version", "label"),
    f"Rows by predicted class or cluster, -1 for outliers; the first {SHOWN_LABELS} classes of a "
    f"model, and {OTHER}. A model of several labels counts a row once per target, as target=class.",
)
RANGE = Family(
    "inference_out_of_range_values",
    "counter",
    ("model", "version", "feature"),
    "Values outside the training range, or of a category that it did not have, at most 100 of a "
    f"request; the first {SHOWN_FEATURES} features of a model, and {OTHER}.",
)
EXPLANATIONS = Family(
    "inference_explained_rows",
    "counter",
    ("model", "version", "method"),
    "Rows whose answers were explained, by method: exact or sampled.",
)
EXPLANATION_COSTS = Family(
    "inference_explanation_model_rows",
    "counter",
    ("model", "version", "method"),
    "Rows that the model ran for explanations.",
)
ADMISSIONS = Family(
    "inference_admission_duration_seconds",
    "summary",
    ("verdict",),
    "Examinations of model files, admitted or refused.",
)
LOADS = Family(
    "inference_load_duration_seconds",
    "summary",
    ("model",),
    "Loads of admitted model files, by every worker.",
)
SWAPS = Family("inference_swaps", "counter", ("model",), "Versions that went live.")
QUARANTINES = Family("inference_quarantines", "counter", ("model",), "Refused model files.")
REFUSED = Family(
    "inference_refused_connections",
    "counter",
    ("status",),
    "Connections refused before a request was understood, by the status they were answered.",
)
UNLOGGED = Family(
    "inference_log_lines_dropped",
    "counter",
    ("event",),
    "Lines of the log that were dropped because it is read too slowly; only those of answered "
    "requests (INFERENCE_LOG_REQUESTS).",
)
UNWATCHED = Family(
    "inference_monitoring_dropped",
    "counter",
    ("part",),
    "Answered requests that a part of the monitoring did not take because it could not keep up: "
    "the hand-off drops a request for all parts.",
)
LOGGED = Family(
    "inference_prediction_log_rows",
    "counter",
    ("model", "version"),
    "Rows in the prediction log (INFERENCE_PREDICTION_LOG).",
)
UNWRITTEN = Family(
    "inference_prediction_log_lost_rows",
    "counter",
    ("reason",),
    "Rows that the prediction log lost: full (the disk), gone (the folder), behind (the disk is "
    "too slow), error (any other failure, which the service's log names).",
)
FEEDBACK = Family(
    "inference_feedback_rows",
    "counter",
    ("model", "version"),
    "Rows whose truth has arrived (POST /feedback), each time it does.",
)
_WINDOW = (
    "of the latest rows with a truth, at most as many as `window` says, as all workers and "
    "replicas that share the log have received them"
)
LIVE_ROWS = Family(
    "inference_live_rows", "gauge", ("model", "version", "window"), f"The number {_WINDOW}."
)
LIVE_ACCURACY = Family(
    "inference_live_accuracy",
    "gauge",
    ("model", "version", "window"),
    f"Share of right labels {_WINDOW}; of several labels, of rows in which all are right.",
)
LIVE_F1 = Family(
    "inference_live_macro_f1",
    "gauge",
    ("model", "version", "window"),
    f"Mean F1 score over the classes {_WINDOW}.",
)
LIVE_MAE = Family(
    "inference_live_mean_absolute_error",
    "gauge",
    ("model", "version", "window"),
    f"Mean absolute error {_WINDOW}.",
)
LIVE_RMSE = Family(
    "inference_live_root_mean_squared_error",
    "gauge",
    ("model", "version", "window"),
    f"Root mean squared error {_WINDOW}.",
)
CHOICES = Family(
    "inference_choices", "counter", ("change",), "Selections, pins, loads and unloads."
)
WAITING = Family(
    "inference_waiting_requests",
    "gauge",
    ("model",),
    "Requests in a queue or a worker thread now; cheap ones never wait.",
)
CALLERS = Family(
    "inference_key_requests",
    "counter",
    ("key", "outcome"),
    "Requests by API key, admitted or denied with a status; no key for unknown callers.",
)
MODELS = Family("inference_models", "gauge", ("state",), "Models by state.")
MODEL_STATE = Family(
    "inference_model_state",
    "gauge",
    ("model", "state"),
    "Always 1; the label is the state: ready, loading, quarantined or unloaded. Models that "
    f"answer, and others up to {SHOWN_MODELS:,} in all.",
)
ACTIVE = Family(
    "inference_model_active_version",
    "gauge",
    ("model",),
    "The version that answers if a request names none; no series if no version answers.",
)
SYNC_SUCCESS = Family(
    "inference_sync_last_success_timestamp_seconds",
    "gauge",
    (),
    "When everything that was wanted had been copied from INFERENCE_MODELS_URL; `time()` minus it "
    "is the age of the copies.",
)
SYNC_STATE = Family(
    "inference_sync_state",
    "gauge",
    ("state",),
    "Always 1; the label is the state of the copies from INFERENCE_MODELS_URL: starting, ok or "
    "away, when the store does not answer.",
)
SYNC_VERSIONS = Family(
    "inference_sync_versions", "gauge", (), "Versions in the models folder that were copied there."
)
SYNC_COPIED = Family(
    "inference_sync_copied_versions", "counter", (), "Versions copied from the object store."
)
SYNC_BYTES = Family("inference_sync_copied_bytes", "counter", (), "Size of the copied versions.")
STATE_AGE = Family(
    "inference_state_age_seconds",
    "gauge",
    (),
    "How long ago this replica read the newest state of INFERENCE_STATE_URL; +Inf if never.",
)
SYNC_PASSES = Family(
    "inference_sync_passes",
    "counter",
    ("outcome",),
    "Comparisons of the folder with the object store: ok, or failed in whole or in part.",
)

SHARE = Family(
    "inference_traffic_share_ratio",
    "gauge",
    ("model", "version"),
    "Share of a model's requests that a version of its split gets now; 0 if it does not answer.",
)
SHADOW_ROWS = Family(
    "inference_shadow_rows",
    "counter",
    ("model", "version", "outcome"),
    "Rows of a shadow: answered, failed, or dropped because it could not keep up.",
)
SHADOW_DIFFERENT = Family(
    "inference_shadow_disagreements",
    "counter",
    ("model", "version"),
    "Rows that a shadow answered with another label than the version that answered the request.",
)
SHADOW_DIFFERENCE = Family(
    "inference_shadow_difference",
    "summary",
    ("model", "version"),
    "Largest difference of a probability, or of another number of the answer, in each row.",
)
SHADOW_DURATION = Family(
    "inference_shadow_run_duration_seconds",
    "histogram",
    ("model", "version"),
    "Runs of a sample of the requests, one by one, by a shadow and by the version that answered.",
)

FAMILIES = (
    BUILD, REQUESTS, DURATION, PHASES, BATCHES, LABELS, RANGE, EXPLANATIONS, EXPLANATION_COSTS,
    MODELS, MODEL_STATE, ACTIVE, ADMISSIONS, LOADS, SWAPS, QUARANTINES, CHOICES, WAITING, CALLERS,
    REFUSED, UNLOGGED, UNWATCHED,
    LOGGED, UNWRITTEN, FEEDBACK,
    SYNC_STATE, SYNC_SUCCESS, SYNC_VERSIONS, SYNC_COPIED, SYNC_BYTES, SYNC_PASSES,
    STATE_AGE,
    TRACES,
    SHARE, SHADOW_ROWS, SHADOW_DIFFERENT, SHADOW_DIFFERENCE, SHADOW_DURATION,
    RESTARTS, MEMORY, HELD_OUT,
)  # fmt: skip

LIVE_FAMILIES = (LIVE_ROWS, LIVE_ACCURACY, LIVE_F1, LIVE_MAE, LIVE_RMSE)

NOTES = (
    "Counts add up over all workers and outlive a worker that is replaced.",
    "Swaps and quarantines, which each worker sees of the same folder, count once.",
    f"`version` is one of a model's {SHOWN} highest with requests, or `{OLDER}` for all others.",
    "Buckets of durations, in seconds: " + ", ".join(f"{bound:g}" for bound in BOUNDS) + ".",
    f"Buckets of shadow runs: {', '.join(f'{bound:g}' for bound in SHOWN_BOUNDS)} s.",
    "Buckets of rows: " + ", ".join(map(str, BATCH_BOUNDS)) + ".",
)
