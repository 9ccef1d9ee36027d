"""The servers: moto and OpenStack Swift for S3, Azurite for Azure; see :mod:`.google`, too."""

from __future__ import annotations

import base64
import hmac
import subprocess
from abc import ABC, abstractmethod
from datetime import timedelta
from email.utils import formatdate
from pathlib import Path
from typing import Any, ClassVar, Self

import httpx
from obstore import sign
from obstore.store import S3Store

from support.project import ROOT
from support.service.ports import free_port
from support.service.process import eventually

TOOLS = ROOT / ".tools" / "storage"
_START_SECONDS = 60


class Server(ABC):
    """One server on a free port of this machine.

    Args:
        folder: What it may write to.
        host: The address of this machine to listen on.

    Attributes:
        port: Its port, the same after a restart.
    """

    scheme: ClassVar[str]

    def __init__(self, folder: Path, host: str = "127.0.0.1") -> None:
        self.folder = folder
        self.host = host
        self.port = free_port(host)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    @abstractmethod
    def command(self) -> list[str]:
        """What starts it."""

    @property
    @abstractmethod
    def environment(self) -> dict[str, str]:
        """The variables that a client needs."""

    @abstractmethod
    def make_bucket(self, name: str) -> None:
        """Make a bucket of a name."""

    def __enter__(self) -> Self:
        with (self.folder / "server.log").open("wb") as log:
            self._process = subprocess.Popen(
                self.command, cwd=self.folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        try:
            eventually(self._answers, within=_START_SECONDS, what=f"{self.command[0]} answers")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "server.log").read_text()
        try:
            httpx.get(self.address, trust_env=False, timeout=5)
        except httpx.TransportError:
            return False
        return True


class S3Server(Server):
    """A server that speaks Amazon S3's protocol."""

    scheme = "s3"
    user: ClassVar[str] = "testing"
    key: ClassVar[str] = "testing"
    region: ClassVar[str] = "us-east-1"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": self.user,
            "AWS_SECRET_ACCESS_KEY": self.key,
            "AWS_REGION": self.region,
            "AWS_ENDPOINT_URL": self.address,
            "AWS_ALLOW_HTTP": "true",
        }


class Moto(S3Server):
    """Amazon S3 by moto."""

    @property
    def command(self) -> list[str]:
        script = Path(__file__).with_name("moto_server.py")
        return [str(TOOLS / "bin" / "python"), str(script), self.host, str(self.port)]

    def make_bucket(self, name: str) -> None:
        """Make a bucket."""
        put = httpx.put(f"{self.address}/{name}", trust_env=False, timeout=60)
        assert put.status_code == 200, put.text


class Swift(S3Server):
    """Amazon S3 by OpenStack Swift, which checks conditions before it has the content."""

    user = "test:tester"

    @property
    def command(self) -> list[str]:
        program = Path(__file__).with_name("swift_server.py")
        python = str(TOOLS / "bin" / "python")
        return [python, str(program), str(self.folder), self.host, str(self.port)]

    def make_bucket(self, name: str) -> None:
        """Make a bucket by a signed request for its root."""
        client: Any = {"allow_http": True}
        store = S3Store(
            name,
            access_key_id=self.user,
            secret_access_key=self.key,
            region=self.region,
            endpoint=self.address,
            client_options=client,
        )
        url = sign(store, "PUT", "", timedelta(minutes=1))
        put = httpx.put(url, trust_env=False, timeout=60)
        assert put.status_code == 200, put.text


class Azurite(Server):
    """Azure Blob Storage by Microsoft's Azurite, with the account that it always has."""

    scheme = "az"
    account: ClassVar[str] = "devstoreaccount1"
    # Published by Microsoft: https://learn.microsoft.com/azure/storage/common/storage-use-azurite
    key: ClassVar[str] = (
        "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
    )

    @property
    def command(self) -> list[str]:
        options = ["--blobHost", self.host, "--blobPort", str(self.port)]
        program = TOOLS / "node_modules" / ".bin" / "azurite-blob"
        return [str(program), "--inMemoryPersistence", "--skipApiVersionCheck", *options]

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AZURE_STORAGE_ACCOUNT_NAME": self.account,
            "AZURE_STORAGE_ACCOUNT_KEY": self.key,
            "AZURE_STORAGE_ENDPOINT": f"{self.address}/{self.account}",
            "AZURE_ALLOW_HTTP": "true",
        }

    def make_bucket(self, name: str) -> None:
        """Make a container; the request is signed as Microsoft's "Shared Key" describes."""
        date = formatdate(usegmt=True)
        headers = {"x-ms-date": date, "x-ms-version": "2021-08-06"}
        listed = "".join(f"{key}:{value}\n" for key, value in headers.items())
        resource = f"/{self.account}/{self.account}/{name}\nrestype:container"
        text = "PUT" + "\n" * 12 + listed + resource
        digest = hmac.digest(base64.b64decode(self.key), text.encode(), "sha256")
        headers["authorization"] = f"SharedKey {self.account}:{base64.b64encode(digest).decode()}"
        address = f"{self.address}/{self.account}/{name}?restype=container"
        put = httpx.put(address, headers=headers, trust_env=False, timeout=30)
        assert put.status_code == 201, put.text
