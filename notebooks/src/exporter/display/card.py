"""The display of a publication: a card in Jupyter, lines in a terminal."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from exporter.display.elements import cell, facts, frame, number, title
from inference.model.labels import label_key

if TYPE_CHECKING:
    from exporter.display.published_version import PublishedVersion
    from exporter.display.timings import Timing
    from inference.model.contract import Contract, Feature, Metrics

_HINT = "no metrics: pass evaluate={} to measure it on held-out rows"
_WITHOUT_METRICS = ("transformation",)
_NUMERIC = ("regression", "transformation")
_MAX_CLASSES = 20
_MAX_FEATURES = 30


def to_html(publication: PublishedVersion) -> str:
    """Return the card as HTML; all values from the caller are escaped."""
    contract = publication.contract
    description = contract.training.description
    blocks = [
        title(publication.name, _badges(publication)),
        f"<small>{escape(_estimator(contract))}</small>",
        f"<div>{escape(description)}</div>" if description else "",
        f"<div class='r-row'>{_metrics(publication)}{_matrix_of(publication)}</div>",
        _facts(publication),
        _links(publication),
        _features(contract.features),
    ]
    return frame("".join(blocks))


def describe_contract(contract: Contract) -> str:
    """Return the part of a card that a contract describes: estimator, metrics, features."""
    training = contract.training
    metrics = training.metrics
    shown = []
    if metrics is not None:
        rows = f"{metrics.rows:,} held-out rows"
        shown = [*describe_metrics(metrics), ("measured on", rows)]
    blocks = [
        f"<small>{escape(_estimator(contract))}</small>",
        f"<div>{escape(training.description)}</div>" if training.description else "",
        f"<div class='r-row'>{facts(shown)}{_matrix(metrics, contract, '')}</div>",
        facts([("parity", _parity(contract)), *_coverage(contract)]),
        _features(contract.features),
    ]
    return "".join(blocks)


def to_live_line(publication: PublishedVersion) -> str:
    """Return one line as HTML: that the version is live, and where."""
    what = escape(f"{publication.name} version {publication.version}")
    docs = escape(publication.docs_url, quote=True)
    return (
        f"<div><b>{what}</b> is live at <code>{escape(publication.predict_url)}</code> "
        f"(<a href='{docs}' target='_blank' rel='noopener'>Swagger</a>)</div>"
    )


def to_text(publication: PublishedVersion) -> str:
    """Return the publication as lines for a terminal."""
    contract = publication.contract
    what = f"{publication.name} version {publication.version} ({contract.task})"
    lines = [
        f"{what} {_outcome(publication)}",
        f"  file      {publication.path}",
        *(f"  {name:9} {value}" for name, value in _summary(publication)),
        f"  Swagger   {publication.docs_url}",
        f"  try it    {publication.curl}",
    ]
    return "\n".join(lines)


def _outcome(publication: PublishedVersion) -> str:
    if publication.unchanged:
        return "was already published: nothing has changed"
    return "is published"


def _badges(publication: PublishedVersion) -> list[str]:
    badges = [f"version {publication.version}", publication.contract.task]
    return [*badges, "nothing has changed"] if publication.unchanged else badges


def describe_metrics(metrics: Metrics) -> list[tuple[str, str]]:
    """Return the names and formatted values of the metrics."""
    named = [
        ("accuracy" if metrics.labels is None else "all labels right", metrics.accuracy, ".1%"),
        ("macro F1", metrics.macro_f1, ".3f"),
        ("log loss", metrics.log_loss, ".3f"),
        ("R\u00b2", metrics.r2, ".3f"),
        ("mean abs. error", metrics.mean_absolute_error, None),
        ("RMS error", metrics.root_mean_squared_error, None),
        ("silhouette", metrics.silhouette, ".3f"),
    ]
    return [
        (name, number(value, 4) if spec is None else format(value, spec))
        for name, value, spec in named
        if value is not None
    ]


def _summary(publication: PublishedVersion) -> list[tuple[str, str]]:
    contract = publication.contract
    lines = []
    for what, metrics in (("held out", publication.metrics), ("fit", publication.fit)):
        if metrics is not None:
            values = ", ".join(f"{n} {v}" for n, v in describe_metrics(metrics))
            note = "" if what == "held out" else ", not held out"
            lines.append((what, f"{values} ({metrics.rows:,} rows{note})"))
    if publication.metrics is None and (hint := _hint(contract)):
        lines.append(("held out", hint))
    lines += _coverage(publication.contract)
    lines.append(("parity", _parity(contract)))
    lines += [("speed", _speed(timing)) for timing in publication.timings]
    lines += [("MLflow", publication.origin)] if publication.origin else []
    return lines + _removed(publication)


def _removed(publication: PublishedVersion) -> list[tuple[str, str]]:
    if not publication.removed:
        return []
    return [("removed", f"versions {', '.join(map(str, sorted(publication.removed)))}")]


def _ties(count: int) -> str:
    if not count:
        return ""
    return (
        f"; {count:,} compared rows have several right answers, because neighbors or centers are "
        "equally near or a score is on a threshold, and the ONNX file returns another one than "
        "the original"
    )


def _parity(contract: Contract) -> str:
    parity = contract.parity
    labels = "all values equal" if contract.task in _NUMERIC else "all labels equal"
    return (
        f"{labels} on {parity.rows:,} rows, differences up to {parity.max_difference:.1e} "
        f"({parity.precision})" + _ties(parity.ties)
    )


def _speed(timing: Timing) -> str:
    rows = "1 row" if timing.rows == 1 else f"{timing.rows:,} rows"
    return (
        f"{rows}: {_duration(timing.original_us)} in scikit-learn, "
        f"{_duration(timing.onnx_us)} in ONNX ({_times(timing.factor)})"
    )


def _times(factor: float) -> str:
    return f"{factor:,.0f}x" if factor >= 10 else f"{factor:.1f}x"


def _duration(us: float) -> str:
    return f"{us:.0f} \u00b5s" if us < 1000 else f"{us / 1000:.1f} ms"


def _metrics(publication: PublishedVersion) -> str:
    if publication.metrics is not None:
        rows = f"{publication.metrics.rows:,} held-out rows"
        return facts([*describe_metrics(publication.metrics), ("measured on", rows)])
    hint = _hint(publication.contract)
    hint = f"<small>{escape(hint)}</small>" if hint else ""
    if publication.fit is None:
        return hint
    rows = f"{publication.fit.rows:,} rows in X, not held out"
    return f"<div>{facts([*describe_metrics(publication.fit), ('measured on', rows)])}{hint}</div>"


def _hint(contract: Contract) -> str:
    """Say how to get metrics, where there are any."""
    if contract.task in _WITHOUT_METRICS:
        return ""
    pair = "(X_test, None)" if contract.task == "clustering" else "(X_test, y_test)"
    return _HINT.format(pair)


def _facts(publication: PublishedVersion) -> str:
    found = [("parity", _parity(publication.contract)), *_coverage(publication.contract)]
    found += [("speed", _speed(timing)) for timing in publication.timings]
    found += [("MLflow", publication.origin)] if publication.origin else []
    found.append(("size", f"{publication.report.size_bytes / 1024:,.1f} KiB"))
    found += _removed(publication)
    return facts(found)


def _coverage(contract: Contract) -> list[tuple[str, str]]:
    """Return how sure the answers are, if the model is calibrated."""
    calibration = contract.calibration
    if calibration is None:
        return []
    what = "intervals" if contract.task == "regression" else "label sets"
    return [(what, f"{100 * calibration.coverage:.6g}% coverage, {calibration.rows:,} rows")]


def _matrix_of(publication: PublishedVersion) -> str:
    note = "" if publication.metrics else " (not held out)"
    return _matrix(publication.metrics or publication.fit, publication.contract, note)


def _matrix(metrics: Metrics | None, contract: Contract, note: str) -> str:
    if metrics is not None and metrics.labels is not None:
        return _labels(metrics, contract, note)
    classes = contract.classes or []
    if metrics is None or metrics.confusion_matrix is None or len(classes) > _MAX_CLASSES:
        return ""
    names = [escape(label_key(c)) for c in classes]
    head = "".join(f"<th scope='col'>{name}</th>" for name in names)
    body = ""
    for i, (name, counts) in enumerate(zip(names, metrics.confusion_matrix, strict=True)):
        total = sum(counts) or 1
        cells = "".join(cell(n, n / total, right=i == j) for j, n in enumerate(counts))
        body += f"<tr><th scope='row'>{name}</th>{cells}</tr>"
    caption = f"confusion: rows are true, columns predicted{note}"
    return (
        f"<table><caption>{caption}</caption><thead><tr><th></th>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )


def _labels(metrics: Metrics, contract: Contract, note: str) -> str:
    """Return the metrics of each of several labels as a table."""
    pairs = list(zip(contract.labels or [], metrics.labels or [], strict=True))
    body = "".join(
        f"<tr><th scope='row'>{escape(label.name)}</th><td>{found.accuracy:.1%}</td>"
        f"<td>{found.macro_f1:.3f}</td></tr>"
        for label, found in pairs[:_MAX_CLASSES]
    )
    more = len(pairs) - _MAX_CLASSES
    body += f"<tr><td colspan='3'>and {more} more</td></tr>" if more > 0 else ""
    head = "".join(f"<th scope='col'>{name}</th>" for name in ("accuracy", "macro F1"))
    return (
        f"<table><caption>each label{note}</caption><thead><tr><th></th>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )


def _links(publication: PublishedVersion) -> str:
    docs = escape(publication.docs_url, quote=True)
    return (
        f"<div><a href='{docs}' target='_blank' rel='noopener'>Try it in Swagger</a> "
        f"<small>{docs}</small></div><pre>{escape(publication.curl)}</pre>"
    )


def _features(features: list[Feature]) -> str:
    rows = "".join(
        f"<tr><td>{escape(f.name)}</td><td>{f.kind}{' or null' if f.nullable else ''}</td>"
        f"<td>{escape(_range(f))}</td><td>{escape(f.description or '')}</td></tr>"
        for f in features[:_MAX_FEATURES]
    )
    more = len(features) - _MAX_FEATURES
    rest = f"<tr><td colspan='4'>and {more} more</td></tr>" if more > 0 else ""
    return (
        f"<details><summary>{len(features)} features</summary><table class='r-left'>"
        f"<tbody>{rows}{rest}</tbody></table></details>"
    )


def _range(feature: Feature) -> str:
    unit = f" {feature.unit}" if feature.unit else ""
    if feature.minimum is not None and feature.maximum is not None:
        return f"{number(feature.minimum, 6)} to {number(feature.maximum, 6)}{unit}"
    if feature.categories:
        shown = ", ".join(str(c) for c in feature.categories[:6])
        more = ", ..." if len(feature.categories) > 6 or feature.open_categories else ""
        return f"{shown}{more}{unit}"
    return unit.strip()


def _estimator(contract: Contract) -> str:
    text = contract.training.estimator
    return text if len(text) <= 160 else f"{text[:157]}..."
