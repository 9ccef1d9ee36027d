"""The commands: ``exporter publish MODEL --name NAME --sample CSV``, ``exporter keygen NAME``."""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import pandas as pd

from exporter.errors import ArgumentError, DataError, ExporterError, ModelError, OptionError
from exporter.publish import publish
from exporter.signing import make_key

if TYPE_CHECKING:
    from exporter.publication import Publication

_OK, _REFUSED, _USAGE = 0, 1, 2
_SUFFIXES = (".joblib", ".pkl", ".pickle")


def main(arguments: list[str] | None = None) -> int:
    """Run the command.

    Returns:
        The exit status: 0 published, 1 refused or failed, 2 wrong use.
    """
    options = _parser().parse_args(arguments)
    try:
        if options.command == "keygen":
            return _make_key(options.name, options.out)
        publication = _publish(options)
        sys.stdout.write(f"{publication}\n")
        if options.wait is not None:
            publication.wait(options.wait)
            sys.stdout.write(f"served at {publication.predict_url}\n")
    except ArgumentError as error:
        sys.stderr.write(f"exporter: {error}\n")
        return _USAGE
    except ExporterError as error:
        sys.stderr.write(f"exporter: {error}\n")
        return _REFUSED
    return _OK


def load_model(path: Path) -> Any:
    """Load a model from a joblib or pickle file, which runs the code in it.

    Raises:
        ModelError: It is no such file, or cannot be loaded here; says why.
    """
    if path.suffix not in _SUFFIXES:
        raise ModelError(f"{path} is no {' or '.join(_SUFFIXES)} file: save it by joblib.dump()")
    sys.stderr.write(f"exporter: loading {path} runs the code in it: do so only if you trust it\n")
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            model = joblib.load(path)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}") from None
    except ModuleNotFoundError as error:
        raise ModelError(f"{path} needs the package {error.name!r}: install it first") from None
    except (AttributeError, ImportError) as error:
        raise ModelError(f"{path} needs code that is not here: {error}") from None
    except Exception as error:  # noqa: BLE001 - a pickle may raise whatever it likes
        raise ModelError(f"{path} holds no model: {error}") from None
    for warning in told:
        # Another version of scikit-learn, most often: the file is compared with what was loaded,
        # so nobody but the user can say whether that is still the model that was trained.
        sys.stderr.write(f"exporter: {' '.join(str(warning.message).split())}\n")
    return model


def read_rows(
    path: Path, model: Any, target: str | None
) -> tuple[pd.DataFrame, pd.Series[Any] | None]:
    """Read rows from a CSV file with a head line.

    Args:
        path: The file.
        model: The model; its column names choose among the file's, where it knows them.
        target: The column with the true answers, left out of the rows.

    Raises:
        DataError: It cannot be read.
        OptionError: There is no such target column.
    """
    try:
        frame = pd.read_csv(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, pd.errors.ParserError) as error:
        raise DataError(f"{path} is no CSV file with a head line: {error}") from None
    if target is not None and target not in frame.columns:
        raise OptionError(f"{path} has no column {target!r}; it has {', '.join(frame.columns)}")
    answers = None if target is None else frame[target]
    names = getattr(model, "feature_names_in_", None)
    if names is not None and set(names) <= set(frame.columns):
        return frame[list(names)], answers
    return frame.drop(columns=[] if target is None else [target]), answers


def _publish(options: argparse.Namespace) -> Publication:
    if options.evaluate is not None and options.target is None:
        raise OptionError("--evaluate needs --target: the column with the true answers")
    units = dict(_split_unit(text) for text in options.unit)
    model = load_model(options.model)
    rows, answers = read_rows(options.sample, model, options.target)
    held_out = None
    if options.evaluate is not None:
        held_out = read_rows(options.evaluate, model, options.target)
    return publish(
        model,
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
        progress=False if options.quiet else None,
    )


def _make_key(name: str, out: Path | None) -> int:
    if not name or any(c.isspace() or c in "#/" for c in name):
        raise OptionError(f"{name!r} is no name: leave blanks, '/' and '#' out")
    path = out or Path(f"{name}.key")
    signer = make_key(path)
    sys.stderr.write(
        f"exporter: the private key is in {path}: keep it secret, and sign with sign_with={path}\n"
        "exporter: this line belongs into the file that INFERENCE_TRUSTED_KEYS_FILE names:\n"
    )
    sys.stdout.write(f"{signer.trusted_line(name)}\n")
    return _OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="exporter", description="Publish scikit-learn models as ONNX files."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    command = commands.add_parser(
        "publish",
        help="publish a model saved by joblib or pickle",
        description="Publish a fitted model saved by joblib or pickle. Loading such a file runs "
        "the code in it: publish only files that you trust.",
    )
    command.add_argument("model", type=Path, metavar="MODEL", help="a .joblib or .pkl file")
    command.add_argument("--name", required=True, help="what to call the model")
    command.add_argument(
        "--sample", required=True, type=Path, metavar="CSV", help="the rows it was fitted on"
    )
    command.add_argument("--target", metavar="COLUMN", help="the column with the true answers")
    command.add_argument(
        "--evaluate", type=Path, metavar="CSV", help="rows it has never seen, for the metrics"
    )
    command.add_argument("--description", help="free text for people who choose a model")
    command.add_argument(
        "--unit",
        action="append",
        default=[],
        metavar="FEATURE=UNIT",
        help="a feature's unit; may be given again",
    )
    command.add_argument(
        "--models-dir", type=Path, metavar="DIR", help="default: EXPORTER_MODELS_DIR or models"
    )
    command.add_argument("--url", help="the service; default: EXPORTER_URL, or the local one")
    command.add_argument(
        "--tolerance", type=float, metavar="DIFFERENCE", help="largest difference accepted"
    )
    command.add_argument(
        "--wait", type=float, metavar="SECONDS", help="wait until the service serves it"
    )
    command.add_argument(
        "--sign-with", type=Path, metavar="KEY", help="sign it; default: EXPORTER_SIGN_WITH"
    )
    command.add_argument("--quiet", action="store_true", help="show no progress")
    keygen = commands.add_parser("keygen", help="make a key pair to sign models with")
    keygen.add_argument("name", metavar="NAME", help="whose key it is")
    keygen.add_argument("--out", type=Path, metavar="FILE", help="default: NAME.key")
    return parser


def _split_unit(text: str) -> tuple[str, str]:
    name, found, unit = text.partition("=")
    if not found or not name:
        raise OptionError(f"--unit {text!r} has to be FEATURE=UNIT, such as body_mass_g=g")
    return name, unit


if __name__ == "__main__":
    sys.exit(main())
