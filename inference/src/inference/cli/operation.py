"""The commands that send requests to the running service."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

from inference.cli.client import Client, RequestFailedError, path_of, quoted
from inference.cli.exit_status import OK
from inference.cli.table import list_models, list_predictions, print_text
from inference.errors import SettingError

if TYPE_CHECKING:
    from argparse import Namespace

    from inference.settings import Settings


def operate(options: Namespace, settings: Settings) -> int:
    """Send the request of a command, and print the answer.

    Raises:
        SettingError: The options are invalid.
        RequestFailedError: The service does not answer, or refuses the request.
    """
    client = Client(settings, options.url)
    answer = _ask(client, options)
    try:
        text = json.dumps(answer, indent=2) if options.json else _format(options, answer)
    except (KeyError, TypeError, AttributeError, ValueError, IndexError):
        raise RequestFailedError(client.other_service) from None
    print_text(text)
    return OK


def _ask(client: Client, options: Namespace) -> Any:
    match options.command:
        case "models":
            answer = client.ask("GET", "/models")
            if not isinstance(answer, dict) or "models" not in answer:
                raise RequestFailedError(client.other_service)
            return answer
        case "select":
            version = f"&version={options.version}" if options.version else ""
            return client.ask("POST", f"/select-model/?model={quoted(options.model)}{version}")
        case "pin":
            body = json.dumps({"version": options.version}).encode()
            return client.ask("PUT", f"{path_of(options.model)}/active", body)
        case "load" | "unload":
            path = f"/v2/repository/models/{quoted(options.model)}/{options.command}"
            return client.ask("POST", path, b"{}")
        case _:
            return client.ask("POST", _predict_path(options), _records(options))


def _predict_path(options: Namespace) -> str:
    if options.model is not None:
        return f"{path_of(options.model, options.version)}/predict"
    if options.version is not None:
        raise SettingError("--version needs MODEL: the version belongs to a model")
    return "/predict/"


def _records(options: Namespace) -> bytes:
    if options.data is not None:
        return os.fsencode(options.data)  # the original bytes of the argument
    if options.file is not None:
        try:
            content: bytes = options.file.read_bytes()
        except OSError as error:
            raise SettingError(f"{options.file} cannot be read: {error.strerror}") from None
        return content
    if sys.stdin.isatty():
        sys.stderr.write("Reading records as JSON from standard input; end with Ctrl-D.\n")
    return sys.stdin.buffer.read()


def _format(options: Namespace, answer: Any) -> str:
    match options.command:
        case "models":
            return list_models(answer)
        case "select":
            return str(answer["message"])
        case "pin":
            active = answer["active_version"]
            follows = "" if answer["pinned_version"] else " (follows the latest)"
            return f"active version of model '{answer['model']}': {active or 'none'}{follows}"
        case "load" | "unload":
            return f"model '{answer['name']}' is {options.command}ed"
        case _:
            return list_predictions(answer)
