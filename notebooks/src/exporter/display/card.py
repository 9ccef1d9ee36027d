"""The display of a publication: a card in Jupyter, lines in a terminal.

The card uses the colors of JupyterLab's theme, and the text color elsewhere, so that it is readable
on light and dark backgrounds. It has no scripts and loads nothing.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from inference.model.labels import label_key

if TYPE_CHECKING:
    from exporter.display.published_version import PublishedVersion
    from exporter.display.timings import Timing
    from inference.model.contract import Contract, Feature, Metrics

_MAX_CLASSES = 20
_MAX_FEATURES = 30

_STYLE = """
.rookery {
  font:13px/1.5 var(--jp-ui-font-family,system-ui,sans-serif); max-width:62em;
  padding:14px 18px; margin:4px 0; color:var(--jp-ui-font-color1,inherit);
  background:var(--jp-layout-color1,transparent);
  border:1px solid var(--jp-border-color2,rgba(128,128,128,.4)); border-left:4px solid #2a9d8f;
  border-radius:6px;
}
.rookery h3 {
  margin:0 0 2px!important; font-size:17px!important;
}
.rookery small,.rookery dt,.rookery caption {
  color:var(--jp-ui-font-color2,inherit);
}
.rookery .r-badge {
  font-size:11px; font-weight:600; padding:1px 8px; border-radius:9px; margin-left:6px;
  background:rgba(42,157,143,.2); vertical-align:2px;
}
.rookery .r-row {
  display:flex; flex-wrap:wrap; gap:6px 36px; margin:10px 0; align-items:flex-start;
}
.rookery dl {
  display:grid; grid-template-columns:auto auto; justify-content:start; gap:1px 14px; margin:0;
}
.rookery dt,.rookery dd {
  float:none; width:auto; margin:0;
}
.rookery dd {
  font-variant-numeric:tabular-nums;
}
.rookery table {
  border-collapse:separate; border-spacing:2px; margin:0; font-size:12px;
}
.rookery caption {
  caption-side:top; text-align:left; padding:0 0 2px;
}
.rookery th,.rookery td {
  text-align:center!important; padding:3px 9px; background:none; border:0; color:inherit;
  font-variant-numeric:tabular-nums;
}
.rookery th {
  font-weight:500;
}
.rookery tbody th,.rookery .r-left td {
  text-align:left!important;
}
.rookery pre {
  margin:4px 0 0; padding:7px 9px; border-radius:4px; white-space:pre-wrap;
  overflow-wrap:anywhere; font:12px/1.45 var(--jp-code-font-family,monospace); color:inherit;
  background:var(--jp-layout-color2,rgba(128,128,128,.12));
}
.rookery a {
  color:var(--jp-content-link-color,#2a7ae2);
}
.rookery details {
  margin-top:8px;
}
.rookery summary {
  cursor:pointer;
}
"""


def to_html(publication: PublishedVersion) -> str:
    """Return the card as HTML; all values from the caller are escaped."""
    contract = publication.contract
    description = contract.training.description
    blocks = [
        f"<style>{_STYLE}</style>",
        _title(publication.name, _badges(publication)),
        f"<small>{escape(_estimator(contract))}</small>",
        f"<div>{escape(description)}</div>" if description else "",
        f"<div class='r-row'>{_metrics(publication)}{_matrix(publication)}</div>",
        _facts(publication),
        _links(publication),
        _features(contract.features),
    ]
    return f"<div class='rookery'>{''.join(blocks)}</div>"


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
        ("accuracy", metrics.accuracy, ".1%"),
        ("macro F1", metrics.macro_f1, ".3f"),
        ("log loss", metrics.log_loss, ".3f"),
        ("R\u00b2", metrics.r2, ".3f"),
        ("mean abs. error", metrics.mean_absolute_error, ".4g"),
        ("RMS error", metrics.root_mean_squared_error, ".4g"),
    ]
    return [(name, format(value, spec)) for name, value, spec in named if value is not None]


def _summary(publication: PublishedVersion) -> list[tuple[str, str]]:
    contract = publication.contract
    lines = []
    for what, metrics in (("held out", publication.metrics), ("fit", publication.fit)):
        if metrics is not None:
            values = ", ".join(f"{n} {v}" for n, v in describe_metrics(metrics))
            note = "" if what == "held out" else ", not held out"
            lines.append((what, f"{values} ({metrics.rows:,} rows{note})"))
    lines.append(("parity", _parity(contract)))
    lines += [("speed", _speed(timing)) for timing in publication.timings]
    return lines + _removed(publication)


def _removed(publication: PublishedVersion) -> list[tuple[str, str]]:
    if not publication.removed:
        return []
    return [("removed", f"versions {', '.join(map(str, sorted(publication.removed)))}")]


def _ties(count: int) -> str:
    if not count:
        return ""
    return (
        f"; {count:,} compared rows have several right answers, because neighbors are equally "
        "near, and the ONNX file returns another one than the original"
    )


def _parity(contract: Contract) -> str:
    parity = contract.parity
    labels = "all labels equal" if contract.task == "classification" else "all values equal"
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


def _title(name: str, badges: list[str]) -> str:
    spans = "".join(f"<span class='r-badge'>{badge}</span>" for badge in badges)
    return f"<h3>{escape(name)} {spans}</h3>"


def _metrics(publication: PublishedVersion) -> str:
    if publication.metrics is not None:
        rows = f"{publication.metrics.rows:,} held-out rows"
        return _list([*describe_metrics(publication.metrics), ("measured on", rows)])
    if publication.fit is not None:
        rows = f"{publication.fit.rows:,} rows in X, not held out"
        return _list([*describe_metrics(publication.fit), ("measured on", rows)])
    return ""


def _facts(publication: PublishedVersion) -> str:
    facts = [("parity", _parity(publication.contract))]
    facts += [("speed", _speed(timing)) for timing in publication.timings]
    facts.append(("size", f"{publication.report.size_bytes / 1024:,.1f} KiB"))
    facts += _removed(publication)
    return _list(facts)


def _list(facts: list[tuple[str, str]]) -> str:
    body = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    return f"<dl>{body}</dl>"


def _matrix(publication: PublishedVersion) -> str:
    metrics = publication.metrics or publication.fit
    classes = publication.contract.classes or []
    if metrics is None or metrics.confusion_matrix is None or len(classes) > _MAX_CLASSES:
        return ""
    names = [escape(label_key(c)) for c in classes]
    head = "".join(f"<th scope='col'>{name}</th>" for name in names)
    body = ""
    for i, (name, counts) in enumerate(zip(names, metrics.confusion_matrix, strict=True)):
        total = sum(counts) or 1
        cells = "".join(_cell(n, n / total, right=i == j) for j, n in enumerate(counts))
        body += f"<tr><th scope='row'>{name}</th>{cells}</tr>"
    caption = "confusion: rows are true, columns predicted"
    caption += "" if publication.metrics else " (not held out)"
    return (
        f"<table><caption>{caption}</caption><thead><tr><th></th>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )


def _cell(count: int, share: float, *, right: bool) -> str:
    # Transparent tints keep the theme's text color readable on light and on dark.
    color = "42,157,143" if right else "231,111,81"
    tint = 0.12 + 0.55 * share if count else 0.04
    style = f"background:rgba({color},{tint:.2f})"
    return f"<td style='{style}' title='{share:.0%} of the row'>{count}</td>"


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
        return f"{feature.minimum:g} to {feature.maximum:g}{unit}"
    if feature.categories:
        shown = ", ".join(str(c) for c in feature.categories[:6])
        more = ", ..." if len(feature.categories) > 6 or feature.open_categories else ""
        return f"{shown}{more}{unit}"
    return unit.strip()


def _estimator(contract: Contract) -> str:
    text = contract.training.estimator
    return text if len(text) <= 160 else f"{text[:157]}..."
