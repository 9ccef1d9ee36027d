"""The commands: ``exporter publish MODEL --name NAME --sample CSV``, ``exporter keygen NAME``."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from exporter.data.answers.kinds import find_task
from exporter.data.boosters import as_estimator
from exporter.data.files import find_strings, load_model, read_rows
from exporter.data.logged_model import LoggedModel, is_logged_model, load_logged_model
from exporter.data.metrics import WITHOUT_TARGET
from exporter.delivery.signing import make_key
from exporter.errors import (
    ArgumentError,
    ConversionError,
    DataError,
    ExporterError,
    OptionError,
)
from exporter.mlflow_publishing import publish_logged
from exporter.publishing import publish

if TYPE_CHECKING:
    from exporter.publication import Publication

_OK, _REFUSED, _USAGE = 0, 1, 2


def main(arguments: list[str] | None = None) -> int:
    """Run the command.

    Returns:
        The exit status: 0 published, 1 refused or failed, 2 wrong use.
    """
    options = make_parser().parse_args(arguments)
    try:
        if options.command == "keygen":
            return _make_key(options.name, options.out, as_json=options.json)
        publication = _publish(options)
        if not options.json:
            _show(str(publication))
        if options.wait is not None:
            publication.wait(options.wait)
        if options.json:
            _show(json.dumps(_facts(publication, served=options.wait is not None), indent=2))
        elif options.wait is not None:
            _show(f"served at {publication.predict_url}")
    except ArgumentError as error:
        sys.stderr.write(f"exporter: {error}\n")
        return _USAGE
    except ExporterError as error:
        sys.stderr.write(f"exporter: {error}\n")
        return _REFUSED
    return _OK


def _publish(options: argparse.Namespace) -> Publication:
    units = dict(_split_unit(text) for text in options.unit)
    given = _load(options)
    model = given.model if isinstance(given, LoggedModel) else given
    if options.evaluate is not None and not options.target and _has_target(model):
        raise OptionError("--evaluate requires --target: the column with the true answers")
    read = partial(read_rows, separator=options.sep, text=options.text)
    rows = answers = held_out = None
    if options.sample is not None:
        rows, answers = read(options.sample, model, options.target)
    if options.evaluate is not None:
        held_out = read(options.evaluate, model, options.target)
    call = partial(
        publish_logged if isinstance(given, LoggedModel) else publish,
        given,
        options.name,
        rows,
        answers,
        evaluate=held_out,
        description=options.description,
        units=units,
        models_dir=options.models_dir,
        url=options.url,
        tolerance=options.tolerance,
        sign_with=options.sign_with,
        keep=options.keep,
        progress=False if options.quiet else None,
    )
    try:
        return call()
    except (ConversionError, DataError) as error:
        if rows is None:
            raise
        # Strings such as "01123" and "True" are guessed to be something else.
        forgotten = find_strings(options.sample, model, rows, options.sep)
        if not forgotten:
            raise
        passed = " ".join(f"--text {shlex.quote(column)}" for column in forgotten)
        raise DataError(
            f"{options.sample} was read with numbers or booleans in {', '.join(forgotten)}, where "
            f"the model was fitted on strings: pass {passed}"
        ) from error


def _load(options: argparse.Namespace) -> Any:
    """Load the model, from a file or from MLflow."""
    if is_logged_model(options.model):
        if options.sample is None and options.target:
            raise OptionError("--target requires --sample: the rows that have that column")
        return load_logged_model(options.model)
    if options.sample is None:
        raise OptionError("--sample is required: a CSV file with the rows it was fitted on")
    return load_model(Path(options.model))


def _has_target(model: Any) -> bool:
    return find_task(as_estimator(model)) not in WITHOUT_TARGET


def _show(text: str) -> None:
    """Write text, replacing characters that the terminal cannot print."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(f"{text}\n".encode(encoding, "replace").decode(encoding))


def _facts(publication: Publication, *, served: bool) -> dict[str, Any]:
    """Return a publication's facts for --json."""
    return {
        "name": publication.name,
        "version": publication.version,
        "unchanged": publication.unchanged,
        "removed": list(publication.removed),
        "served": served,
        "path": str(publication.path),
        "predict_url": publication.predict_url,
        "docs_url": publication.docs_url,
        "metrics": msgspec.to_builtins(publication.metrics),
        "parity": msgspec.to_builtins(publication.contract.parity),
    }


def _separator(text: str) -> str:
    return text.replace("\\t", "\t")


def _make_key(name: str, out: Path | None, *, as_json: bool = False) -> int:
    if not name or any(c.isspace() or c in "#/" for c in name):
        raise OptionError(f"{name!r} is not a valid key name: remove blanks, '/' and '#'")
    path = out or Path(f"{name}.key")
    signer = make_key(path)
    if as_json:
        made = {"name": name, "path": str(path), "entry": signer.trusted_line(name)}
        sys.stdout.write(f"{json.dumps(made)}\n")
        return _OK
    sys.stderr.write(
        f"exporter: the private key is in {path}: keep it secret, and sign with sign_with={path}\n"
        "exporter: add this line to the file that INFERENCE_TRUSTED_KEYS_FILE names:\n"
    )
    sys.stdout.write(f"{signer.trusted_line(name)}\n")
    return _OK


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="exporter", description="Publish scikit-learn models as ONNX files."
    )
    parser.add_argument("--version", action="version", version=f"exporter {version('notebooks')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_publish(commands)
    _add_keygen(commands)
    return parser


def _add_publish(commands: Any) -> None:
    command = commands.add_parser(
        "publish",
        help="publish a model saved by joblib or pickle, or stored in MLflow",
        description="Publish a fitted model saved by joblib or pickle, or stored in MLflow. "
        "Loading a model runs the code in it: publish only models that you trust.",
    )
    command.add_argument(
        "model",
        metavar="MODEL",
        help="a .joblib or .pkl file; or a URI of MLflow: models:/NAME@ALIAS, "
        "models:/NAME/VERSION, runs:/RUN/PATH",
    )
    command.add_argument("--name", required=True, help="the model's name")
    command.add_argument(
        "--sample",
        type=Path,
        metavar="CSV",
        help="the rows it was fitted on; for a URI of MLflow by default the logged input example",
    )
    command.add_argument(
        "--target",
        action="append",
        default=[],
        metavar="COLUMN",
        help="the column with the true answers; can be repeated, for several labels or values",
    )
    command.add_argument(
        "--evaluate", type=Path, metavar="CSV", help="held-out rows, for the metrics"
    )
    command.add_argument(
        "--sep",
        type=_separator,
        default=",",
        metavar="CHARACTER",
        help="the separator of the CSV files; default: ,",
    )
    command.add_argument(
        "--text",
        action="append",
        default=[],
        metavar="COLUMN",
        help="read this column as strings, such as 01123 or True; can be repeated",
    )
    _add_annotations(command)
    _add_delivery(command)


def _add_annotations(command: argparse.ArgumentParser) -> None:
    command.add_argument("--description", help="description of the model, as free text")
    command.add_argument(
        "--unit",
        action="append",
        default=[],
        metavar="FEATURE=UNIT",
        help="a feature's unit; can be repeated",
    )


def _add_delivery(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--models-dir",
        metavar="DIR",
        help="the models folder, or a bucket such as s3://bucket/models; default: "
        "EXPORTER_MODELS_DIR, or models",
    )
    command.add_argument(
        "--url", help="the service's address; default: EXPORTER_URL, or http://127.0.0.1:8000"
    )
    command.add_argument(
        "--tolerance",
        type=float,
        metavar="DIFFERENCE",
        help="the largest accepted difference; default: 1e-5, relative for regressions",
    )
    command.add_argument(
        "--wait", type=float, metavar="SECONDS", help="wait until the service serves the version"
    )
    command.add_argument(
        "--sign-with",
        type=Path,
        metavar="KEY",
        help="the private key to sign with; default: EXPORTER_SIGN_WITH",
    )
    command.add_argument(
        "--keep",
        type=int,
        metavar="N",
        help="remove all but the newest N versions, except those that the service needs; "
        "default: EXPORTER_KEEP, or keep all",
    )
    command.add_argument(
        "--json", action="store_true", help="print version, path and addresses as JSON"
    )
    command.add_argument("--quiet", action="store_true", help="show no progress")


def _add_keygen(commands: Any) -> None:
    keygen = commands.add_parser("keygen", help="make a key pair to sign models")
    keygen.add_argument("name", metavar="NAME", help="the key's name in the file of trusted keys")
    keygen.add_argument(
        "--out", type=Path, metavar="FILE", help="the file for the private key; default: NAME.key"
    )
    keygen.add_argument("--json", action="store_true", help="print path and entry as JSON")


def _split_unit(text: str) -> tuple[str, str]:
    name, found, unit = text.partition("=")
    if not found or not name:
        raise OptionError(f"--unit {text!r} must be FEATURE=UNIT, such as body_mass_g=g")
    return name, unit


if __name__ == "__main__":
    sys.exit(main())
