"""The commands' arguments and help texts."""

from __future__ import annotations

import argparse
import textwrap
from importlib.metadata import version
from pathlib import Path

from inference.cli.environment import PAGE
from inference.settings import PREFIX, Settings

_MOST_USED = (
    "models_dir",
    "state_dir",
    "host",
    "port",
    "workers",
    "keep_versions",
    "api_keys_file",
    "allow_anonymous",
    "max_body_bytes",
    "log_format",
)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="inference", description="Serve ONNX models from a folder, live and without restart."
    )
    parser.add_argument("--version", action="version", version=f"inference {version('inference')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser(
        "serve",
        help="start the service",
        description="Serve the models folder until a stop signal arrives.",
        epilog=_settings_help(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    check = commands.add_parser("check", help="examine a file like the service does")
    check.add_argument("file", type=Path, metavar="FILE", help="an ONNX file")
    _add_json(check, "print the report as JSON")
    _add_sync(commands)
    _add_key(commands)
    _add_operations(commands)
    return parser


def _add_sync(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    sync = commands.add_parser(
        "sync",
        help="copy models from an object store into a folder",
        description="Copy the models of an object store into a folder, as the service does with "
        "INFERENCE_MODELS_URL, until a stop signal arrives. Each version is copied whole. "
        "Credentials come from the standard variables of each cloud.",
        epilog="INFERENCE_KEEP_VERSIONS, INFERENCE_SYNC_SECONDS and INFERENCE_VANISHED_SECONDS "
        "apply. With --once, the exit status is 0 if everything was copied, and 1 if the store "
        "did not answer or a version could not be copied.",
    )
    sync.add_argument("source", metavar="URL", help="such as s3://bucket/models")
    sync.add_argument("folder", type=Path, metavar="FOLDER", help="the models folder")
    sync.add_argument("--once", action="store_true", help="copy once, and end")


def _add_key(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    key = commands.add_parser(
        "key",
        help="create an API key and its entry for the key file",
        description="Create an API key. The command prints the entry for the key file to standard "
        "output and the key to standard error: 'inference key NAME >> keys.txt' adds the entry to "
        "the file and shows the key once.",
    )
    key.add_argument("name", metavar="NAME", help="the key's name in the log and in metrics")
    key.add_argument(
        "--scope", default="predict", help="predict, admin, or predict,admin; default: predict"
    )
    _add_json(key, "print name, key and entry as JSON to standard output")


def _add_operations(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands that send requests to the running service."""

    def add(name: str, summary: str, more: str = "") -> argparse.ArgumentParser:
        command = commands.add_parser(
            name,
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.{more}",
            epilog="The command connects to INFERENCE_URL, or else to INFERENCE_HOST and "
            "INFERENCE_PORT, and sends the API key in INFERENCE_API_KEY.",
        )
        command.add_argument("--url", help="the service's address; default: INFERENCE_URL")
        _add_json(command, "print the answer of the service as JSON")
        return command

    def add_model(command: argparse.ArgumentParser) -> None:
        command.add_argument("model", metavar="MODEL", help="the model's name")

    add("models", "list the models of the running service")
    select = add("select", "select the model that /predict/ uses")
    add_model(select)
    select.add_argument(
        "--version", type=_positive, metavar="N", help="a version; default: the active one"
    )
    pin = add("pin", "pin the active version of a model, or use the highest ready one")
    add_model(pin)
    pin.add_argument(
        "version", type=_version, metavar="VERSION", help="a version's number, or 'latest'"
    )
    add_model(add("load", "put an unloaded model back into service"))
    add_model(add("unload", "take a model out of service"))
    predict = add(
        "predict",
        "predict with a model",
        " Reads one record, a list of records, or a list of rows, as JSON from standard input.",
    )
    predict.add_argument(
        "model", nargs="?", metavar="MODEL", help="the model's name; default: the selected model"
    )
    predict.add_argument("--version", type=_positive, metavar="N", help="one version of MODEL")
    source = predict.add_mutually_exclusive_group()
    source.add_argument("--data", metavar="JSON", help="the records")
    source.add_argument("--file", type=Path, metavar="FILE", help="a file with the records")


def _add_json(command: argparse.ArgumentParser, what: str) -> None:
    command.add_argument("--json", action="store_true", help=what)


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"'{text}' is not a version: versions are 1, 2, 3, ...")
    return int(text)


def _version(text: str) -> int | str:
    return text if text == "latest" else _positive(text)


def _settings_help() -> str:
    """Return the most used settings with their defaults."""
    lines = [
        f"Settings are environment variables. {PAGE} lists all of them. The ten most used are:",
        "",
    ]
    for name in _MOST_USED:
        field = Settings.fields[name]
        default = "unset" if field.default is None else str(field.default)
        default = default.lower() if isinstance(field.default, bool) else default
        lines.append(f"  {PREFIX}{name.upper()} (default: {default})")
        text = textwrap.wrap(field.description, 72)
        lines += [f"      {line}" for line in text]
    return "\n".join(lines)
