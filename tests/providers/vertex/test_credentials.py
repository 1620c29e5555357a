from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from canaries import KEY
from conformance.wires import OneReply
from google.auth.compute_engine import _metadata
from google.oauth2.credentials import Credentials
from providers.vertex.token_server import TokenServer, token_server

from agentkit.errors import AuthenticationError, ConfigurationError, MissingExtraError, PermissionDeniedError
from agentkit.exchange import Request
from agentkit.messages import user_message
from agentkit.providers import model
from agentkit.remote import RemoteModel
from agentkit.settings import Settings
from agentkit.simulator.plan import Rule
from agentkit.simulator.status_faults import Status
from agentkit.testing.simulator import start_simulator
from agentkit.transport.protocol import HttpRequest

pytestmark = pytest.mark.anyio

HI = Request("", (user_message("hi"),), settings=Settings(attempts=1))


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_LOCATION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")


@pytest.fixture
def tokens() -> Iterator[TokenServer]:
    with token_server() as server:
        yield server


def gemini(url: str, **options: object) -> RemoteModel:
    made = model("vertex:gemini-3.5-flash", base_url=url, **options)  # type: ignore[arg-type]  # those of `model`
    assert isinstance(made, RemoteModel)
    return made


async def test_a_service_account_s_token_is_fetched_once_for_all_concurrent_calls(
    tokens: TokenServer, tmp_path: Path
) -> None:
    with start_simulator(*["51"] * 20) as server:
        asked = gemini(server.url, project="p", credentials=tokens.account_file(tmp_path))
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(asked.respond, HI)
        keys = {request.asked.header("authorization") for request in server.requests}
    assert (keys, tokens.given) == ({f"Bearer {KEY}-1"}, 1)
    claims = tokens.claims[0]
    assert claims["iss"] == "robot@my-project.iam.gserviceaccount.com"
    assert claims["scope"] == "https://www.googleapis.com/auth/cloud-platform"
    assert claims["exp"] - claims["iat"] <= 3600


async def test_the_file_that_the_environment_names_gives_the_project_too(
    tokens: TokenServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tokens.account_file(tmp_path)))
    with start_simulator("51") as server:
        monkeypatch.setenv("GOOGLE_VERTEX_BASE_URL", server.url)
        asked = model("vertex:gemini-3.5-flash", region="europe-west1")
        await asked.respond(HI)
        path = server.requests[0].asked.path
    assert path == (
        "/v1beta1/projects/my-project/locations/europe-west1/publishers/google/models/gemini-3.5-flash:generateContent"
    )


async def test_a_machine_of_google_s_has_tokens_and_a_project(
    tokens: TokenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_GCE_CHECK")
    monkeypatch.setenv("GCE_METADATA_IP", tokens.host)
    # Google's module reads the rest from the environment when it is imported, which may have been before.
    monkeypatch.setattr(_metadata, "_NO_GCE_CHECK", False)
    monkeypatch.setattr(_metadata, "_GCE_METADATA_HOST", tokens.host)
    with start_simulator("51") as server:
        monkeypatch.setenv("GOOGLE_VERTEX_BASE_URL", server.url)
        await model("vertex:gemini-3.5-flash").respond(HI)
        asked = server.requests[0].asked
    assert asked.header("authorization") == f"Bearer {KEY}-1"
    assert "/projects/metadata-project/locations/global/" in asked.path


async def test_a_refused_token_is_renewed_once(tokens: TokenServer, tmp_path: Path) -> None:
    with start_simulator("51") as server:
        server.suffer(Rule((Status(401),), first=1))
        asked = gemini(server.url, project="p", credentials=tokens.account_file(tmp_path))
        response = await asked.respond(Request("", (user_message("hi"),)))
        keys = [request.asked.header("authorization") for request in server.requests]
    assert (response.text, keys) == ("51", [f"Bearer {KEY}-1", f"Bearer {KEY}-2"])


class Choosy:
    """Refuses the first token, and answers whoever has another."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    async def send(self, request: HttpRequest, *, connect_seconds: float) -> OneReply:
        await anyio.lowlevel.checkpoint()
        self.keys.append(dict(request.headers)["authorization"])
        if self.keys[-1] == f"Bearer {KEY}-1":
            return OneReply(b'{"error": {"code": 401, "status": "UNAUTHENTICATED", "message": "expired"}}', 401)
        answer = {"content": {"role": "model", "parts": [{"text": "51"}]}, "finishReason": "STOP"}
        return OneReply(json.dumps({"candidates": [answer]}).encode())


async def test_a_token_that_many_calls_are_refused_with_is_renewed_once(tokens: TokenServer, tmp_path: Path) -> None:
    choosy = Choosy()
    asked = gemini("http://127.0.0.1:9", project="p", credentials=tokens.account_file(tmp_path), transport=choosy)
    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(asked.respond, Request("", (user_message("hi"),)))
    assert (set(choosy.keys), tokens.given) == ({f"Bearer {KEY}-1", f"Bearer {KEY}-2"}, 2)
    assert choosy.keys.count(f"Bearer {KEY}-2") == 20


async def test_a_token_that_google_does_not_give_is_an_error_of_authentication(
    tokens: TokenServer, tmp_path: Path
) -> None:
    tokens.status = 400
    with start_simulator("51") as server:
        asked = gemini(server.url, project="p", credentials=tokens.account_file(tmp_path))
        with pytest.raises(AuthenticationError, match="Google gave no token: invalid_grant"):
            await asked.respond(HI)
        assert server.requests == []


async def test_says_where_credentials_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    with pytest.raises(ConfigurationError, match=r"run `gcloud auth .*, set GOOGLE_APPLICATION_CREDENTIALS to"):
        await model("vertex:gemini-3.5-flash").respond(HI)


async def test_a_file_that_is_no_service_account_s_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "account.json"
    path.write_text("{}")
    with pytest.raises(ConfigurationError, match=r"account\.json is not the file of a service account"):
        await gemini("http://127.0.0.1:9", project="p", credentials=path).respond(HI)


async def test_the_object_of_another_client_is_used_as_it_is() -> None:
    with start_simulator("51") as server:
        mine = Credentials(token=KEY, quota_project_id="payer")
        await gemini(server.url, project="p", credentials=mine).respond(HI)
        asked = server.requests[0].asked
    assert (asked.header("authorization"), asked.header("x-goog-user-project")) == (f"Bearer {KEY}", "payer")


async def test_names_the_extra_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google.auth", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'pyagentkit\[vertex\]'"):
        model("vertex:gemini-3.5-flash", project="p")
    assert isinstance(model("vertex:gemini-3.5-flash", project="p", credentials=lambda: KEY), RemoteModel)


async def test_what_the_token_may_not_do_is_told() -> None:
    with start_simulator("51") as server:
        server.suffer(Status(403))
        with pytest.raises(PermissionDeniedError):
            await gemini(server.url, project="p", credentials=KEY).respond(HI)
