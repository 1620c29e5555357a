"""The ready-made HTTP tools on an API. The program serves a small API itself, so that it needs no network.

    python examples/http_api.py

For an API of yours: Http(base_url="https://api.example.com/v1", headers={"Authorization": ...}). Nothing but that base
URL can be reached, and no address inside your network; here allow_private=True lets the agent reach this machine.
For a real model set its key and name it: AGENTKIT_MODEL=openai:gpt-6-luna python examples/http_api.py
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from agentkit import Agent
from agentkit_tools.http import Http

ORDERS = {"/orders/1001": {"order": 1001, "state": "sent"}, "/orders/1002": {"order": 1002, "state": "paid"}}


class Api(BaseHTTPRequestHandler):
    """A shop's API: GET /orders/NUMBER."""

    def do_GET(self) -> None:
        """Answer with the order, or with 404."""
        order = ORDERS.get(self.path)
        body = json.dumps(order or {"error": "no such order"}).encode()
        self.send_response(200 if order else 404)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep the terminal for the agent."""


@contextmanager
def served() -> Generator[str]:
    """The API, for as long as the block lasts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def main() -> None:
    """Ask the API about an order, and try to leave it."""
    with served() as base_url:
        agent = Agent(
            os.environ.get("AGENTKIT_MODEL", "offline:"),
            tools=[Http(base_url=base_url, allow_private=True)],
            instructions="You look orders up in the shop's API. Use the tools.",
        )
        print(agent.run_sync('Get the url "/orders/1002"').output)
        print(agent.run_sync('Get the url "https://elsewhere.example/"').output)


if __name__ == "__main__":
    main()
