"""What gives Google's tokens, on loopback: the token endpoint of service accounts, and a machine's metadata server."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from canaries import KEY
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

__all__ = ["TokenServer", "token_server"]

METADATA = "/computeMetadata/v1/"


@dataclass
class TokenServer:
    """Gives KEY-1, KEY-2 ... to whoever asks."""

    url: str = ""
    status: int = 200
    claims: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """Of the assertions that came in."""
    given: int = 0

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://")

    def token(self) -> tuple[int, dict[str, Any]]:
        if self.status != 200:
            return self.status, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
        self.given += 1
        return 200, {"access_token": f"{KEY}-{self.given}", "expires_in": 3600, "token_type": "Bearer"}

    def account_file(self, folder: Path) -> Path:
        """The file of a service account whose tokens come from here."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        path = folder / "account.json"
        path.write_text(
            json.dumps(
                {
                    "type": "service_account",
                    "project_id": "my-project",
                    "private_key_id": "1",
                    "private_key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
                    "client_email": "robot@my-project.iam.gserviceaccount.com",
                    "token_uri": f"{self.url}/token",
                }
            )
        )
        return path


@contextmanager
def token_server() -> Generator[TokenServer]:
    """A server while this lasts."""
    state = TokenServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
            claims = form["assertion"][0].split(".")[1]
            state.claims.append(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4))))
            self.reply(*state.token())

        def do_GET(self) -> None:
            path = urlsplit(self.path).path.removeprefix(METADATA)
            if path.startswith("instance/service-accounts/default/token"):
                self.reply(*state.token())
            elif path == "project/project-id":
                self.reply(200, "metadata-project")
            elif path.startswith("instance/service-accounts/default"):
                self.reply(200, {"email": "robot@example.com", "scopes": [], "aliases": []})
            else:
                self.reply(200, "")

        def reply(self, status: int, value: Any) -> None:
            body = value.encode() if isinstance(value, str) else json.dumps(value).encode()
            self.send_response(status)
            self.send_header("metadata-flavor", "Google")
            self.send_header("content-type", "text/plain" if isinstance(value, str) else "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
