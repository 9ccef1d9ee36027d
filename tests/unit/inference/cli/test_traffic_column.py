"""The split and the shadow of a model in the table of ``inference models``."""

from __future__ import annotations

from typing import Any

import pytest

from inference.cli.table import list_models


@pytest.mark.parametrize(
    ("traffic", "shown"),
    [
        (None, "3"),
        ({"shares": {"3": 90.0, "4": 10.0}, "shadow": None}, "3 90%, 4 10%"),
        ({"shares": {"3": 100.0}, "shadow": {"version": 5}}, "3 100%, shadow 5"),
        ({"shares": None, "shadow": {"version": 5}}, "3, shadow 5"),
    ],
)
def test_shows_the_traffic_where_it_shows_the_active_version(traffic: Any, shown: str) -> None:
    model = {
        "name": "m", "state": "ready", "selected": False, "active_version": 3,
        "pinned_version": None, "traffic": traffic, "versions": [], "quarantined": [],
        "task": None, "metrics": None, "reason": None,
    }  # fmt: skip
    line = list_models({"models": [model], "ignored": []}).splitlines()[1]
    assert f"  {shown}  " in line
