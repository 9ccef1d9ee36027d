"""The card of one version: what is known of its quality and origin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference.web.pages.html import Html, element

if TYPE_CHECKING:
    from collections.abc import Iterable

    from inference.model.contract import Contract, Feature, Metrics
    from inference.model.servable import Servable
    from inference.web.pages.html import Child
    from inference.web.pages.texts import Texts

_CLASSES = 30  # of a confusion matrix
_FEATURES = 500
_CATEGORIES = 8
_SHADES = 5


def make_card(texts: Texts, servable: Servable) -> Html:
    """Return the card of a servable."""
    contract = servable.contract
    if contract is None:
        known = [(texts("card.digest"), element("code", servable.digest))]
        return _block(texts("card.file"), _list(known), element("p", texts("card.foreign")))
    training = contract.training
    described = element("p", training.description, class_="words") if training.description else None
    parts = [
        _block(texts("card.about"), described) if described else None,
        _quality(texts, contract),
        _confusion(texts, contract),
        _block(texts("card.parity"), _list(_parity(texts, contract))),
        _block(texts("card.training"), _list(_origin(texts, contract, servable.digest))),
        _block(texts("card.features"), _features(texts, contract.features), is_wide=True),
    ]
    return element("div", parts, class_="blocks")


def metric_rows(texts: Texts, metrics: Metrics | None) -> list[tuple[str, str]]:
    """Return names and values of the metrics that a version has."""
    if metrics is None:
        return []
    shares = [("accuracy", metrics.accuracy), ("macro_f1", metrics.macro_f1)]
    numbers = [
        ("log_loss", metrics.log_loss),
        ("r2", metrics.r2),
        ("mean_absolute_error", metrics.mean_absolute_error),
        ("root_mean_squared_error", metrics.root_mean_squared_error),
    ]
    rows = [(texts(f"metric.{n}"), texts.share(v)) for n, v in shares if v is not None]
    rows += [(texts(f"metric.{n}"), texts.number(v)) for n, v in numbers if v is not None]
    return [*rows, (texts("metric.rows"), texts.count(metrics.rows))]


def _quality(texts: Texts, contract: Contract) -> Html:
    rows = metric_rows(texts, contract.training.metrics)
    if not rows:
        return _block(texts("card.quality"), element("p", texts("card.unmeasured")))
    return _block(texts("card.quality"), _list(rows))


def _confusion(texts: Texts, contract: Contract) -> Html | None:
    metrics, classes = contract.training.metrics, contract.classes
    matrix = metrics.confusion_matrix if metrics else None
    if not matrix or not classes or len(matrix) != len(classes) or len(classes) > _CLASSES:
        return None
    head = [element("th", texts("card.true"), scope="col")]
    head += [element("th", str(label), scope="col") for label in classes]
    rows = [
        element("tr", element("th", str(label), scope="row"), _cells(counts, at))
        for at, (label, counts) in enumerate(zip(classes, matrix, strict=True))
    ]
    table = element(
        "table",
        element("caption", texts("card.predicted")),
        element("thead", element("tr", head)),
        element("tbody", rows),
        class_="confusion",
    )
    return _block(texts("card.confusion"), _scroll(texts("card.confusion"), table))


def _cells(counts: list[int], at: int) -> list[Html]:
    """Return a row of the matrix, shaded by each count's share of the row."""
    total = max(sum(counts), 1)
    shades = [-(-_SHADES * count // total) for count in counts]
    return [
        element("td", count, class_=f"{'right' if column == at else 'miss'} s{shade}")
        for column, (count, shade) in enumerate(zip(counts, shades, strict=True))
    ]


def _parity(texts: Texts, contract: Contract) -> Iterable[tuple[str, Child]]:
    parity = contract.parity
    yield texts("card.compared"), texts.count(parity.rows)
    yield texts("card.generated"), texts.count(parity.generated)
    yield texts("card.agreement"), texts.share(parity.label_agreement)
    yield texts("card.difference"), texts.number(parity.max_difference, 2)
    yield texts("card.tolerance"), texts.number(parity.tolerance, 2)
    if parity.ties:
        yield texts("card.ties"), texts.count(parity.ties)
    yield texts("card.precision"), parity.precision


def _origin(texts: Texts, contract: Contract, digest: str) -> Iterable[tuple[str, Child]]:
    training = contract.training
    yield texts("card.published"), element("time", training.time[:19].replace("T", " "))
    yield texts("card.rows"), texts.count(training.rows)
    yield texts("card.data"), element("code", training.data_sha256)
    if training.git_commit:
        yield texts("card.commit"), element("code", training.git_commit)
    yield texts("card.digest"), element("code", digest)
    versions = [f"{name} {version}" for name, version in training.versions.items()]
    yield texts("card.libraries"), ", ".join(versions)
    yield texts("card.estimator"), element("code", training.estimator, class_="long")


def _features(texts: Texts, features: list[Feature]) -> Html:
    names = ("name", "kind", "values", "missing", "meaning")
    head = [element("th", texts(f"card.{name}"), scope="col") for name in names]
    rows = [
        element(
            "tr",
            element("th", feature.name, scope="row"),
            element("td", texts(f"kind.{feature.kind}")),
            element("td", _values(texts, feature)),
            element("td", texts("card.yes" if feature.nullable else "card.no")),
            element("td", feature.description),
        )
        for feature in features[:_FEATURES]
    ]
    table = element("table", element("thead", element("tr", head)), element("tbody", rows))
    more = len(features) - _FEATURES
    note = element("p", texts("card.more", count=texts.count(more))) if more > 0 else None
    return element("div", _scroll(texts("card.features"), table), note)


def _values(texts: Texts, feature: Feature) -> str:
    """Say which values a feature had in training."""
    if feature.categories:
        shown = ", ".join(str(value) for value in feature.categories[:_CATEGORIES])
        more = len(feature.categories) - _CATEGORIES
        return f"{shown}, {texts('card.more', count=texts.count(more))}" if more > 0 else shown
    if feature.minimum is None or feature.maximum is None:
        return ""
    unit = f" {feature.unit}" if feature.unit else ""
    return f"{texts.number(feature.minimum)} - {texts.number(feature.maximum)}{unit}"


def _block(title: str, *content: Child, is_wide: bool = False) -> Html:
    kind = "block wide" if is_wide else "block"
    return element("section", element("h2", title), content, class_=kind)


def _list(rows: Iterable[tuple[str, Child]]) -> Html:
    pairs = [element("div", element("dt", term), element("dd", value)) for term, value in rows]
    return element("dl", pairs, class_="facts")


def _scroll(label: str, table: Html) -> Html:
    """Let a wide table scroll on its own, with the keyboard, too."""
    return element("div", table, class_="scroll", tabindex="0", role="region", aria_label=label)
