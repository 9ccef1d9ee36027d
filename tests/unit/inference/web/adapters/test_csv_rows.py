"""CSV, against what pandas reads from it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from inference.errors import RequestError, TooLargeError
from inference.model.servable import Servable
from inference.serving.rows.row_limits import RowLimits
from inference.web.adapters.csv_rows import read_csv
from support.models.artifacts import mixed

HEADER = "mass,age,wild,island,sex\n"


@pytest.fixture(scope="module")
def servable() -> Servable:
    return Servable.load("mixed", 1, mixed())


LIMITS = RowLimits(10, 1000)


def read(text: str | bytes, servable: Servable, *, has_header: bool = True) -> Any:
    body = text if isinstance(text, bytes) else text.encode()
    return json.loads(read_csv(body, servable, LIMITS, has_header=has_header))


@pytest.mark.parametrize(
    ("line", "row"),
    [
        ("3.5,4,True,Dream,male", [3.5, 4, True, "Dream", "male"]),
        ("-1e3,4.0,false,Dream,", [-1000.0, 4.0, False, "Dream", None]),
        (" .5 ,+4,TRUE,Dream,NA", [0.5, 4, True, "Dream", None]),
        ("NaN,4,true,Dream,nan", [None, 4, True, "Dream", None]),
        ("1.#IND,4,true,Dream,#N/A N/A", [None, 4, True, "Dream", None]),
        (',4,true,Dream,"a,""b\n"', [None, 4, True, "Dream", 'a,"b\n']),
        ("007,4,yes,Dream,é", [7.0, 4, "yes", "Dream", "é"]),
        ("inf,x,1,Dream,1", ["inf", "x", "1", "Dream", "1"]),
        ("1_000,4_0,1,Dream,1_0", ["1_000", "4_0", "1", "Dream", "1_0"]),
        ("\u0661\u0662,\uff14,1,Dream,1", ["\u0661\u0662", "\uff14", "1", "Dream", "1"]),
        ("+1e400,+9007199254740993,1,Dream,1", ["+1e400", 2**53 + 1, "1", "Dream", "1"]),
        ("5.,-009007199254740993,1,Dream,1", [5.0, -(2**53) - 1, "1", "Dream", "1"]),
        ("-00.5,+000,1,Dream,1", [-0.5, 0, "1", "Dream", "1"]),
    ],
)
def test_each_text_becomes_a_value_of_its_kind(
    servable: Servable, line: str, row: list[Any]
) -> None:
    for end in ("", "\n", "\r\n", "\n\n"):
        assert read(HEADER + line + end, servable) == [row]
    assert read(line, servable, has_header=False) == [row]


def test_columns_come_in_any_order_and_may_be_left_out_where_null_is_allowed(
    servable: Servable,
) -> None:
    assert read("island,age,wild,mass\nDream,4,true,3.5\n", servable) == [
        [3.5, 4, True, "Dream", None]
    ]
    assert read(b"\xef\xbb\xbf" + (HEADER + "1,2,true,Dream,a\n").encode(), servable)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "lacks the column"),
        (",mass,age\n0,1,2\n", "without the index"),
        ("mass,age,wild,iland,sex\n1,2,true,Dream,a\n", "'iland'"),
        ("mass,mass,age,wild,island\n1,2,3,true,Dream\n", "'mass' twice"),
        (HEADER + "1,2\n", "row 0 of the CSV has 2 values"),
        (HEADER + '1,2,true,Dream,"a\n', "not CSV"),
        (HEADER.encode() + b"1,2,true,Dream,\xff\n", "not CSV in UTF-8"),
    ],
)
def test_what_is_wrong_is_named(servable: Servable, text: str | bytes, reason: str) -> None:
    with pytest.raises(RequestError) as refused:
        read(text, servable)
    assert reason in str(refused.value)


def test_a_header_alone_has_no_rows(servable: Servable) -> None:
    assert read(HEADER, servable) == []


LINE = "1,2,true,Dream,a\n"


@pytest.mark.parametrize(
    "text", ["," * 1001, HEADER + "," * 1001, HEADER + f'1,2,true,Dream,"{"a" * 990}"\n' + LINE]
)
def test_a_line_is_only_read_up_to_the_longest_row(servable: Servable, text: str) -> None:
    with pytest.raises(TooLargeError, match=r"more than 1,000 characters .INFERENCE_MAX_ROW_BYTES"):
        read(text, servable)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_line_may_be_as_long_as_the_longest_row(servable: Servable, end: str) -> None:
    for text in ("a" * (1000 - len(LINE[:-2] + end)), 'a"",\n' * 300):
        line = LINE[:-2] + (f'"{text}"' if "," in text else text) + end
        (row, other) = read(HEADER + line + LINE, servable)
        assert row[-1] == text.replace('""', '"')
        assert other[-1] == "a"


def test_rows_that_are_too_many_are_not_read(servable: Servable) -> None:
    assert len(read(HEADER + LINE * 10, servable)) == 10
    assert len(read(HEADER + LINE * 11 + "this is no row", servable)) == 11
