"""The Model over a file: Chat Completions with llama.cpp's own server, which is started when it is first needed."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Final

from agentkit.errors import ConfigurationError, ExchangeError, MissingExtraError
from agentkit.exchange import Request, Response
from agentkit.models import Capabilities, Model, ModelIdentity, Sink
from agentkit.providers.llamacpp.history import readable
from agentkit.providers.llamacpp.model_file import check_file
from agentkit.providers.llamacpp.options import ServerOptions, read_name
from agentkit.providers.llamacpp.server import Server
from agentkit.providers.llamacpp.servers import running_server, serve
from agentkit.providers.llamacpp.watched import ServerDiedError, WatchedTransport, death_of, has_died
from agentkit.providers.openai.chat import ChatCodec
from agentkit.providers.openai.chat_rules import ChatRules
from agentkit.providers.table import Options, Provider
from agentkit.remote import Endpoint, RemoteModel
from agentkit.settings import Deadlines, Settings
from agentkit.transport.default import default_transport
from agentkit.transport.protocol import Transport

__all__ = ["LlamaCppModel", "connect"]

_PROVIDER: Final = "llamacpp"
_RULES = ChatRules(
    max_tokens_field="max_tokens",
    system_in_place=False,
    strict_tools=False,
    tool_choice="required",
    strict_output=False,
    output_with_tools=False,
    null_content=False,
    refusal_field=False,
    media_urls=False,
    omitted=frozenset({"service_tier"}),
)
_CAPABILITIES = Capabilities(output_with_tools=False, parallel_tools=False, media=frozenset())
_BELOW = Settings(parallel_tool_calls=False)
"""Said always: asked for several calls at once, this server may never stop (seen in November 2026)."""


class LlamaCppModel:
    """A model file, served by llama.cpp in a child process.

    model = LlamaCppModel("models/qwen.gguf", ServerOptions(context_tokens=8192))

    Nothing is started before the first request. Raises ModelFileError for what is no GGUF file, MissingExtraError.
    """

    def __init__(
        self,
        path: str | Path,
        options: ServerOptions = ServerOptions(),  # noqa: B008 - immutable
        *,
        settings: Settings | None = None,
        transport: Transport | None = None,
    ) -> None:
        if importlib.util.find_spec("xllamacpp") is None:
            raise MissingExtraError("xllamacpp", extra="local", purpose="a model file served by llama.cpp")
        self.path = Path(path).expanduser().resolve()
        self.options = options
        check_file(self.path)
        self.settings = (settings or Settings()).over(_BELOW)
        self.transport = transport or default_transport()
        self.codec = ChatCodec(_PROVIDER, rules=_RULES)

    def __repr__(self) -> str:
        return f"LlamaCppModel({str(self.path)!r}, {self.options!r})"

    @property
    def identity(self) -> ModelIdentity:
        """Who answers; with the address while the server runs, whose port differs from start to start."""
        server = running_server(self.path, self.options)
        return _identity(self.path, server)

    async def respond(self, request: Request, sink: Sink | None = None) -> Response:
        """Answer, with a server started for it if need be.

        Raises ExchangeError, ServerDiedError among them; ModelFileError and ServerStartError for what cannot be served.
        """
        deadlines = request.settings.over(self.settings).deadlines or Deadlines()
        server = await serve(self.path, self.options, seconds=deadlines.exchange_seconds)
        remote = RemoteModel(
            self.codec,
            Endpoint(server.base_url, {"authorization": f"Bearer {server.key}"}),
            _identity(self.path, server),
            transport=WatchedTransport(self.transport, server),
            settings=self.settings,
        )
        messages = readable(request.messages)
        if messages is not request.messages:
            request = replace(request, messages=messages)
        try:
            return await remote.respond(request, sink)
        except ServerDiedError:
            raise
        except ExchangeError as error:
            if not await has_died(server):
                raise
            raise death_of(server, attempts=error.attempts) from error


def connect(provider: Provider, model: str, options: Options) -> Model:
    """A model of this provider. Raises ModelFileError, MissingExtraError, ConfigurationError; starts nothing."""
    if options.base_url is not None:
        raise ConfigurationError(
            f"{provider.name}: starts a server of its own; for one that runs already write "
            f"model('llamacpp-server:name', base_url={options.base_url!r})"
        )
    path, server_options = read_name(model)
    settings = options.settings or Settings()
    if options.headers:
        settings = settings.over(Settings(headers=options.headers))
    return LlamaCppModel(path, server_options, settings=settings, transport=options.transport)


def _identity(path: Path, server: Server | None) -> ModelIdentity:
    address, port = "", None
    if server is not None:
        host, _, digits = server.base_url.removeprefix("http://").removesuffix("/v1").rpartition(":")
        address, port = host, int(digits)
    return ModelIdentity(
        _PROVIDER, path.name, address=address, port=port, api="chat_completions", capabilities=_CAPABILITIES
    )
