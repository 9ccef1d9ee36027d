"""Grafana's own types take the dashboard, and know everything that is in it.

A field that Grafana does not know is no error there: it has no effect. Therefore the dashboard is
read into the types that Grafana generates from its schemas, and written again: a misspelled field
is lost.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.manifests import DEPLOY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FILE = DEPLOY / "monitoring" / "grafana" / "dashboards" / "rookery.json"
# What the schemas leave open: the editor's copy of a query, the mark of the built-in annotation,
# and what Prometheus' source of data makes of an annotation.
OPEN = {"builtIn", "definition", "step", "tagKeys", "textFormat", "titleFormat", "useValueForTime"}

register_default_plugins()


def written(dashboard: dict[str, Any]) -> Any:
    """Read a dashboard into Grafana's types, and write it again."""
    return json.loads(json.dumps(Dashboard.from_json(dashboard), cls=JSONEncoder))


def differences(given: Any, found: Any, path: str = "") -> Iterator[str]:
    """Yield the path of everything that is not there any more, or is something else."""
    if isinstance(given, dict) and isinstance(found, dict):
        for key, value in given.items():
            if key in found:
                yield from differences(value, found[key], f"{path}/{key}")
            else:
                yield f"{path}/{key}"
    elif isinstance(given, list) and isinstance(found, list) and len(given) == len(found):
        for at, pair in enumerate(zip(given, found, strict=True)):
            yield from differences(*pair, f"{path}/{at}")
    elif given != found:
        yield path


@pytest.fixture
def dashboard() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(FILE.read_text())
    return content


def test_grafana_knows_every_field(dashboard: dict[str, Any]) -> None:
    lost = list(differences(dashboard, written(dashboard)))
    assert [path for path in lost if path.rpartition("/")[2] not in OPEN] == []
    assert all(path.startswith(("/annotations/", "/templating/")) for path in lost)


def break_option(panel: dict[str, Any]) -> None:
    panel["options"]["colourMode"] = "value"


def break_unit(panel: dict[str, Any]) -> None:
    panel["fieldConfig"]["defaults"]["units"] = "s"


def break_query(panel: dict[str, Any]) -> None:
    panel["targets"][0]["legend"] = "p99"


@pytest.mark.parametrize("spoil", [break_option, break_unit, break_query])
def test_a_misspelled_field_is_found(
    dashboard: dict[str, Any], spoil: Callable[[dict[str, Any]], None]
) -> None:
    before = set(differences(dashboard, written(dashboard)))
    spoil(next(panel for panel in dashboard["panels"] if panel["type"] == "stat"))
    (found,) = set(differences(dashboard, written(dashboard))) - before
    assert found.startswith("/panels/")
