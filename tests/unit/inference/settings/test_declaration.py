from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import pytest
from pydantic import TypeAdapter, ValidationError

from inference.settings.declaration import (
    UNSET,
    Before,
    Check,
    Declared,
    Field,
    InvalidSettingsError,
    Setting,
)

TEXTS = [
    *("", " ", "0", "1", "-1", "+1", "2", " 7 ", "\t7\n", "007", "1_000", "1__0", "_1", "1_"),
    *("1.0", "1.", "1.5", ".5", "-0", "-0.0", "1e3", "1E-9", "0x10", "0b1", "1 2", "--1", "+-1"),
    *("inf", "-inf", "Infinity", "nan", "NaN", "1e999", "9" * 18, "1.00000", "\u0663", "½"),
    *("true", "TRUE", "True", "t", "T", "yes", "Y", "on", "ON", "false", "off", "no", "n", "f"),
    *("truth", "null", "maybe", "ja", "0.0", "true ", "\x00", "1\x00", "[1]", "{}", "None", "1,5"),
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("kind", [bool, int, float, str])
def test_reads_text_as_pydantic_does(text: str, kind: Any) -> None:
    setting = Setting("it", kind, None)
    try:
        expected = TypeAdapter(kind).validate_python(text)
    except ValidationError:
        with pytest.raises(ValueError, match=r"^$"):
            setting.read(text)
        return
    read = setting.read(text)
    assert type(read) is kind
    assert read == expected or (math.isnan(read) and math.isnan(expected))


@pytest.mark.parametrize("value", [2**63, 10**400])
def test_a_number_that_no_library_takes_is_refused(value: int) -> None:
    setting = Setting("it", Annotated[int | None, Field(ge=0)], None)
    assert setting.read(str(2**63 - 1)) == 2**63 - 1
    with pytest.raises(ValueError, match="at most 9223372036854775807"):
        setting.read(str(value))


@pytest.mark.parametrize("value", [-1, 0, 1, 9, 10, 11, 9.5, math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("limits", [{"ge": 0}, {"gt": 0}, {"ge": 0, "le": 10}, {"gt": 0, "le": 10}])
def test_limits_are_those_of_pydantic(value: float, limits: dict[str, float]) -> None:
    import pydantic  # noqa: PLC0415 - its Field is not ours

    try:
        TypeAdapter(Annotated[float, pydantic.Field(**limits)]).validate_python(value)
        is_right = True
    except ValidationError:
        is_right = False
    setting = Setting("it", Annotated[float, Field(**limits)], None)  # type: ignore[arg-type]
    if is_right:
        assert setting.read(value) == value
    else:
        with pytest.raises(ValueError, match=r"^$"):
            setting.read(value)


def _need_even(value: int | None) -> int | None:
    if value is not None and value % 2:
        raise ValueError("it must be even")
    return value


def _ignore_link(value: Any) -> Any:
    return UNSET if value == "link" else value


class Some(Declared):
    """Some settings."""

    even: Annotated[int | None, Check(_need_even), Field(ge=0, description="Even.")] = None
    mode: Literal["a", "b"] | None = None
    other: Annotated[int, Before(_ignore_link)] = 5


class More(Declared):
    """More settings."""

    names: tuple[str, ...] = ()
    seconds: float = 10


class Both(Some, More):
    """All of them."""

    def check(self) -> None:
        super().check()
        if self.even == 4 and self.seconds > 4:
            raise ValueError("four is too many")


def test_fields_are_those_of_all_bases_in_order() -> None:
    assert list(Both.fields) == ["even", "mode", "other", "names", "seconds"]
    assert Both.fields["even"].description == "Even."


def test_what_is_not_given_has_its_default_in_its_type() -> None:
    both = Both()
    assert (both.even, both.mode, both.other, both.names) == (None, None, 5, ())
    assert type(both.seconds) is float


def test_none_is_taken_where_it_is_declared_only() -> None:
    assert Both(even=None).even is None
    with pytest.raises(InvalidSettingsError):
        Both(other=None)


def test_a_value_may_stand_for_the_default() -> None:
    assert Both(other="link").other == 5
    assert Both(other="6").other == 6


def test_every_fault_is_reported_with_its_value() -> None:
    with pytest.raises(InvalidSettingsError) as caught:
        Both(even="3", mode="c", names="x", seconds=True)
    found = [(fault.setting and fault.setting.name, fault.value) for fault in caught.value.faults]
    assert found == [("even", "3"), ("mode", "c"), ("names", "x"), ("seconds", True)]
    assert str(caught.value.faults[0].error) == "it must be even"


def test_values_that_do_not_fit_together_are_one_fault() -> None:
    with pytest.raises(InvalidSettingsError, match="four is too many") as caught:
        Both(even=4)
    assert caught.value.faults[0].setting is None
    assert Both(even=4, seconds=1).even == 4


def test_settings_cannot_be_changed() -> None:
    both = Both()
    with pytest.raises(AttributeError, match="frozen"):
        both.other = 6
    assert both.other == 5
