"""Which traces are recorded: ``OTEL_TRACES_SAMPLER``, with the names that OpenTelemetry gives them.

Source: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from inference.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME, _RATIO = "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"
_PARENT_BASED = "parentbased_"
_KINDS = ("always_on", "always_off", "traceidratio")
# As all services of a trace decide from the same half of its identifier, they agree.
_RANDOM_VALUES = 1 << 64


class Sampler(NamedTuple):
    """Decides whether a span is recorded.

    Attributes:
        bound: Traces are recorded whose identifier, modulo 2 ** 64, is below.
        is_parent_based: Whether a caller's decision is followed.
    """

    bound: int = _RANDOM_VALUES
    is_parent_based: bool = True

    def samples(self, trace_id: int, parent: bool | None) -> bool:  # noqa: FBT001 - three states
        """Decide.

        Args:
            trace_id: The identifier of the trace.
            parent: Whether the caller records its span; ``None`` without one.
        """
        if parent is not None and self.is_parent_based:
            return parent
        return trace_id % _RANDOM_VALUES < self.bound


def read_sampler(environment: Mapping[str, str]) -> Sampler:
    """Read the sampler from the environment; by default, all traces that a caller does not exclude.

    Raises:
        SettingError: A value is invalid.
    """
    name = environment.get(_NAME, "").strip().lower() or "parentbased_always_on"
    kind = name.removeprefix(_PARENT_BASED)
    if kind not in _KINDS:
        known = ", ".join([*_KINDS, *(_PARENT_BASED + kind for kind in _KINDS)])
        raise SettingError(f"{_NAME}={name} is not known: use one of {known}")
    ratio = {"always_on": 1.0, "always_off": 0.0}.get(kind)
    if ratio is None:
        ratio = _read_ratio(environment.get(_RATIO, "").strip() or "1")
    return Sampler(round(ratio * _RANDOM_VALUES), name.startswith(_PARENT_BASED))


def _read_ratio(text: str) -> float:
    try:
        ratio = float(text)
    except ValueError:
        ratio = -1.0
    if not 0 <= ratio <= 1:
        raise SettingError(f"{_RATIO}={text} is not a number from 0 to 1")
    return ratio
