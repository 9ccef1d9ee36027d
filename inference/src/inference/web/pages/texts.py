"""The texts of the pages: one file for each language, in ``texts/``."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_FOLDER = Path(__file__).parent / "texts"


class Texts:
    """The texts of one language.

    Args:
        language: Its tag, as in ``lang``.
        tables: By table and key, with ``{name}`` where a value belongs.

    Attributes:
        language: Its tag.
        script: The texts that the pages' modules show.
    """

    def __init__(self, language: str, tables: Mapping[str, Mapping[str, str]]) -> None:
        self.language = language
        self.script = dict(tables["script"])
        self._texts = {
            f"{t}.{key}": text for t, keys in tables.items() for key, text in keys.items()
        }

    def __call__(self, key: str, **values: Any) -> str:
        """Return a text with its values. It is text, not HTML."""
        return self._texts[key].format(**values) if values else self._texts[key]

    @property
    def keys(self) -> set[str]:
        """The keys of all texts."""
        return set(self._texts)

    def number(self, value: float, digits: int = 4) -> str:
        """Write a number with so many significant digits.

        >>> load_texts()["es"].number(12.5)
        '12,5'
        """
        text = f"{value:.{digits}g}"
        if "e" in text and 1e-4 <= abs(value) < 1e9:
            text = f"{value:.0f}"
        return text.replace(".", self("number.decimal"))

    def share(self, value: float) -> str:
        """Write a share of one as a percentage."""
        return f"{100 * value:.1f}".replace(".", self("number.decimal")) + self("number.percent")

    def count(self, value: int) -> str:
        """Write a whole number with groups of digits."""
        return f"{value:,}".replace(",", self("number.group"))


def load_texts() -> dict[str, Texts]:
    """Read the texts of every language; English is the first."""
    languages = sorted(path.stem for path in _FOLDER.glob("*.toml"))
    return {
        language: Texts(language, tomllib.loads((_FOLDER / f"{language}.toml").read_text("utf-8")))
        for language in languages
    }
