"""Load an admitted artifact into this process, ready to answer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from inference.errors import ArtifactError, RunTimeoutError, TooLargeError
from inference.model.plan import granted_cpus, make_plan, override_plan
from inference.model.servable import Servable
from inference.model.trials.golden_samples import replay_samples
from inference.model.trials.run_cost import LONGEST_RUN

if TYPE_CHECKING:
    from inference.admission.files.contents import Contents
    from inference.admission.report import Report
    from inference.settings import Settings


def load_servable(
    key: tuple[str, int], contents: Contents, report: Report, settings: Settings
) -> Servable:
    """Load an artifact with the plan that its examination, its author and the operator want.

    Args:
        key: Name and version.
        contents: The artifact.
        report: What its examination found.
        settings: The operator's overrides of plans.

    Raises:
        ArtifactError: It is not what was examined, or cannot be loaded.
    """
    name, version = key
    if contents.digest != report.digest:
        raise ArtifactError("the report is about another file")
    asked = [settings.plans[wanted] for wanted in ("*", name) if wanted in settings.plans]
    threads = next((a.threads for a in reversed(asked) if a.threads), report.threads)
    threads = min(threads, granted_cpus())  # the report may stem from a larger machine
    plan = make_plan(
        report.cost_us,
        batchable=report.batchable,
        threads=threads,
        inline_text=report.inline_text,
    )
    # By path: onnxruntime then reads it in pieces, and keeps no copy while it does.
    servable = Servable.load(
        name,
        version,
        contents.path,
        plan=plan,
        memory_bytes=settings.run_memory_bytes,
        fixed_sizes=report.fixed_sizes,
    )
    if report.row_outputs is not None:
        servable = servable.with_row_outputs(report.row_outputs)
    if report.table is not None:
        servable = servable.with_table(report.table)
    serving = servable.contract.serving if servable.contract else None
    if serving is not None:
        plan = override_plan(plan, mode=serving.mode, max_batch_rows=serving.max_batch_rows)
    if not (report.fixed_sizes and servable.signature.costs_by_rows):
        # What it was timed at says little of other requests. A file cannot say otherwise.
        plan = override_plan(plan, mode="thread", max_batch_rows=1)
    for setting in asked:
        plan = override_plan(plan, mode=setting.mode, max_batch_rows=setting.max_batch_rows)
    servable = replace(servable, digest=contents.digest, plan=plan)
    _warm_up(servable, settings.run_seconds)
    return servable


def _warm_up(servable: Servable, run_seconds: float) -> None:
    """Make the first runs, which allocate: no caller should wait for that."""
    try:
        replay_samples(servable, run_seconds / LONGEST_RUN)
    except (RunTimeoutError, TooLargeError) as error:
        raise ArtifactError(f"its golden samples cannot be run here: {error}") from None
