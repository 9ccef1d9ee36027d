"""The parts of uvicorn that are not documented and on which this service depends.

Each test fails with a sentence that names the part that changed and what depends on it. Read the
new release's source there, adapt the dependent code, run `tests/service/protocol` and
`tests/service/connections`, and widen the range of versions in `inference/pyproject.toml`.
"""

from __future__ import annotations

import asyncio
import dis
import inspect
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.server import ServerState

from inference.web.transport.connection import HttpConnection
from inference.web.transport.draining_server import DrainingServer
from inference.web.transport.flow_control import ConnectionFlow
from support.fake_transport import FakeTransport

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD = b"POST /a?b=c HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n"

CONNECTION = "inference.web.transport.connection"
READER = "inference.web.transport.message_reader"
FAST_PATH = "inference.web.transport.fast_path"
FLOW = "inference.web.transport.flow_control"
KEEP_ALIVE = "inference.web.transport.keep_alive"
SERVER = "inference.web.transport.draining_server"
WORKER = "inference.process.worker"


def message(part: str, dependent: str, use: str) -> str:
    return f"uvicorn {uvicorn.__version__}: {part} has changed; {dependent} {use}"


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answer nothing until the client leaves."""
    assert scope["type"] == "http"
    while (await receive())["type"] != "http.disconnect":
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    with asyncio.Runner() as runner:
        yield runner.get_loop()


@pytest.fixture
def config() -> uvicorn.Config:
    return uvicorn.Config(application, log_config=None, proxy_headers=False, timeout_keep_alive=7)


@pytest.fixture
def state() -> ServerState:
    return ServerState()


@pytest.fixture
def protocol(
    loop: asyncio.AbstractEventLoop, config: uvicorn.Config, state: ServerState
) -> HttpToolsProtocol:
    return HttpToolsProtocol(config=config, server_state=state, app_state={}, _loop=loop)


# -- methods: the name, its parameters, and whether the base class defines it ----------------------

METHODS = [
    (HttpToolsProtocol, "__init__", ["config", "server_state", "app_state", "_loop"], CONNECTION,
     "passes these parameters on"),
    (HttpToolsProtocol, "connection_made", ["transport"], CONNECTION,
     "passes a LingeringTransport to it"),
    (HttpToolsProtocol, "connection_lost", ["exc"], CONNECTION, "extends it"),
    (HttpToolsProtocol, "data_received", ["data"], CONNECTION, "replaces it"),
    (HttpToolsProtocol, "on_message_begin", [], CONNECTION, "extends it"),
    (HttpToolsProtocol, "on_url", ["url"], CONNECTION, "reads the URL that it collects"),
    (HttpToolsProtocol, "on_header", ["name", "value"], CONNECTION,
     "reads the headers that it collects"),
    (HttpToolsProtocol, "on_headers_complete", [], CONNECTION,
     "calls it when the application is to answer"),
    (HttpToolsProtocol, "on_body", ["body"], CONNECTION, "calls it with each piece of a body"),
    (HttpToolsProtocol, "on_message_complete", [], CONNECTION, "calls it at the end of a body"),
    (HttpToolsProtocol, "on_response_complete", [], CONNECTION,
     "replaces it, so that the idle timer is its own"),
    (HttpToolsProtocol, "_start_asgi_task", ["cycle", "app"], CONNECTION,
     "extends it to learn which request is running"),
    (HttpToolsProtocol, "shutdown", [], CONNECTION, "delays it on idle connections"),
    (HttpToolsProtocol, "pause_writing", [], FLOW, "learns from it that the client does not read"),
    (HttpToolsProtocol, "resume_writing", [], FLOW, "learns from it that the client reads again"),
    (RequestResponseCycle, "run_asgi", ["app"], CONNECTION, "has it run by a task"),
    (RequestResponseCycle, "send", ["message"], KEEP_ALIVE, "replaces it to add headers"),
    (FlowControl, "__init__", ["transport"], FLOW, "extends it"),
    (FlowControl, "pause_reading", [], FLOW, "calls it after a large packet"),
    (FlowControl, "resume_reading", [], FLOW, "suppresses it while requests wait"),
    (FlowControl, "pause_writing", [], FLOW, "extends it by a time limit"),
    (FlowControl, "resume_writing", [], FLOW, "extends it by a time limit"),
    (uvicorn.Server, "__init__", ["config"], SERVER, "extends it"),
    (uvicorn.Server, "run", ["sockets"], WORKER, "calls it"),
    (uvicorn.Server, "serve", ["sockets"], WORKER, "writes heartbeats around it"),
    (uvicorn.Server, "startup", ["sockets"], SERVER, "extends it"),
    (uvicorn.Server, "shutdown", ["sockets"], SERVER, "accepts what waits before it"),
    (uvicorn.Server, "on_tick", ["counter"], SERVER,
     "calls it with 0 to update the Date header"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("owner", "name", "parameters", "dependent", "use"),
    METHODS,
    ids=[f"{owner.__name__}.{name}" for owner, name, *_ in METHODS],
)
def test_method_has_the_expected_parameters(
    owner: type, name: str, parameters: list[str], dependent: str, use: str
) -> None:
    method = vars(owner).get(name)
    text = message(f"the method {owner.__name__}.{name}", dependent, use)
    assert callable(method), text
    assert list(inspect.signature(method).parameters)[1:] == parameters, text


def test_no_method_of_uvicorn_is_overridden_unnoticed() -> None:
    """A new method of uvicorn that has the name of one of ours would be replaced."""
    allowed = {(owner, name) for owner, name, *_ in METHODS}
    pairs = {HttpConnection: HttpToolsProtocol, ConnectionFlow: FlowControl}
    for ours, theirs in [*pairs.items(), (DrainingServer, uvicorn.Server)]:
        both = {n for n in vars(ours) if callable(vars(ours)[n])} & set(vars(theirs))
        unexpected = {n for n in both if (theirs, n) not in allowed}
        assert not unexpected, message(
            f"{theirs.__name__} has the methods {sorted(unexpected)} and",
            ours.__name__,
            "hides them",
        )


def test_no_attribute_of_uvicorn_is_replaced_unnoticed(protocol: HttpToolsProtocol) -> None:
    stored = dis.get_instructions(HttpConnection.__init__)
    ours = {step.argval for step in stored if step.opname == "STORE_ATTR"}
    assert len(ours) > 5
    both = ours & set(vars(protocol))
    text = f"HttpToolsProtocol has the attributes {sorted(both)} and"
    assert not both, message(text, CONNECTION, "uses the names for its own")


# -- attributes and their first values -------------------------------------------------------------

PROTOCOL_ATTRIBUTES: list[tuple[str, Any, str, str]] = [
    ("timeout_keep_alive", 7, CONNECTION, "passes the time to its idle timer"),
    ("headers", None, CONNECTION, "takes None for a connection without a message"),
    ("cycle", None, CONNECTION, "takes None for a connection without a request"),
    ("client", None, CONNECTION, "counts connections by the client's address"),
    ("expect_100_continue", False, FAST_PATH, "leaves such requests to the application"),
    ("parser", ..., READER, "feeds the parser, and replaces it after an offer to upgrade"),
    ("pipeline", ..., FLOW, "reads nothing while it has requests"),
    ("loop", ..., CONNECTION, "sets its timers on it"),
    ("tasks", ..., FAST_PATH, "adds its tasks, so that a shutdown waits for them"),
    ("connections", ..., CONNECTION, "compares their number with the limit"),
    ("server_state", ..., FAST_PATH, "takes the default headers from it and counts requests in it"),
    ("transport", None, CONNECTION, "replaces it by a LingeringTransport"),
    ("flow", None, CONNECTION, "replaces it by a ConnectionFlow"),
]


@pytest.mark.parametrize(
    ("name", "value", "dependent", "use"),
    PROTOCOL_ATTRIBUTES,
    ids=[a[0] for a in PROTOCOL_ATTRIBUTES],
)
def test_connection_has_the_expected_attribute(
    protocol: HttpToolsProtocol, name: str, value: Any, dependent: str, use: str
) -> None:
    text = message(f"the attribute HttpToolsProtocol.{name}", dependent, use)
    assert hasattr(protocol, name), text
    assert value is ... or getattr(protocol, name) == value, text


@pytest.mark.parametrize(
    ("name", "value", "use"),
    [
        ("connections", set(), "tells each of them that the service stops"),
        ("tasks", set(), "waits for them"),
        ("total_requests", 0, "counts requests in it"),
        ("default_headers", [], "expects a new list when the date changes"),
    ],
)
def test_server_state_has_the_expected_attribute(
    state: ServerState, name: str, value: Any, use: str
) -> None:
    assert getattr(state, name, None) == value, message(f"ServerState.{name}", SERVER, use)


@pytest.mark.parametrize(
    ("name", "value", "dependent", "use"),
    [
        ("_captured_signals", [], SERVER, "ends the drain at a second signal"),
        ("started", False, WORKER, "takes it for the exit status"),
        ("should_exit", False, WORKER, "ignores errors of the loop's end after it"),
    ],
)
def test_server_has_the_expected_attribute(
    config: uvicorn.Config, name: str, value: Any, dependent: str, use: str
) -> None:
    server = uvicorn.Server(config)
    assert getattr(server, name, None) == value, message(f"Server.{name}", dependent, use)


def test_flow_control_has_the_expected_attributes() -> None:
    flow = FlowControl(FakeTransport())
    for name in ("read_paused", "write_paused"):
        text = message(f"FlowControl.{name}", FAST_PATH, "decides by it whether it may answer")
        assert getattr(flow, name, None) is False, text


def test_status_lines_are_whole() -> None:
    text = message("STATUS_LINE", FAST_PATH, "writes it at the beginning of each answer")
    assert STATUS_LINE[200] == b"HTTP/1.1 200 OK\r\n", text
    assert STATUS_LINE[503] == b"HTTP/1.1 503 Service Unavailable\r\n", text


# -- behavior --------------------------------------------------------------------------------------


def test_server_takes_any_callable_for_the_class(config: uvicorn.Config) -> None:
    nothing: Any = None
    factory: Any = partial(HttpConnection, context=nothing)
    config.http = factory
    config.load()
    text = message("Config(http=...)", WORKER, "passes a functools.partial instead of a class")
    assert config.http_protocol_class is factory, text


def test_date_header_is_in_a_new_list_after_a_tick(
    loop: asyncio.AbstractEventLoop, config: uvicorn.Config
) -> None:
    config.load()
    server = uvicorn.Server(config)
    loop.run_until_complete(server.on_tick(0))
    first = server.server_state.default_headers
    loop.run_until_complete(server.on_tick(0))
    text = message("Server.on_tick", FAST_PATH, "encodes the default headers once per list")
    assert [name for name, _ in first] == [b"date", b"server"], text
    assert server.server_state.default_headers is not first, text


def test_request_in_pieces_reaches_a_cycle_of_the_expected_form(
    loop: asyncio.AbstractEventLoop, protocol: HttpToolsProtocol
) -> None:
    """From the head to the client's leave, as HttpConnection uses what uvicorn makes of it."""
    protocol.connection_made(FakeTransport())
    protocol.parser.feed_data(HEAD[:-2])
    text = message("HttpToolsProtocol.on_message_begin", CONNECTION, "reads scope, url and headers")
    assert protocol.scope["headers"] is protocol.headers, text
    assert protocol.url == b"/a?b=c", text
    assert protocol.headers[0] == (b"host", b"h"), text

    protocol.parser.feed_data(HEAD[-2:])
    cycle = protocol.cycle
    for name in ("keep_alive", "response_started", "response_complete", "disconnected"):
        text = message(f"RequestResponseCycle.{name}", FAST_PATH, "has the same in PendingAnswer")
        assert getattr(cycle, name, None) is (name == "keep_alive"), text
    text = message("HttpToolsProtocol.on_headers_complete", CONNECTION, "expects a task to start")
    assert len(protocol.tasks) == 1, text

    protocol.connection_lost(ConnectionResetError())
    text = message("HttpToolsProtocol.connection_lost", FAST_PATH, "learns from it of a disconnect")
    assert cycle.disconnected, text
    assert cycle.message_event.is_set(), text
    loop.run_until_complete(asyncio.wait(protocol.tasks, timeout=10))


def test_shutdown_closes_after_the_answer(
    loop: asyncio.AbstractEventLoop, protocol: HttpToolsProtocol
) -> None:
    transport = FakeTransport()
    protocol.connection_made(transport)
    protocol.parser.feed_data(HEAD)
    protocol.shutdown()
    text = message("HttpToolsProtocol.shutdown", CONNECTION, "expects it to clear keep_alive")
    assert protocol.cycle.keep_alive is False, text
    assert not transport.closed, text
    protocol.connection_lost(None)
    loop.run_until_complete(asyncio.wait(protocol.tasks, timeout=10))
