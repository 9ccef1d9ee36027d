from __future__ import annotations

import pytest

from inference.errors import SettingError
from inference.telemetry.tracing.sampler import read_sampler

HALF = 1 << 63
NAME, RATIO = "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"


@pytest.mark.parametrize(
    ("name", "ratio", "answers"),
    [
        # For no parent, one that is recorded, and one that is not.
        ("", "", (True, True, False)),
        ("parentbased_always_on", "", (True, True, False)),
        ("parentbased_always_off", "", (False, True, False)),
        ("parentbased_traceidratio", "0", (False, True, False)),
        ("parentbased_traceidratio", "1", (True, True, False)),
        ("parentbased_traceidratio", "", (True, True, False)),
        ("always_on", "", (True, True, True)),
        ("always_off", "", (False, False, False)),
        ("traceidratio", "0.0", (False, False, False)),
        (" AlwaysOn".replace("sO", "s_o"), "", (True, True, True)),
    ],
)
def test_the_standard_names_mean_what_they_mean(
    name: str, ratio: str, answers: tuple[bool, bool, bool]
) -> None:
    sampler = read_sampler({NAME: name, RATIO: ratio})
    for trace_id in (1, HALF, (1 << 128) - 1):
        given = tuple(sampler.samples(trace_id, parent) for parent in (None, True, False))
        assert given == answers


def test_a_ratio_decides_by_the_lower_half_of_the_trace() -> None:
    sampler = read_sampler({NAME: "traceidratio", RATIO: "0.5"})
    upper = 0xABCD << 64
    kept = [sampler.samples(upper | lower, None) for lower in (0, HALF - 1, HALF, HALF * 2 - 1)]
    assert kept == [True, True, False, False]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({NAME: "jaeger_remote"}, "OTEL_TRACES_SAMPLER=jaeger_remote is not known: use one of"),
        ({NAME: "traceidratio", RATIO: "1.01"}, "is not a number from 0 to 1"),
        ({NAME: "traceidratio", RATIO: "-0.1"}, "is not a number from 0 to 1"),
        ({NAME: "traceidratio", RATIO: "nan"}, "is not a number from 0 to 1"),
        ({NAME: "parentbased_traceidratio", RATIO: "all"}, "OTEL_TRACES_SAMPLER_ARG=all"),
    ],
)
def test_invalid_values_are_named(given: dict[str, str], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        read_sampler(given)
