from __future__ import annotations

import numpy as np
import pytest

from inference.serving.tensors.classification import rank_classes


class TestClassification:
    def test_ranks_best_first_with_labels(self) -> None:
        array = np.array([[0.25, 0.5, 0.125], [1, 0, 2]], dtype=np.float32)
        assert rank_classes(array, 2, ["a", "b", "c"]).tolist() == [
            ["0.5:1:b", "0.25:0:a"],
            ["2.0:2:c", "1.0:0:a"],
        ]

    def test_gives_all_where_there_are_fewer(self) -> None:
        assert rank_classes(np.array([[3, 4]]), 9).tolist() == [["4:1", "3:0"]]

    def test_keeps_the_order_of_equal_values_and_puts_nan_last(self) -> None:
        array = np.array([[np.nan, 1, 1, 2]])
        assert rank_classes(array, 4).tolist() == [["2.0:3", "1.0:1", "1.0:2", "nan:0"]]

    @pytest.mark.parametrize("dtype", ["?", "u1", "i1", "u8", "i8", "f2", "f4", "f8"])
    def test_ranks_each_type_to_its_limits(self, dtype: str) -> None:
        kind = np.dtype(dtype)
        if kind.kind == "b":
            values = np.array([0, 1], kind)
        elif kind.kind == "f":
            values = np.array([-np.inf, np.finfo(kind).min, -1, 0, 1, np.inf], kind)
        else:
            low, high = np.iinfo(kind).min, np.iinfo(kind).max
            values = np.array([low, low + 1, low + 2, high - 2, high - 1, high], kind)
        ranked = rank_classes(values[None], len(values))
        places = [int(text.split(":")[1]) for text in ranked[0]]
        assert places == [*range(len(values))][::-1]

    def test_takes_each_value_of_a_vector_for_a_row(self) -> None:
        assert rank_classes(np.array([7, 8]), 3).tolist() == [["7:0"], ["8:0"]]

    @pytest.mark.parametrize("shape", [(), (0, 3), (2, 2, 2)])
    def test_takes_any_rank(self, shape: tuple[int, ...]) -> None:
        ranked = rank_classes(np.zeros(shape), 2)
        assert ranked.shape == (shape[0] if shape else 1, 1 if shape in {(), (0, 3)} else 2)
