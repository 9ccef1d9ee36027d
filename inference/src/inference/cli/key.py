"""``inference key``: create an API key and its entry for the key file."""

from __future__ import annotations

import json
import sys

from inference.access.api_key import make_key
from inference.cli.exit_status import OK


def print_key(name: str, scopes: str, *, as_json: bool = False) -> int:
    """Create a key; print its entry to standard output and the key to standard error.

    Raises:
        SettingError: The name or a scope is invalid.
    """
    key, entry = make_key(name, [scope.strip() for scope in scopes.split(",")])
    if as_json:
        sys.stdout.write(json.dumps({"name": name, "key": key, "entry": entry}) + "\n")
        return OK
    sys.stdout.write(f"{entry}\n")
    sys.stdout.flush()
    sys.stderr.write(
        f"The key of '{name}' is shown only once. Add its entry, on standard output, to the file "
        f"that INFERENCE_API_KEYS_FILE names.\n{key}\n"
    )
    return OK
