"""Pipelines of other libraries, and with functions of DataFrames, answer like the original."""

from __future__ import annotations

from typing import TYPE_CHECKING

from acceptance.corpus.asking import check, choose
from acceptance.corpus.pipelines.functions import FUNCTIONS
from acceptance.corpus.pipelines.libraries import LIBRARIES

if TYPE_CHECKING:
    import pytest

    from acceptance.corpus.case import Case
    from support.service.process import Service


@choose([*LIBRARIES, *FUNCTIONS])
def test_answers_like_the_original_between_the_rows(
    case: Case, service: Service, request: pytest.FixtureRequest
) -> None:
    check(case, service, f"libraries-{request.node.callspec.id}")
