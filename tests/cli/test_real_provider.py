"""The same commands against a provider: a local server that speaks OpenAI's Responses API."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from .conftest import Shell

KEY = "sk-secret-12345"


class Provider(ThreadingHTTPServer):
    """Calls get_weather, then answers; keeps what it was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.is_refusing = False


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Provider

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.bodies.append(body)
        self.server.keys.append(self.headers["Authorization"])
        if self.server.is_refusing:
            self._send(
                401, "application/json", json.dumps({"error": {"message": "Incorrect API key", "code": "invalid"}})
            )
            return
        has_result = any(item.get("type") == "function_call_output" for item in body["input"])
        item: dict[str, Any] = (
            {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
             "content": [{"type": "output_text", "text": "It is sunny.", "annotations": []}]}
            if has_result
            else {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "get_weather",
                  "arguments": '{"city": "Paris"}', "status": "completed"}
        )  # fmt: skip
        events = [{"type": "response.created", "response": {"id": "resp_1", "model": body["model"]}}]
        events.append({"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}})
        if has_result:
            events += [
                {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": piece}
                for piece in ("It is ", "sunny.")
            ]
        events.append({"type": "response.output_item.done", "output_index": 0, "item": item})
        usage = {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100}
        done = {"id": "resp_1", "model": body["model"], "status": "completed", "output": [item], "usage": usage}
        events.append({"type": "response.completed", "response": done})
        text = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
        self._send(200, "text/event-stream", text)

    def _send(self, status: int, kind: str, text: str) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch, folder: object) -> Iterator[Provider]:
    with Provider() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{server.server_address[1]}/v1")
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        yield server
        server.shutdown()
        thread.join()


def test_run_asks_the_provider_and_tells_what_it_cost(shell: Shell, provider: Provider) -> None:
    document = shell("run", "--tools", "my_tools.py", "--model", "openai:gpt-4o-mini", "--json", "Weather?").document
    assert (document["output"], document["steps"]) == ("It is sunny.", 2)
    assert document["usage"]["input"] == 2000
    assert document["cost"] == {"usd": pytest.approx(2 * (0.00015 + 0.00006)), "is_known": True}
    assert provider.keys == [f"Bearer {KEY}"] * 2
    assert provider.bodies[1]["input"][-1]["output"] == "21 c and sunny in Paris"


def test_chat_streams_and_the_model_comes_from_the_environment(
    shell: Shell, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENTKIT_MODEL", "openai:gpt-4o-mini")
    ended = shell("chat", "--tools", "my_tools.py", input="Weather?\n")
    assert (ended.code, ended.out) == (0, "It is sunny.\n")
    assert ended.err == '  → get_weather(city="Paris")\n  ← get_weather: 21 c and sunny in Paris\n'


def test_a_wrong_key_is_one_line_that_does_not_hold_it(shell: Shell, provider: Provider) -> None:
    provider.is_refusing = True
    for command in ("run", "chat"):
        ended = shell(command, "--model", "openai:gpt-4o-mini", *(["hi"] if command == "run" else []), input="hi\n")
        assert ended.err.startswith("error: ")
        assert "Incorrect API key" in ended.err
        assert len(ended.err.splitlines()) == 1
        assert KEY not in ended.err + ended.out


def test_a_model_newer_than_the_list_can_be_named(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    refused = shell("chat", "--model", "openai:gpt-99-nova")
    assert refused.err.startswith("error: openai has no model 'gpt-99-nova'; ")
    assert refused.err.endswith("; on the command line: --unlisted\n")
    taken = shell("chat", "--model", "openai:gpt-99-nova", "--unlisted", input="/model\n")
    assert (taken.code, taken.err) == (0, "model: openai:gpt-99-nova\n")


def test_the_demo_runs_with_a_real_model(shell: Shell, provider: Provider) -> None:
    ended = shell("demo", "--model", "openai:gpt-4o-mini")
    assert ended.code == 0
    assert "It is sunny." in ended.out
    assert "invoke_agent demo" in ended.out
    assert KEY not in ended.out
