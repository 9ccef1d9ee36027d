"""The request and response models of the traffic routes, for OpenAPI."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

_VERSION = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
_TOLERANCE = 1e-6
_MAX_VERSIONS = 16
_MAX_HEADER = 64
_HEADER = re.compile(rf"[A-Za-z0-9!#$%&'*+.^_`|~-]{{1,{_MAX_HEADER}}}")


def _read_key(key: Any) -> Any:
    if not isinstance(key, str) or _VERSION.fullmatch(key) is None:
        raise ValueError(f"'{key}' is not a version: name one such as \"3\"")
    return int(key)


def _check_header(name: str) -> str:
    if _HEADER.fullmatch(name) is None:
        raise ValueError(
            f"'{name[:_MAX_HEADER]}' is not the name of a header: use one such as x-customer, with "
            f"up to {_MAX_HEADER} characters"
        )
    return name


def _read_shadow(given: Any) -> Any:
    if isinstance(given, int) and not isinstance(given, bool):
        return {"version": given}
    if given is None or isinstance(given, dict):
        return given
    raise ValueError('it must be a version such as 4, or {"version": 4, "percent": 20}')


_Key = Annotated[int, BeforeValidator(_read_key)]
_Header = Annotated[
    str,
    AfterValidator(_check_header),
    Field(json_schema_extra={"pattern": f"^{_HEADER.pattern}$"}),
]
_Number = Annotated[int, Field(strict=True, ge=1)]
_Share = Annotated[float, Field(strict=True, gt=0, le=100, allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ShadowChange(_Strict):
    """A version that answers the same rows unseen."""

    version: _Number
    percent: _Share = Field(default=100, description="Of the requests.")


class GatesChange(_Strict):
    """What must hold for the new version to be pinned."""

    after_rows: Annotated[int, Field(strict=True, ge=1, le=10**9)] = Field(
        description="Rows of the new version after which the gates are decided."
    )
    max_disagreement: Annotated[float, Field(strict=True, ge=0, le=1)] | None = Field(
        default=None,
        description="Largest share of rows that the shadow answers with another label; of values, "
        "the largest mean difference in proportion to the mean of the answers. A row that it fails "
        "differs altogether.",
    )
    max_p99_ratio: Annotated[float, Field(strict=True, gt=0, le=1000)] | None = Field(
        default=None, description="Largest p99 of the new version divided by that of the old one."
    )
    max_error_rate: Annotated[float, Field(strict=True, ge=0, lt=1)] | None = Field(
        default=None, description="Largest share of requests that the new version fails."
    )

    @model_validator(mode="after")
    def _check(self) -> GatesChange:
        if self.max_disagreement is self.max_p99_ratio is self.max_error_rate is None:
            raise ValueError(
                "promote has no gate: name max_disagreement, max_p99_ratio or max_error_rate, or "
                "pin the version with PUT /models/NAME/active"
            )
        return self


class TrafficChange(_Strict):
    """How the requests of a model are answered from now on."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"split": {"3": 90, "4": 10}},
                {"split": {"3": 90, "4": 10}, "sticky": "x-customer", "shadow": 5},
                {
                    "shadow": {"version": 4, "percent": 20},
                    "promote": {
                        "after_rows": 10000,
                        "max_disagreement": 0.01,
                        "max_p99_ratio": 1.5,
                    },
                },
            ]
        }
    )

    split: dict[_Key, _Share] | None = Field(
        default=None,
        description="Percent of the requests by version; they add up to 100.",
        examples=[{"3": 90, "4": 10}],
    )
    shadow: Annotated[
        ShadowChange | None,
        BeforeValidator(_read_shadow, json_schema_input_type=_Number | ShadowChange | None),
    ] = Field(
        default=None,
        description="A version that answers the same rows unseen, or with `percent` some of them.",
        examples=[5],
    )
    sticky: _Header | None = Field(
        default=None,
        description="A header: requests with the same value get the same version.",
        examples=["x-customer"],
    )
    promote: GatesChange | None = None

    @field_validator("split")
    @classmethod
    def _check_split(cls, split: dict[int, float] | None) -> dict[int, float] | None:
        if split is None:
            return None
        if not split:
            raise ValueError("the split names no version: leave it out, or name shares by version")
        if len(split) > _MAX_VERSIONS:
            raise ValueError(f"the split has {len(split)} versions, the limit is {_MAX_VERSIONS}")
        total = math.fsum(split.values())
        if abs(total - 100) > _TOLERANCE:
            raise ValueError(f"the shares add up to {total:g}: they are percent, and add up to 100")
        return split

    @model_validator(mode="after")
    def _check(self) -> TrafficChange:
        if self.split is None and self.shadow is None:
            raise ValueError("name a split, a shadow, or both; DELETE ends both")
        if self.sticky is not None and self.split is None:
            raise ValueError("sticky decides between the versions of a split: name a split")
        if self.split is not None and self.shadow_version in self.split:
            raise ValueError(
                f"version {self.shadow_version} has a share of the split: a shadow answers no "
                "requests, so name another version"
            )
        if self.promote is None:
            return self
        if self.shadow is None and len(self.split or ()) < 2:
            raise ValueError("promote compares two versions: name a shadow, or a split of two")
        if self.promote.max_disagreement is not None and self.shadow is None:
            raise ValueError(
                "max_disagreement needs a shadow: only a shadow answers the same rows as another "
                "version"
            )
        return self

    @property
    def shadow_version(self) -> int | None:
        """The version that shadows."""
        return None if self.shadow is None else self.shadow.version


class ShadowView(BaseModel):
    """The version that shadows."""

    version: int
    percent: float


class TrafficState(BaseModel):
    """How the requests of a model are answered."""

    split: dict[str, float] | None = Field(
        description="Percent by version, as asked; null if one version answers all requests.",
        examples=[{"3": 90, "4": 10}],
    )
    shares: dict[str, float] | None = Field(
        description="Percent by version now: the share of a version that does not answer goes to "
        "the others.",
        examples=[{"3": 90, "4": 10}],
    )
    shadow: ShadowView | None
    sticky: str | None = Field(examples=["x-customer"])
    promote: dict[str, int | float] | None = Field(
        examples=[{"after_rows": 10000, "max_disagreement": 0.01}]
    )


class MeasuresView(BaseModel):
    """What was measured of the new version since the traffic was set, over all workers."""

    new_version: int = Field(description="The shadow, or else the highest version of the split.")
    rows: float = Field(description="Rows of the new version, failed ones included.")
    failed: float = Field(description="Rows (of a shadow) or requests that it failed.")
    different: float = Field(description="Rows that a shadow answered with another label.")
    disagreement: float | None = Field(
        description="As in `max_disagreement`; null before the shadow had a row."
    )
    p99_ratio: float | None = Field(description="As in `max_p99_ratio`.")
    error_rate: float = Field(description="As in `max_error_rate`.")
    dropped: float = Field(description="Rows that a shadow could not keep up with.")
    difference: float | None = Field(
        description="Mean over the rows of a shadow of the largest difference of a probability, or "
        "of the value."
    )
    p99_seconds: dict[str, float] = Field(
        description="By version: of runs of single requests by the shadow and by the version that "
        "answered, or of the requests of a split; within 10 %.",
        examples=[{"3": 0.00121, "4": 0.00133}],
    )


class DecisionView(BaseModel):
    """How the last rollout has ended by itself."""

    outcome: Literal["promoted", "rolled_back"]
    version: int = Field(description="The new version.")
    pinned_version: int = Field(description="The new version if it was promoted, or the old one.")
    rows: int
    time: float = Field(description="In seconds since the epoch.")
    gate: str | None = Field(default=None, description="The gate that was broken.")
    value: float | None = Field(default=None, description="What was measured for it.")
    limit: float | None = Field(default=None, description="What it permits.")


class TrafficView(BaseModel):
    """The traffic of one model."""

    model: str
    active_version: int | None = Field(
        description="The version with the largest share; of a model without a split, the version "
        "that answers."
    )
    traffic: TrafficState | None = Field(description="Null without a split and a shadow.")
    measured: MeasuresView | None = Field(description="Null without a shadow and `promote`.")
    decision: DecisionView | None = Field(
        description="Of the last rollout with `promote`, until the next change of the traffic."
    )
