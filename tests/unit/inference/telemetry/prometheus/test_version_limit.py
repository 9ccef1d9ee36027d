from __future__ import annotations

import numpy as np

from inference.telemetry.prometheus.version_limit import SHOWN, limit_versions


def counted(versions: range, model: str = "m") -> dict[tuple[str, ...], list[float]]:
    """Make two series a version, each of which has counted its number."""
    return {
        ("predict", model, str(v), status): [float(v), 1.0]
        for v in versions
        for status in ("200", "422")
    }


def test_few_versions_are_shown_as_they_are() -> None:
    series = counted(range(1, SHOWN + 1)) | {("predict", "", "", "404"): [5.0, 5.0]}
    assert limit_versions(series, 1) == series


def test_all_but_the_highest_are_counted_together_by_everything_else() -> None:
    series = counted(range(1, SHOWN + 4)) | counted(range(1, 3), "n")
    folded = limit_versions(series, 1)
    assert folded["predict", "m", "older", "200"] == [1.0 + 2.0 + 3.0, 3.0]
    assert ("predict", "m", "3", "200") not in folded
    assert folded["predict", "m", "4", "200"] == [4.0, 1.0]
    assert folded["predict", "n", "1", "422"] == [1.0, 1.0]
    assert sum(v[0] for v in folded.values()) == sum(v[0] for v in series.values())


def test_numbers_are_compared_as_numbers() -> None:
    folded = limit_versions({("m", str(v), "1"): [1.0] for v in range(1, 120)}, 0)
    assert {key[1] for key in folded} == {"older", *map(str, range(104, 120))}


def test_no_counter_goes_back_whatever_is_served_next() -> None:
    series: dict[tuple[str, ...], list[float]] = {}
    before: dict[tuple[str, ...], list[float]] = {}
    for version in np.random.default_rng(1).integers(1, 60, 400):
        count = series.setdefault(("m", str(version), "1"), [0.0])
        count[0] += 1
        folded = limit_versions({key: [*values] for key, values in series.items()}, 0)
        older = ("m", "older", "1")
        assert folded.get(older, [0.0]) >= before.get(older, [0.0])
        assert all(folded[key] >= before[key] for key in before.keys() & folded.keys())
        before = folded
