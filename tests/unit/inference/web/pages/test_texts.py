"""The catalogs of texts: complete, and used."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING

import pytest

import inference.web.pages
from inference.web.pages.texts import load_texts

if TYPE_CHECKING:
    from inference.web.pages.texts import Texts

TEXTS = load_texts()
FOLDER = Path(inference.web.pages.__file__).parent
SOURCES = "\n".join(path.read_text() for path in FOLDER.rglob("*.py"))
SCRIPTS = "\n".join(path.read_text() for path in FOLDER.rglob("*.js"))


def values(texts: Texts, key: str) -> list[str]:
    return sorted(field for _, field, _, _ in Formatter().parse(texts(key)) if field)


def test_english_and_spanish_have_the_same_keys_and_values() -> None:
    english, spanish = TEXTS["en"], TEXTS["es"]
    assert english.keys == spanish.keys
    for key in english.keys:
        assert values(english, key) == values(spanish, key), key


def test_every_text_says_something_in_each_language() -> None:
    for texts in TEXTS.values():
        assert [key for key in texts.keys if not texts(key).strip()] == []


def test_english_is_the_first_language() -> None:
    assert next(iter(TEXTS)) == "en"


@pytest.mark.parametrize("key", sorted(TEXTS["en"].keys))
def test_no_text_is_left_over(key: str) -> None:
    table, name = key.split(".")
    if table == "script":
        assert re.search(rf'text\(\s*[^)]*"{name}"', SCRIPTS), f"no module shows {name}"
    elif f'"{key}"' not in SOURCES:
        assert re.search(rf'f"{table}\.\{{', SOURCES) or f'"{name}"' in SOURCES, key


def test_modules_use_only_texts_that_exist() -> None:
    used = set(re.findall(r'\btext\("(\w+)"', SCRIPTS))
    assert used
    assert used <= set(TEXTS["en"].script)


@pytest.mark.parametrize(
    ("value", "english", "spanish"),
    [
        (0.0, "0", "0"),
        (12.5, "12.5", "12,5"),
        (-0.25, "-0.25", "-0,25"),
        (123456.0, "123456", "123456"),
        (1e300, "1e+300", "1e+300"),
        (float("nan"), "nan", "nan"),
    ],
)
def test_numbers_have_the_decimal_mark_of_the_language(
    value: float, english: str, spanish: str
) -> None:
    assert (TEXTS["en"].number(value), TEXTS["es"].number(value)) == (english, spanish)


def test_shares_and_counts_are_written_as_the_language_does() -> None:
    english, spanish = TEXTS["en"], TEXTS["es"]
    assert (english.share(0.9825), spanish.share(0.9825)) == ("98.2%", "98,2\xa0%")
    assert (english.count(12345), spanish.count(12345)) == ("12,345", "12.345")
