"""The model over a file: what it says of itself, what it sends, and what becomes of a run when its server dies."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import pytest
from providers.llamacpp.gguf_file import write_gguf
from transport.raw_server import Visit, raw_server, reply

from agentkit.agent import Agent
from agentkit.errors import ConfigurationError, DeadlineError, MissingExtraError
from agentkit.exchange import AttemptFailed, OutputFormat, Request, ToolDefinition
from agentkit.messages import user_message
from agentkit.models import Capabilities, ModelIdentity
from agentkit.providers import model
from agentkit.providers.llamacpp.model import LlamaCppModel
from agentkit.providers.llamacpp.model_file import ModelFileError
from agentkit.providers.llamacpp.options import ServerOptions
from agentkit.providers.llamacpp.server import Server
from agentkit.providers.llamacpp.servers import running_server
from agentkit.providers.llamacpp.watched import ServerDiedError
from agentkit.settings import Deadlines, Settings
from agentkit.transport.default import default_transport
from agentkit.transport.protocol import HttpRequest, Reply
from agentkit.usage import Cost

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("no_server_is_left")]

SHORT = Settings(max_output_tokens=60, seed=1)
ENDLESS = Settings(max_output_tokens=30_000, seed=1, extra={"llamacpp": {"ignore_eos": True}})
"""Takes minutes, so that the server can be killed meanwhile."""
NUMBER = {"type": "object", "properties": {"a": {"type": "number"}}, "required": ["a"], "additionalProperties": False}


def made(path: Path, **options: Any) -> LlamaCppModel:
    found = model(f"llamacpp:{path}?threads=1", **options)  # others work on this machine, too
    assert isinstance(found, LlamaCppModel)
    return found


def server_of(made: LlamaCppModel) -> Server:
    server = running_server(made.path, made.options)
    assert server is not None
    return server


class Announcing:
    """A transport that tells when the second request goes out."""

    def __init__(self) -> None:
        self.is_busy = anyio.Event()
        self._sent = 0
        self._inner = default_transport()

    async def send(self, request: HttpRequest, *, connect_seconds: float) -> Reply:
        self._sent += 1
        if self._sent == 2:
            self.is_busy.set()
        return await self._inner.send(request, connect_seconds=connect_seconds)


def test_a_name_makes_a_model_and_starts_nothing(tiny: Path) -> None:
    found = made(tiny)
    assert running_server(found.path, found.options) is None
    assert found.identity == ModelIdentity(
        "llamacpp",
        "tiny.gguf",
        api="chat_completions",
        capabilities=Capabilities(output_with_tools=False, parallel_tools=False, media=frozenset()),
    )
    assert found.options == ServerOptions(threads=1)


def test_a_missing_package_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(MissingExtraError, match=r"needs the package 'xllamacpp'; .*pip install 'pyagentkit\[local\]'"):
        made(write_gguf(tmp_path / "m.gguf", {}))


def test_a_missing_file_is_told_when_the_model_is_made(tiny: Path) -> None:
    with pytest.raises(ModelFileError, match=r"there is no file .*tony.gguf; .* has tiny.gguf"):
        made(tiny.with_name("tony.gguf"))


def test_a_name_without_a_file_is_told() -> None:
    with pytest.raises(ConfigurationError, match="'llamacpp:' names no model; write llamacpp:"):
        model("llamacpp:")


def test_an_address_belongs_to_another_provider(tiny: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"model\('llamacpp-server:name', base_url='http://localhost:8080'\)"):
        made(tiny, base_url="http://localhost:8080")


async def test_an_answer_costs_nothing_and_its_server_is_named(tiny: Path) -> None:
    found = made(tiny)
    result = await Agent(found, settings=SHORT).run("hello")
    assert (result.cost, result.finish) == (Cost.zero, "stop")
    assert result.usage.output > 0
    identity = found.identity
    assert server_of(found).base_url == f"http://{identity.address}:{identity.port}/v1"


async def test_a_start_is_bounded_by_the_deadline_of_the_exchange(tiny: Path) -> None:
    settings = Settings(deadlines=Deadlines(exchange_seconds=0))
    with pytest.raises(DeadlineError, match="was not ready"):
        await Agent(made(tiny), settings=settings).run("hello")


@pytest.mark.parametrize("is_streamed", [False, True], ids=["whole", "streamed"])
async def test_a_server_killed_in_mid_run_is_one_error_and_the_next_run_starts_a_new_one(
    tiny: Path, is_streamed: bool
) -> None:
    transport = Announcing()
    found = made(tiny, transport=transport)
    agent = Agent(found, settings=ENDLESS)
    errors: list[Exception] = []

    async def run() -> None:
        try:
            if not is_streamed:
                await agent.run("hello")
                return
            async with agent.stream("hello") as stream:
                async for _ in stream:
                    pass
        except ServerDiedError as error:
            errors.append(error)

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        group.start_soon(run)
        await transport.is_busy.wait()
        await anyio.wait_all_tasks_blocked()
        server = server_of(found)
        assert server.process_id is not None
        os.kill(server.process_id, signal.SIGKILL)
    assert [str(error) for error in errors] == [
        f"llama.cpp's server for {tiny} died while it answered (it was killed, as the system does when memory runs "
        "out); the next run starts a new one (llamacpp:tiny.gguf)"
    ] * 2
    again = await Agent(found, settings=SHORT).run("hello")
    assert again.finish == "stop"
    assert server_of(found).process_id != server.process_id


async def test_the_error_says_how_the_server_ended(tiny: Path) -> None:
    transport = Announcing()
    agent = Agent(made(tiny, transport=transport), settings=ENDLESS)

    async def kill() -> None:
        await transport.is_busy.wait()
        server = server_of(made(tiny))
        assert server.process_id is not None
        os.kill(server.process_id, signal.SIGABRT)

    await Agent(made(tiny, transport=transport), settings=SHORT).run("hello")
    async with anyio.create_task_group() as group:
        group.start_soon(kill)
        with pytest.raises(ServerDiedError, match=r"died while it answered \(it was ended by signal 6\)"):
            await agent.run("hello")


class ThroughPort:
    """A transport that reaches the server through another port."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._inner = default_transport()

    async def send(self, request: HttpRequest, *, connect_seconds: float) -> Reply:
        address = urlsplit(request.url)._replace(netloc=f"127.0.0.1:{self._port}").geturl()
        return await self._inner.send(replace(request, url=address), connect_seconds=connect_seconds)


def forwarding(found: LlamaCppModel) -> Callable[[Visit], Awaitable[None]]:
    """Pass the first request of a connection on to the server, and drop the connection at the second."""

    async def handler(visit: Visit) -> None:
        if visit.number:
            await visit.stream.aclose()
            return
        headers = (("content-type", "application/json"), ("authorization", visit.header("authorization") or ""))
        request = HttpRequest("POST", f"{server_of(found).base_url}/chat/completions", headers, visit.body)
        answer = await default_transport().send(request, connect_seconds=10)
        kind = answer.headers["content-type"]
        await visit.stream.send(reply(await answer.read(), headers={"content-type": kind}))

    return handler


async def test_a_dropped_pooled_connection_is_retried_unseen(tiny: Path) -> None:
    direct = made(tiny)
    async with raw_server(forwarding(direct)) as proxy:
        found = made(tiny, transport=ThroughPort(proxy.port))
        agent = Agent(found, settings=SHORT)
        results = [await agent.run("hello") for _ in range(3)]
        async with agent.stream("hello") as stream:
            events = [event async for event in stream]
        connections = [visit.connection for visit in proxy.visits]
    assert [result.finish for result in results] == ["stop"] * 3
    assert connections == [1, 1, 2, 2, 3, 3, 4]
    assert stream.result.finish == "stop"
    assert not [event for event in events if isinstance(event, AttemptFailed)]


def test_requests_are_written_as_llama_cpp_wants_them(tiny: Path) -> None:
    tools = (ToolDefinition("add", "Adds.", NUMBER), ToolDefinition("sub", "Subtracts.", NUMBER))
    output = OutputFormat("n", {"type": "object", "properties": {"s": {"type": "string", "maxLength": 3}}})
    found = made(tiny)
    named = Request(
        model="m",
        messages=(user_message("hi"),),
        tools=tools,
        settings=Settings(tool_choice="sub").over(found.settings),
    )
    fields = json.loads(found.codec.encode(named).body)
    assert fields["tool_choice"] == "required"
    assert [tool["function"]["name"] for tool in fields["tools"]] == ["sub"]
    assert "strict" not in fields["tools"][0]["function"]
    assert fields["parallel_tool_calls"] is False
    shaped = json.loads(found.codec.encode(Request(model="m", messages=(user_message("hi"),), output=output)).body)
    assert shaped["response_format"]["json_schema"]["schema"]["properties"]["s"]["maxLength"] == 3
