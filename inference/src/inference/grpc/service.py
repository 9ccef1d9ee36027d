"""The calls of ``inference.GRPCInferenceService``."""

from __future__ import annotations

import contextlib
from importlib.metadata import version as distribution_version
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf import json_format

from inference.errors import (
    ConflictError,
    NotFoundError,
    NotReadyError,
    RequestError,
    TooLargeError,
)
from inference.grpc import protocol_pb2 as pb
from inference.grpc.messages import (
    Asked,
    parse_inference,
    parse_message,
    read_message,
    write_message,
)
from inference.oip import descriptions as describe
from inference.oip.errors import describe_error, find_status
from inference.repository.operations import load_model, unload_model
from inference.runtime.documents import Document, Subject, run_aside
from inference.runtime.threads import off_loop
from inference.serving.tensors.response import pick_results
from inference.serving.versions import find_servable, read_version
from inference.telemetry.statistics import collect_statistics
from inference.telemetry.timing import Timing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from inference.access.request_context import RequestContext
    from inference.grpc.call_guard import Calls
    from inference.model.servable import Servable
    from inference.repository.operator_state import StateFile
    from inference.repository.repository import Repository
    from inference.serving.inferrer import Inferrer
    from inference.serving.readiness import Readiness
    from inference.serving.tensors.query import Query
    from inference.telemetry.recorder import Recorder
    from inference.telemetry.statistics import ModelStatistics

    Numbers = dict[tuple[str, int], ModelStatistics]

NAME = "inference.GRPCInferenceService"
_ROUTE = "grpc"


class InferenceService:
    """Answers the calls.

    Args:
        repository: Where the models are.
        state_file: Where unloaded models are noted.
        inferrer: What answers for them.
        recorder: Counts every inference, and sums the statistics of every version.
        max_control_bytes: The longest message of a call that is not for an inference.
        readiness: Whether traffic may be sent here.
    """

    def __init__(  # noqa: PLR0913 - all that calls are answered from
        self,
        repository: Repository,
        state_file: StateFile,
        *,
        inferrer: Inferrer,
        recorder: Recorder,
        max_control_bytes: int,
        readiness: Readiness,
    ) -> None:
        self._repository = repository
        self._readiness = readiness
        self._state_file = state_file
        self._inferrer = inferrer
        self._recorder = recorder
        self._latency = recorder.latency
        self._max_control_bytes = max_control_bytes
        self._numbers = Document(lambda: Subject(None), self._collect)
        self._indexes = {ready: self._index(ready=ready) for ready in (False, True)}

    def handlers(self, calls: Calls) -> grpc.GenericRpcHandler:
        """Return the handlers of all calls.

        Args:
            calls: Authorizes and limits each call.
        """
        described: dict[str, tuple[Callable[[Any], Awaitable[Any]], Any]] = {
            "ServerLive": (self.server_live, pb.ServerLiveRequest),
            "ServerReady": (self.server_ready, pb.ServerReadyRequest),
            "ModelReady": (self.model_ready, pb.ModelReadyRequest),
            "ServerMetadata": (self.server_metadata, pb.ServerMetadataRequest),
            "ModelMetadata": (self.model_metadata, pb.ModelMetadataRequest),
            "ModelConfig": (self.model_config, pb.ModelConfigRequest),
            "ModelStatistics": (self.model_statistics, pb.ModelStatisticsRequest),
            "RepositoryIndex": (self.repository_index, pb.RepositoryIndexRequest),
            "RepositoryModelLoad": (self.load, pb.RepositoryModelLoadRequest),
            "RepositoryModelUnload": (self.unload, pb.RepositoryModelUnloadRequest),
        }
        methods = {
            name: calls.unary(name, self._parsed(call, kind))
            for name, (call, kind) in described.items()
        }
        refusals = self._counting_refusals
        methods["ModelInfer"] = calls.inference("ModelInfer", self.infer, refusals)
        methods["ModelStreamInfer"] = calls.stream("ModelStreamInfer", self.stream_infer, refusals)
        return grpc.method_handlers_generic_handler(NAME, methods)

    async def server_live(self, _: pb.ServerLiveRequest) -> pb.ServerLiveResponse:
        """Answer while the process is running."""
        return pb.ServerLiveResponse(live=True)

    async def server_ready(self, _: pb.ServerReadyRequest) -> pb.ServerReadyResponse:
        """Return whether the models found at startup are examined."""
        return pb.ServerReadyResponse(ready=self._readiness.state == "ready")

    async def model_ready(self, request: pb.ModelReadyRequest) -> pb.ModelReadyResponse:
        """Return whether a model is ready; a model that does not exist is not."""
        try:
            await self._find(request.name, request.version)
        except (NotFoundError, NotReadyError, ConflictError):
            return pb.ModelReadyResponse(ready=False)
        return pb.ModelReadyResponse(ready=True)

    async def server_metadata(self, _: pb.ServerMetadataRequest) -> pb.ServerMetadataResponse:
        """Return name and version of the server, and the extensions it supports."""
        return pb.ServerMetadataResponse(
            name=describe.SERVER_NAME,
            version=distribution_version("inference"),
            extensions=describe.EXTENSIONS,
        )

    async def model_metadata(self, request: pb.ModelMetadataRequest) -> pb.ModelMetadataResponse:
        """Return inputs and outputs."""
        servable = await self._find(request.name, request.version)
        model = self._repository.current().model(request.name)
        described = describe.describe_metadata(model, servable, whole=not request.version)
        return await run_aside(_fill, pb.ModelMetadataResponse(), described)

    async def model_config(self, request: pb.ModelConfigRequest) -> pb.ModelConfigResponse:
        """Return the configuration in Triton's format."""
        servable = await self._find(request.name, request.version)
        model = self._repository.current().model(request.name)
        described = describe.describe_config(model, servable)
        config = await run_aside(_fill, pb.ModelConfig(), described)
        return pb.ModelConfigResponse(config=config)

    async def model_statistics(
        self, request: pb.ModelStatisticsRequest
    ) -> pb.ModelStatisticsResponse:
        """Return request counts and the time spent in each phase."""
        version = read_version(request.version) if request.version else None
        snapshot = self._repository.current()
        asked = list(describe.ready_versions(snapshot, request.name or None, version))
        numbers = await self._numbers.get()
        return await run_aside(_statistics, asked, numbers)

    async def repository_index(
        self, request: pb.RepositoryIndexRequest
    ) -> pb.RepositoryIndexResponse:
        """Return every version with its state, and the reason if it is not ready."""
        return await self._indexes[request.ready].get()

    async def load(self, request: pb.RepositoryModelLoadRequest) -> pb.RepositoryModelLoadResponse:
        """Load a model, and respond when it is ready."""
        try:
            await load_model(self._repository, self._state_file, request.model_name)
        except ConflictError as error:
            raise RequestError(str(error)) from None
        return pb.RepositoryModelLoadResponse()

    async def unload(
        self, request: pb.RepositoryModelUnloadRequest
    ) -> pb.RepositoryModelUnloadResponse:
        """Unload a model."""
        await unload_model(self._repository, self._state_file, request.model_name)
        return pb.RepositoryModelUnloadResponse()

    async def infer(self, data: bytes, request: RequestContext) -> pb.ModelInferResponse:
        """Run inference with a model."""
        with self._counting_refusals():
            asked = await parse_inference(data)
        return await self._observed(asked, request)

    async def stream_infer(
        self, data: bytes, request: RequestContext, admit: Callable[[], None]
    ) -> tuple[pb.ModelStreamInferResponse, int]:
        """Answer a message of a stream; a refusal is an answer and does not end the stream.

        Returns:
            The answer, and its status.
        """
        id_ = ""
        try:
            with self._counting_refusals():
                admit()
                asked = await parse_inference(data)
            id_ = asked.request.id
            response = await self._observed(asked, request)
        except Exception as error:  # noqa: BLE001 - every error becomes a message
            status, message = describe_error(error)
            answer = pb.ModelStreamInferResponse(error_message=message)
            answer.infer_response.id = id_
            return answer, status
        return pb.ModelStreamInferResponse(infer_response=response), 200

    @contextlib.contextmanager
    def _counting_refusals(self) -> Iterator[None]:
        """Count a request that is refused in the block, before its model is known."""
        timing = Timing()
        try:
            yield
        except Exception as error:
            timing.finish()
            self._latency.observe(_ROUTE, None, find_status(error), timing)
            raise

    async def _observed(self, asked: Asked, context: RequestContext) -> pb.ModelInferResponse:
        timing = Timing()
        servable: Servable | None = None
        try:
            request = asked.request
            servable = await self._find(request.model_name, request.model_version, context)
            response = await self._infer(servable, asked, timing)
        except Exception as error:
            timing.finish()
            self._latency.observe(_ROUTE, servable, find_status(error), timing)
            raise
        timing.finish()
        self._latency.observe(_ROUTE, servable, 200, timing)
        return response

    async def _infer(
        self, servable: Servable, asked: Asked, timing: Timing
    ) -> pb.ModelInferResponse:
        def read() -> Query:
            return read_message(
                servable.signature,
                asked,
                max_rows=self._inferrer.max_rows,
                max_strings=self._inferrer.max_strings,
            )

        query = read() if asked.values is None else await off_loop(asked.values_bytes, read)
        timing.parse_ended()
        timing.rows = query.rows

        def write(values: list[Any]) -> pb.ModelInferResponse:
            return write_message(servable, query, pick_results(servable, query, values))

        return await self._inferrer.run(servable, query, write, timing)

    def _parsed(
        self, call: Callable[[Any], Awaitable[Any]], kind: Any
    ) -> Callable[[bytes], Awaitable[Any]]:
        async def answer(data: bytes) -> Any:
            if len(data) > self._max_control_bytes:
                raise TooLargeError(
                    f"the message is over the limit of {self._max_control_bytes:,} bytes "
                    "(INFERENCE_MAX_CONTROL_BYTES)"
                )
            return await call(parse_message(kind, data))

        return answer

    def _collect(self, _: Subject) -> Numbers:
        return collect_statistics(self._recorder.requests.items(), self._recorder.runs.items())

    def _index(self, *, ready: bool) -> Document[pb.RepositoryIndexResponse]:
        def make(subject: Subject) -> pb.RepositoryIndexResponse:
            kind = pb.RepositoryIndexResponse.ModelIndex
            entries = describe.list_index(subject.thing, ready=ready)
            return pb.RepositoryIndexResponse(models=[kind(**entry) for entry in entries])

        return Document(lambda: Subject(self._repository.current()), make)

    async def _find(
        self, name: str, version: str, request: RequestContext | None = None
    ) -> Servable:
        return await self._repository.find(
            lambda snapshot: find_servable(snapshot, name, version or None, request)
        )


def _fill(message: Any, described: dict[str, Any]) -> Any:
    known = {key: value for key, value in described.items() if key != "parameters"}
    return json_format.ParseDict(known, message)


def _statistics(asked: list[tuple[str, int]], numbers: Numbers) -> pb.ModelStatisticsResponse:
    described = describe.describe_statistics(asked, numbers)
    filled = [_fill(pb.ModelStatistics(), one) for one in described]
    return pb.ModelStatisticsResponse(model_stats=filled)
