"""Serving: opens the sockets, and has workers serve them."""

from __future__ import annotations

import logging
import socket
import sys
from typing import TYPE_CHECKING

from inference import log
from inference.app import reserve_memory
from inference.log import fields
from inference.model.plan import granted_cpus
from inference.process.supervisor import Supervisor
from inference.repository.trust import Trust
from inference.web.access.build import check_exposure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference.settings import Settings

logger = logging.getLogger(__name__)

_BACKLOG = 2048
_MOST_WORKERS = 8  # where nobody has said how many: each takes some 100 MB


def serve(settings: Settings, *, ignored: Sequence[str] = ()) -> bool:
    """Serve until a signal comes.

    Args:
        settings: What the operator can choose.
        ignored: Variables that look like settings and were not read, since Kubernetes sets them.

    Returns:
        Whether it ever served; otherwise the log and standard error say why not.

    Raises:
        SettingError: The settings do not go together.
    """
    check_exposure(settings)
    if settings.trusted_keys_file is not None:
        Trust(settings.trusted_keys_file)
    log.configure(
        settings.log_format,
        settings.log_level,
        values=settings.log_values,
        lines_per_second=settings.log_lines_per_second,
    )
    try:
        sockets = _listen(settings)
    except OSError as error:
        sys.stderr.write(
            f"inference: cannot listen on {settings.host}, port {settings.port}: {error.strerror}; "
            "choose others with INFERENCE_HOST and INFERENCE_PORT\n"
        )
        return False
    if ignored:
        logger.warning(
            "ignored: %s; Kubernetes has set it for a Service of that name, so the default holds: "
            "set a number, or 'enableServiceLinks: false' in the pod",
            ", ".join(ignored),
            extra=fields("ignored-variables", names=list(ignored)),
        )
    port = sockets[0].getsockname()[1]
    logger.info("models: %s", settings.models_dir.absolute())
    logger.info("Swagger: http://%s:%d/docs", settings.url_host, port)
    return Supervisor(settings, sockets, reserve_memory(len(sockets))).run()


def _listen(settings: Settings) -> list[socket.socket]:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    port = settings.port
    sockets: list[socket.socket] = []
    workers = settings.workers or min(granted_cpus(), _MOST_WORKERS)
    if workers > 1:
        # Another service's port is in use, but sockets that share ports would share it.
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((settings.host, port))
    for _ in range(workers):
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if workers > 1:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind((settings.host, port))
        listening.listen(_BACKLOG)
        port = listening.getsockname()[1]
        sockets.append(listening)
    return sockets
