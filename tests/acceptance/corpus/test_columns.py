"""Pipelines on columns, categories and texts, and rare transformers answer like the original."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acceptance.corpus.asking import check, choose
from acceptance.corpus.pipelines.mixed import COLUMNS, TEXTS
from acceptance.corpus.pipelines.walked import WALKED

if TYPE_CHECKING:
    import pytest

    from acceptance.corpus.case import Case
    from support.service.process import Service


@choose([*COLUMNS, *TEXTS, *WALKED])
def test_answers_like_the_original_between_the_rows(
    case: Case, service: Service, request: pytest.FixtureRequest
) -> None:
    check(case, service, f"columns-{request.node.callspec.id}")
