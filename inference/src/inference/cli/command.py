"""Runs the command that the arguments name."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from inference.cli.environment import read_settings
from inference.cli.exit_status import REFUSED, USAGE
from inference.cli.parser import make_parser
from inference.errors import RookeryError, SettingError

if TYPE_CHECKING:
    from argparse import Namespace


def main(arguments: list[str] | None = None) -> int:
    """Run a command.

    Returns:
        The exit status: 0 for success, 1 if refused or failed, 2 for wrong arguments or settings.
    """
    if sys.stdout is None:  # the caller has closed it; what is written to this fails
        sys.stdout = open(os.open(os.devnull, os.O_RDONLY), "w")  # noqa: SIM115, PTH123
    options = make_parser().parse_args(arguments)
    try:
        status = _run(options)
        sys.stdout.flush()
    except SettingError as error:
        sys.stderr.writelines(f"inference: {line}\n" for line in str(error).splitlines())
        return USAGE
    except RookeryError as error:
        sys.stderr.write(f"inference: {error}\n")
        return REFUSED
    except OSError as error:  # of the output; all other failures have their own errors
        # The rest of the output would fail again when Python exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):  # a reader such as `head` may exit early
            what = "it failed" if options.command == "serve" else "the output cannot be written"
            sys.stderr.write(f"inference: {what}: {error.strerror}\n")
        return REFUSED
    except KeyboardInterrupt:
        return REFUSED
    return status


def _run(options: Namespace) -> int:
    # Each command imports only what it needs, so that it starts quickly.
    match options.command:
        case "key":
            from inference.cli.key import print_key  # noqa: PLC0415

            return print_key(options.name, options.scope, as_json=options.json)
        case "serve":
            from inference.cli.serve import run_service  # noqa: PLC0415

            return run_service(read_settings())
        case "check":
            from inference.cli.check import check_file  # noqa: PLC0415

            return check_file(options.file, read_settings(), as_json=options.json)
        case "sync":
            from inference.cli.sync import sync_models  # noqa: PLC0415

            read_settings()  # or a wrong setting would be reported as one of the command
            return sync_models(options.source, options.folder, once=options.once)
        case _:
            from inference.cli.operation import operate  # noqa: PLC0415

            return operate(options, read_settings())
