from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from inference.storage.choice import choose_versions

if TYPE_CHECKING:
    from collections.abc import Collection


def choose(
    remote: Collection[int],
    verdicts: dict[int, bool | None],
    chosen: Collection[int] = (),
    keep: int = 2,
) -> tuple[list[int], set[int]]:
    return choose_versions(remote, verdicts, chosen, keep, verdict=verdicts.get)


@pytest.mark.parametrize(
    ("count", "wanted"), [(0, []), (1, [1]), (2, [2, 1]), (3, [3, 2]), (5000, [5000, 4999])]
)
def test_only_as_many_of_the_highest_are_copied_as_are_kept(count: int, wanted: list[int]) -> None:
    assert choose(range(1, count + 1), {}) == (wanted, set())


def test_a_chosen_version_is_copied_and_kept() -> None:
    assert choose([1, 2, 3, 4], {1: True, 4: True, 3: True}, chosen=[1]) == ([4, 3, 1], {1, 3, 4})
    assert choose([4], {}, chosen=[1]) == ([4], set())


def test_a_refused_version_stays_and_the_next_lower_one_comes_in_its_place() -> None:
    assert choose([1, 2, 3, 4], {4: False, 3: True})[0] == [4, 3, 2]
    assert choose([1, 2, 3, 4], {4: False, 3: False})[0] == [4, 3, 2, 1]


def test_a_version_stays_until_enough_newer_ones_are_proved() -> None:
    before: dict[int, bool | None] = {1: True, 2: True}
    assert choose([1, 2, 3], before | {3: None})[1] == {1, 2, 3}
    assert choose([1, 2, 3], before | {3: False})[1] == {1, 2, 3}
    assert choose([1, 2, 3], before | {3: True})[1] == {2, 3}
    assert choose([1, 2], {1: True, 2: None}, keep=1) == ([2], {1, 2})
