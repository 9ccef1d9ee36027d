"""The route that compares what a version serves with its training data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from inference.errors import ConflictError
from inference.runtime.documents import run_aside
from inference.web.api.schemas import Problem
from inference.web.documents import DocumentResponse, encoded

if TYPE_CHECKING:
    from inference.model.servable import Servable
    from inference.monitoring.drift.report import DriftReports
    from inference.monitoring.setup import Monitoring
    from inference.repository.repository import Repository
    from inference.web.documents import Encoded

_PROBLEMS: dict[int | str, dict[str, Any]] = {
    404: {"model": Problem, "description": "The model or version does not exist"},
    409: {"model": Problem, "description": "No version answers, or its drift is not known"},
    503: {"model": Problem, "description": "Not ready yet"},
}
_PSI = (
    "Population stability index: up to 0.1 is usually called no shift, above 0.2 a shift. Null if "
    "the contract has no distribution, or if there are too few rows."
)


class BinView(BaseModel):
    """One bin; the shares are of the rows that have a value."""

    training: float | None = Field(description="Null if the contract does not say.")
    served: float | None = Field(description="Null before anything is served.")
    begin: float | None = Field(None, alias="from", description="Smallest number, of a number.")
    end: float | None = Field(None, alias="to", description="Largest number.")
    value: str | None = Field(None, description="The category or label.")
    others: bool = Field(False, description="Whether the bin is of all values without their own.")


class DistributionView(BaseModel):
    """How far one feature or answer is from training."""

    name: str = Field(description="Of the feature or target; empty for the only answer.")
    psi: float | None = Field(description=_PSI)
    missing: float = Field(description="Share of the rows without a value.")
    unseen: float = Field(description="Share of the values that training did not have.")
    out_of_range: float = Field(description="Share of the values outside the training range.")
    bins: list[BinView]


class AnswersView(BaseModel):
    """How far the answers are from those to the training rows."""

    psi: float | None = Field(description="The largest of the targets.")
    targets: list[DistributionView]


_BINS = [
    {"training": 0.5, "served": 0.2, "from": 172.0, "to": 197.0},
    {"training": 0.5, "served": 0.8, "from": 197.0, "to": 231.0},
]
_FEATURE = {"missing": 0.0, "unseen": 0.0, "out_of_range": 0.0}
_LABELS = [
    {"training": 0.6, "served": 0.3, "value": "Adelie"},
    {"training": 0.4, "served": 0.7, "value": "Gentoo"},
]
_EXAMPLE = {
    "model": "penguins",
    "version": 3,
    "since": "2026-03-01T08:00:00+00:00",
    "rows": 12000,
    "examined": 12000,
    "features": [{"name": "flipper_length_mm", "psi": 0.416, "bins": _BINS} | _FEATURE],
    "answers": {"psi": 0.376, "targets": [{"name": "", "psi": 0.376, "bins": _LABELS} | _FEATURE]},
}


class DriftView(BaseModel):
    """What a version served, compared with its training data."""

    model: str
    version: int
    since: str | None = Field(description="When the first row of the window was served.")
    rows: int = Field(description="Served rows in the window.")
    examined: int = Field(
        description="Rows that were looked at: under a high rate a random sample, in which each "
        "row counts for as many as it stands for."
    )
    features: list[DistributionView]
    answers: AnswersView


def drift_router(repository: Repository, monitoring: Monitoring) -> APIRouter:
    """Build the route.

    Args:
        repository: The models.
        monitoring: What watches them.
    """
    router = APIRouter(tags=["models"])
    described = _PROBLEMS | {200: {"content": {"application/json": {"example": _EXAMPLE}}}}

    @router.get(
        "/models/{name}/drift",
        summary="Compare what a model serves with its training data",
        response_model=DriftView,
        responses=described,
    )
    async def get_drift(
        name: str,
        version: Annotated[
            int | None, Query(ge=1, description="Leave it empty for the active version.")
        ] = None,
    ) -> DocumentResponse:
        """Return how far the served values and answers are from those of the training data.

        The window has the latest rows of the version, over all workers.
        """
        servable = repository.current().servable(name, version)
        drift = monitoring.drift
        if drift is None:
            raise ConflictError("drift is not watched: set INFERENCE_DRIFT=true")
        if servable.contract is None:
            raise ConflictError(
                f"model '{name}' has no contract, so that its training data is unknown: publish it "
                "with publish()"
            )
        return DocumentResponse(await run_aside(_report, monitoring, drift, servable))

    return router


def _report(monitoring: Monitoring, drift: DriftReports, servable: Servable) -> Encoded:
    monitoring.hand_off.flush()  # what this worker has answered is part of the report
    return encoded(msgspec.json.encode(drift.report(servable)))
