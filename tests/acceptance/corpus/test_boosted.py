"""Pipelines with boosting libraries answer like the original."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acceptance.corpus.asking import check, choose
from acceptance.corpus.pipelines.boosted import BOOSTED
from acceptance.corpus.pipelines.raw import RAW

if TYPE_CHECKING:
    import pytest

    from acceptance.corpus.case import Case
    from support.service.process import Service


@choose([*BOOSTED, *RAW])
def test_answers_like_the_original_between_the_rows(
    case: Case, service: Service, request: pytest.FixtureRequest
) -> None:
    check(case, service, f"boosted-{request.node.callspec.id}")
