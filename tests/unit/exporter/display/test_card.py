from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from inference.model.contract import Feature, Metrics

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.publication import Publication


class _Tree(HTMLParser):
    """Checks that tags nest, and collects the text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 - the parser's
        self.open.append(tag)
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def _parse(publication: Publication) -> _Tree:
    tree = _Tree()
    tree.feed(publication._repr_html_())
    assert not tree.open
    return tree


def test_shows_metrics_confusion_parity_speed_and_links(
    make_publication: Callable[..., Publication],
) -> None:
    """Everything a person wants to see after publishing."""
    text = _parse(make_publication()).text
    for part in (
        "version 3",
        "75.0%",
        "4 held-out rows",
        "confusion: rows are true",
        "all labels equal on 14 rows",
        "500x",
        "http://127.0.0.1:8000/docs#/predict/predict-penguins",
        "curl http://127.0.0.1:8000/models/penguins/predict",
        "0.5 to 2 mm",
        "number or null",
    ):
        assert part in text


def test_escapes_what_callers_write(make_publication: Callable[..., Publication]) -> None:
    """Names, descriptions and categories are text, whatever they look like."""
    nasty = "<script>alert(1)</script> & 'more'"
    tree = _parse(make_publication(description=nasty, estimator=nasty, classes=["<b>", "<i>"]))
    assert nasty in tree.text
    assert not {"script", "b", "i"} & tree.tags


def test_loads_and_runs_nothing(make_publication: Callable[..., Publication]) -> None:
    """A card in a shared notebook makes no request."""
    html = make_publication()._repr_html_()
    assert not any(
        word in html for word in ("<script", "<img", "<link", "url(", "@import", "onload")
    )


def test_does_not_sell_a_fit_as_held_out(make_publication: Callable[..., Publication]) -> None:
    """Metrics on the rows in X say so wherever they stand."""
    fit = Metrics(rows=9, accuracy=1.0, confusion_matrix=[[5, 0], [0, 4]])
    publication = replace(make_publication(metrics=None), fit=fit)
    assert publication.metrics is None
    text = _parse(publication).text
    assert "9 rows in X, not held out" in text
    assert "(not held out)" in text
    assert "not held out" in str(publication)


def test_does_without_metrics(make_publication: Callable[..., Publication]) -> None:
    """No confusion matrix, and a hint how to get one."""
    publication = make_publication(metrics=None)
    text = _parse(publication).text
    assert "confusion" not in text
    assert "parity" in text
    for shown in (text, str(publication)):
        assert "pass evaluate=(X_test, y_test)" in shown


def test_gives_other_mime_types_a_text(make_publication: Callable[..., Publication]) -> None:
    """A console without HTML shows the lines."""
    bundle = make_publication()._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"}


def test_long_numbers_have_all_digits(make_publication: Callable[..., Publication]) -> None:
    """As dates and prices are written: 2.02601e+07 is neither."""
    publication = make_publication(
        metrics=Metrics(rows=4, r2=0.5, mean_absolute_error=453_217.4, root_mean_squared_error=0.5),
        features=[Feature("day", "integer", "X", 20260103, minimum=20260101, maximum=20261231)],
    )
    text = _parse(publication).text
    assert "20,260,101 to 20,261,231" in text
    assert "453,217" in text
    assert "453,217" in str(publication)
