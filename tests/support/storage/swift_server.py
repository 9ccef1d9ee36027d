"""OpenStack Swift with its S3 API in one process: ``swift_server.py FOLDER HOST PORT``.

Run by the Python of an environment that has Swift. Proxy, account, container and object server are
Swift's own, each on a port of its own; there is one device, and one replica of each object.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

warnings.filterwarnings("ignore", category=DeprecationWarning)  # eventlet is on its way out

import eventlet  # noqa: E402

eventlet.monkey_patch()

from eventlet import wsgi  # noqa: E402
from swift.common import utils  # noqa: E402
from swift.common.http_protocol import SwiftHttpProtocol  # noqa: E402
from swift.common.ring import RingBuilder  # noqa: E402
from swift.common.storage_policy import reload_storage_policies  # noqa: E402
from swift.common.wsgi import loadapp  # noqa: E402

USER, KEY = "test:tester", "testing"
_CLUSTER = """\
[swift-hash]
swift_hash_path_suffix = test
[storage-policy:0]
name = one
default = yes
"""
_BACKEND = """\
[DEFAULT]
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""
# As Swift's documentation of s3api has it, without the cache, which would be memcached.
_PROXY = """\
[DEFAULT]
swift_dir = {folder}
[pipeline:main]
pipeline = catch_errors gatekeeper s3api tempauth bulk slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:s3api]
use = egg:swift#s3api
[filter:tempauth]
use = egg:swift#tempauth
user_{user} = {key} .admin
[filter:bulk]
use = egg:swift#bulk
[filter:slo]
use = egg:swift#slo
"""


def main(folder: Path, host: str, port: int) -> None:
    """Serve until the process is ended."""
    (folder / "devices" / "disk").mkdir(parents=True, exist_ok=True)
    (folder / "swift.conf").write_text(_CLUSTER)
    utils.set_swift_dir(str(folder))
    reload_storage_policies()
    listeners = {}
    for kind in ("account", "container", "object"):
        listeners[kind] = eventlet.listen((host, 0))
        _write_ring(folder / f"{kind}.ring.gz", host, listeners[kind].getsockname()[1])
        (folder / f"{kind}.conf").write_text(_BACKEND.format(folder=folder, kind=kind))
    proxy = _PROXY.format(folder=folder, user=USER.replace(":", "_"), key=KEY)
    (folder / "proxy.conf").write_text(proxy)
    listeners["proxy"] = eventlet.listen((host, port))
    for kind, listener in listeners.items():
        eventlet.spawn(_serve, listener, loadapp(str(folder / f"{kind}.conf")))
    eventlet.event.Event().wait()


def _write_ring(file: Path, host: str, port: int) -> None:
    """Write where everything is: on the one device."""
    builder = RingBuilder(part_power=1, replicas=1, min_part_hours=0)
    where = {"ip": host, "port": port, "replication_ip": host, "replication_port": port}
    builder.add_dev({"id": 0, "region": 1, "zone": 1, "weight": 1, "device": "disk"} | where)
    builder.rebalance()
    builder.get_ring().save(str(file))


def _serve(listener: object, app: object) -> None:
    # As Swift itself does it: the S3 protocol has an "ETag", and no "Etag".
    options = {"protocol": SwiftHttpProtocol, "capitalize_response_headers": False}
    wsgi.server(listener, app, **options)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), sys.argv[2], int(sys.argv[3]))
