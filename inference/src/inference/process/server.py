"""Opens the sockets and runs the supervisor."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from typing import TYPE_CHECKING

from inference.access.setup import check_exposure
from inference.admission.trusted_keys import TrustedKeys
from inference.app import reserve_memory
from inference.logs import fields
from inference.monitoring.setup import check_prediction_log
from inference.process.log_setup import configure_log
from inference.process.sockets import CannotListenError, close_sockets, open_sockets
from inference.process.supervisor import Supervisor
from inference.telemetry.tracing.setup import check_tracing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from inference.settings import Settings

logger = logging.getLogger(__name__)


def serve(settings: Settings, *, ignored: Sequence[str] = ()) -> bool:
    """Serve until a stop signal arrives.

    Args:
        settings: The settings.
        ignored: Names of settings that Kubernetes has set, and that were ignored.

    Returns:
        Whether the service ever served; if not, the log and standard error say why.

    Raises:
        SettingError: The settings are invalid.
    """
    check_exposure(settings)
    check_prediction_log(settings)
    if settings.trusted_keys_file is not None:
        TrustedKeys(settings.trusted_keys_file)
    check_tracing(settings)
    configure_log(settings)
    try:
        sockets = open_sockets(settings)
    except CannotListenError as error:
        sys.stderr.write(f"inference: {error}\n")
        return False
    if ignored:
        logger.warning(
            "ignored: %s; Kubernetes has set it for a Service of that name, so the default "
            "applies: set a number, or 'enableServiceLinks: false' in the pod",
            ", ".join(ignored),
            extra=fields("ignored-variables", names=list(ignored)),
        )
    logger.info("models: %s", settings.models_dir.absolute())
    _check_state_folder(settings.state_dir)
    prefix = settings.root_path
    if settings.unix_socket is not None:
        where = settings.unix_socket.absolute()
        logger.info("Unix socket: %s, Swagger at %s/docs", where, prefix)
    else:
        port = sockets[0].getsockname()[1]
        logger.info("Swagger: http://%s:%d%s/docs", settings.url_host, port, prefix)
    if len(sockets) > 1:
        # Forked workers share the pages of what the supervisor has imported. A single worker
        # imports it after its first answers.
        import inference.web.application  # noqa: F401, PLC0415
    try:
        return Supervisor(settings, sockets, reserve_memory(len(sockets))).run()
    finally:
        close_sockets(sockets)


def _check_state_folder(folder: Path) -> None:
    """Log if the state cannot be saved; predictions need no state."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return
    except OSError as error:
        reason = error.strerror
    logger.warning(
        "the state folder %s cannot be written (%s): selections, pins and unloads are refused, and "
        "files are examined again after each restart; mount a volume or a tmpfs there, writable by "
        "the user %d, or set INFERENCE_STATE_DIR",
        folder.absolute(),
        reason,
        os.geteuid(),
        extra=fields("state-unwritable", folder=str(folder), reason=reason),
    )
