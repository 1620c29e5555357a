"""The client half of Chat Completions (`POST /chat/completions`), for OpenAI and the servers that imitate it.

What a server does differently is data, in `ChatRules`; what answers may look like is in `chat_answers`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, cast

from pydantic_core import to_json

from agentkit.assemble import assemble
from agentkit.codec import WireRequest
from agentkit.errors import ConfigurationError, ExchangeError, ProtocolError
from agentkit.exchange import Delta, Memo, OutputFormat, Request, Response, ToolDefinition
from agentkit.frozen import frozen
from agentkit.json_bytes import json_bytes
from agentkit.json_value import json_value
from agentkit.messages import Message
from agentkit.providers.openai.chat_answers import AnswerReader
from agentkit.providers.openai.chat_messages import MessageWriter
from agentkit.providers.openai.chat_rules import ChatRules
from agentkit.providers.openai.errors import decode_error, error_in_stream
from agentkit.schema.dialects import compile_schema
from agentkit.schema.names import map_names
from agentkit.settings import Settings
from agentkit.switching import known_tier
from agentkit.transport.sse import SseSplitter

__all__ = ["ChatCodec", "ChatDecoder", "ChatRules"]

_KEPT_TOOLSETS = 32
_KEPT_FORMATS = 32
_EXCERPT_CHARACTERS = 200


Piece: TypeAlias = "bytes | memoryview"


@frozen
class _Tools:
    """Some tools as bytes, and their names where the wire's differ."""

    body: bytes
    wire_names: Mapping[str, str]


@frozen
class _Frame:
    """A body but for its messages, as bytes, and what it was made of."""

    model: str
    instructions: str
    tools: tuple[ToolDefinition, ...]
    output: OutputFormat | None
    settings: Settings
    is_streamed: bool
    front: bytes
    """What stands before the messages."""
    opening: bytes
    """The instructions as the first message."""
    rest: bytes
    """What follows the messages."""
    takes_messages: bool
    """False: `Settings.extra` brings messages of its own."""
    wire_names: Mapping[str, str]
    """Names of tools where the wire's differ; `names` is the way back."""
    names: Mapping[str, str]
    notes: frozenset[str]
    """What could not be sent as it was."""

    def fits(self, request: Request) -> bool:
        """Whether it was made for the like of this request."""
        return (
            self.settings is request.settings
            and self.output is request.output
            and self.tools == request.tools
            and self.model == request.model
            and self.instructions == request.instructions
            and self.is_streamed is request.is_streamed
        )


@frozen
class _Head:
    """Messages that were written before, as bytes."""

    messages: tuple[Message, ...]
    pieces: tuple[Piece, ...]
    """Their wire messages, commas between and behind them, without the open one; joined only when a body is made."""
    open_message: dict[str, Any] | None
    """A user message at the end, which the next one is merged with."""
    ids: set[str]
    """The ids of calls in there; it grows with every head that follows, so that it is never copied."""
    wire_names: Mapping[str, str]
    notes: frozenset[str]
    """What could not be sent as it was."""


class ChatCodec:
    """Speaks Chat Completions with `provider`, a server that differs from OpenAI by `rules`."""

    def __init__(self, provider: str = "openai", *, rules: ChatRules = ChatRules()) -> None:  # noqa: B008 - immutable
        self.provider = provider
        self.name = f"{provider}:chat"
        self.rules = rules
        self._memo_key = f"{self.name}:{hash(rules):x}"
        self._toolsets: dict[tuple[ToolDefinition, ...], _Tools] = {}  # bounded; saves compiling and writing
        self._formats: dict[int, tuple[OutputFormat, dict[str, Any]]] = {}  # id(format) -> format, as sent
        self._frame: _Frame | None = None  # the latest

    def encode(self, request: Request, memo: Memo | None = None) -> WireRequest:
        """The request's bytes. Raises UnsupportedError for media that this format cannot carry."""
        frame = self._frame_of(request)
        body: list[Piece] = [frame.front]
        notes = frame.notes
        if frame.takes_messages:
            messages, more_notes = self._messages(request, frame, memo)
            notes |= more_notes
            body += [b'"messages":[', *messages, b"]" if frame.rest == b"}" else b"],"]
        body.append(frame.rest)
        return WireRequest(
            "/chat/completions", b"".join(body), names=frame.names, notes=tuple(sorted(notes)) if notes else ()
        )

    def decode(self, body: bytes) -> Response:
        """The answer in a whole reply. Raises ProtocolError, or the error that the body reports."""
        try:
            reply = json_value(body)
        except ValueError as error:
            # A stream, although none was asked for; or JSON lines that are not labelled so.
            if body.lstrip().startswith((b"data:", b":", b"event:")) or b"}\n{" in body:
                decoder = self.decoder()
                return assemble([*decoder.feed(body), *decoder.finish()])
            raise _nonsense("the reply is not JSON", body, provider=self.provider) from error
        deltas: list[Delta] = []
        reader = self._reader()
        _read_whole(reply, body, reader=reader, deltas=deltas)
        return assemble([*deltas, *reader.finish()])

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self.provider)

    def decoder(self) -> ChatDecoder:
        """A decoder for one streamed reply."""
        return ChatDecoder(self._reader())

    def _frame_of(self, request: Request) -> _Frame:
        """What stands around the messages; an agent's requests have mostly the same."""
        frame = self._frame
        if frame is None or not frame.fits(request):
            frame = self._write_frame(request)
            if not request.settings.extra:  # which its owner may change
                self._frame = frame
        return frame

    def _write_frame(self, request: Request) -> _Frame:
        rules, settings = self.rules, request.settings
        offered, choice = self._choice(request.tools, settings.tool_choice)
        tools = self._tools(offered)
        fields: dict[str, Any] = {"model": request.model}
        instructions = self._put_output(request, fields)
        if offered:
            if choice is not None:
                fields["tool_choice"] = _wire_choice(choice, tools.wire_names)
            if settings.parallel_tool_calls is not None:
                fields["parallel_tool_calls"] = settings.parallel_tool_calls
        notes = set[str]()
        _put_settings(settings, rules, fields)
        if (tier := fields.pop("service_tier", None)) and (tier := known_tier(tier, self.provider, notes=notes)):
            fields["service_tier"] = tier
        if request.is_streamed:
            fields["stream"] = True
            fields["stream_options"] = {"include_usage": True}
        for name in rules.omitted & fields.keys():
            del fields[name]
        fields.update((settings.extra or {}).get(self.provider, {}))
        takes_messages, front = "messages" not in fields, b"{"
        if rules.model_first and takes_messages:
            front = b'{"model":' + json_bytes(fields.pop("model")) + b","
            fields.setdefault("stream", False)  # so that something stands behind the messages
        rest = json_bytes(fields)[1:]
        if offered and "tools" not in fields:
            rest = b'"tools":' + tools.body + (rest if rest == b"}" else b"," + rest)
        opening = json_bytes({"role": rules.instructions_role, "content": instructions}) if instructions else b""
        return _Frame(
            request.model,
            request.instructions,
            request.tools,
            request.output,
            settings,
            request.is_streamed,
            front,
            opening,
            rest,
            takes_messages,
            tools.wire_names,
            {wire: own for own, wire in tools.wire_names.items()},
            frozenset(notes),
        )

    def _reader(self) -> AnswerReader:
        return AnswerReader(origin=self.name, tags=self.rules.thinking_tags)

    def _choice(
        self, tools: tuple[ToolDefinition, ...], choice: str | None
    ) -> tuple[tuple[ToolDefinition, ...], str | None]:
        """The tools to offer and the choice to ask for, as far as the server obeys it."""
        if choice is None or choice in ("auto", "none") or not tools:
            return tools, choice
        if choice == "required":
            return tools, "auto" if self.rules.tool_choice == "auto" else choice
        named = tuple(tool for tool in tools if tool.name == choice)
        if not named:
            known = ", ".join(tool.name for tool in tools)
            raise ConfigurationError(f"tool_choice is {choice!r}, which is no tool of this request; it offers {known}")
        match self.rules.tool_choice:
            case "named":
                return tools, choice
            case "required":
                return named, "required"
            case "auto":
                return named, "auto"

    def _tools(self, tools: tuple[ToolDefinition, ...]) -> _Tools:
        kept = self._toolsets.get(tools)
        if kept is None:
            kept = self._write_tools(tools)
            if len(self._toolsets) >= _KEPT_TOOLSETS:
                self._toolsets.clear()
            self._toolsets[tools] = kept
        return kept

    def _write_tools(self, tools: tuple[ToolDefinition, ...]) -> _Tools:
        names = map_names([tool.name for tool in tools], "openai")
        written: list[dict[str, Any]] = []
        for tool in tools:
            strict = tool.strict if self.rules.strict_tools else False
            compiled = compile_schema(tool.parameters, "openai", strict=strict)
            function: dict[str, Any] = {"name": names[tool.name]}
            if tool.description:
                function["description"] = tool.description
            function["parameters"] = compiled.schema
            if compiled.is_strict:
                function["strict"] = True
            written.append({"type": "function", "function": function})
        return _Tools(json_bytes(written), {own: wire for own, wire in names.items() if own != wire})

    def _put_output(self, request: Request, fields: dict[str, Any]) -> str:
        """Ask for the declared output where the server can; gives the instructions, with the schema where it cannot."""
        output, rules = request.output, self.rules
        if output is None:
            return request.instructions
        mode = rules.structured_output
        if request.tools and not rules.output_with_tools:
            mode = "none"
        if mode == "json_schema":
            fields["response_format"] = self._format(output)
            return request.instructions
        if mode == "json_value":
            schema = compile_schema(output.schema, "openai", strict=False).schema
            fields["response_format"] = {"type": "json_object", "value": schema}
            return request.instructions
        if mode == "json_object":
            fields["response_format"] = {"type": "json_object"}
        asked = _ask_for(output)
        return f"{request.instructions}\n\n{asked}" if request.instructions else asked

    def _format(self, output: OutputFormat) -> dict[str, Any]:
        known = self._formats.get(id(output))
        if known is not None and known[0] is output:
            return known[1]
        strict = output.strict if self.rules.strict_output else False
        compiled = compile_schema(output.schema, "openai", strict=strict)
        schema: dict[str, Any] = {"name": output.name, "schema": compiled.schema, "strict": compiled.is_strict}
        if output.description:
            schema["description"] = output.description
        sent = {"type": "json_schema", "json_schema": schema}
        if len(self._formats) >= _KEPT_FORMATS:
            self._formats.clear()
        self._formats[id(output)] = (output, sent)
        return sent

    def _messages(self, request: Request, frame: _Frame, memo: Memo | None) -> tuple[list[Piece], frozenset[str]]:
        """The pieces of the messages, and what of them could not be sent as it was."""
        head = self._head(request.messages, frame.wire_names, memo)
        count = len(head.messages) if head else 0
        new = request.messages[count:]
        writer = MessageWriter(self.name, self.rules, frame.wire_names, head.ids if head else frozenset())
        writer.model = request.model
        writer.may_fail = request.settings.on_unsupported != "omit"
        if head and head.open_message:
            writer.written.append(head.open_message)
        writer.write(new)
        written = writer.written
        open_message = written.pop() if written and written[-1]["role"] == "user" else None
        # A long history is copied once, when the body is joined: each copy of it costs as much as writing it.
        closed: tuple[Piece, ...] = (memoryview(json_bytes(written))[1:-1], b",") if written else ()
        pieces = (*head.pieces, *closed) if head else closed
        notes = head.notes | writer.notes if head else frozenset(writer.notes)
        if memo is not None:
            ids: set[str] = head.ids if head else set()
            ids |= writer.new_ids
            memo.kept[self._memo_key] = _Head(request.messages, pieces, open_message, ids, frame.wire_names, notes)
        whole: list[Piece] = [frame.opening, b",", *pieces] if frame.opening else [*pieces]
        if open_message:
            whole += [json_bytes(open_message), b","]
        return whole[:-1], notes

    def _head(self, messages: tuple[Message, ...], names: Mapping[str, str], memo: Memo | None) -> _Head | None:
        """What was written of these messages in an earlier exchange of the run."""
        head: _Head | None = memo.kept.get(self._memo_key) if memo is not None else None
        if head is None or len(head.messages) > len(messages) or head.wire_names != names:
            return None
        count = len(head.messages)
        # The last message tells most changes apart at once; the rest is compared by identity, which costs 10 ns each.
        if count and messages[count - 1] is not head.messages[-1]:
            return None
        return head if messages[:count] == head.messages else None


class ChatDecoder:
    """Decodes one streamed reply."""

    __slots__ = ("_error", "_is_done", "_reader", "_splitter", "_unread", "events")

    def __init__(self, reader: AnswerReader) -> None:
        self.events = 0
        self._splitter = SseSplitter()
        self._reader = reader
        self._is_done = False
        self._unread: list[bytes] | None = []  # the bytes so far, until the first event came
        self._error: ExchangeError | None = None

    def feed(self, chunk: bytes) -> list[Delta]:
        """The deltas of some more bytes. Raises the error that the stream reports, after the deltas before it."""
        if self._error is not None:
            raise self._error
        if self._unread is not None:
            self._unread.append(chunk)
        return self._read(self._splitter.feed(chunk))

    def finish(self) -> list[Delta]:
        """The last deltas. Raises ProtocolError when the stream was cut."""
        deltas = self._read(self._splitter.finish())
        if self._error is not None:
            raise self._error
        if self._unread is not None:
            self._read_bare(b"".join(self._unread), deltas)
        if not (self._is_done or self._reader.has_ended):
            raise ProtocolError(
                "the stream was cut: it ended without a finish_reason and without [DONE]",
                provider=self._reader.provider,
                status=200,
            )
        return [*deltas, *self._reader.finish()]

    def _read(self, events: list[bytes]) -> list[Delta]:
        deltas: list[Delta] = []
        for data in events:
            self._unread = None
            self.events += 1
            if data == b"[DONE]":
                self._is_done = True
                continue
            try:
                event = json_value(data)
                self._reader.read(event, deltas)
            except ValueError:
                self._error = _nonsense("an event of the stream is not JSON", data, provider=self._reader.provider)
            except ExchangeError as error:
                self._error = error
            if self._error is not None:
                if deltas:
                    return deltas  # what came before the error is told first
                raise self._error
        return deltas

    def _read_bare(self, body: bytes, deltas: list[Delta]) -> None:
        """A reply that is no event stream after all: one JSON reply, an error, or JSON lines."""
        text = body.strip()
        if not text:
            raise ProtocolError("the stream was empty", provider=self._reader.provider, status=200)
        try:
            reply = json_value(text)
        except ValueError:
            for line in text.splitlines():
                try:
                    event = json_value(line)
                except ValueError as error:
                    problem = "the reply is neither a stream of events nor JSON"
                    raise _nonsense(problem, body, provider=self._reader.provider) from error
                self._reader.read(event, deltas)
                self.events += 1
            return
        _read_whole(reply, body, reader=self._reader, deltas=deltas)
        self._reader.has_ended = True
        self.events += 1


def _read_whole(reply: Any, body: bytes, *, reader: AnswerReader, deltas: list[Delta]) -> None:
    if not isinstance(reply, dict):
        raise _nonsense("the reply is no JSON object", body, provider=reader.provider)
    event = cast("dict[str, Any]", reply)
    reader.is_whole = True
    reader.read(event, deltas)
    if not event.get("choices"):
        if {"detail", "message", "statusCode"} & event.keys():
            raise error_in_stream(event, provider=reader.provider)
        raise _nonsense("the reply holds no choices", body, provider=reader.provider)


def _nonsense(problem: str, body: bytes, *, provider: str) -> ProtocolError:
    shown = body[:_EXCERPT_CHARACTERS].decode("utf-8", "replace")
    problem = f"{problem}; does base_url point to a Chat Completions server?"
    return ProtocolError(problem, provider=provider, status=200, body=shown)


def _ask_for(output: OutputFormat) -> str:
    about = f" ({output.description})" if output.description else ""
    schema = to_json(output.schema).decode()
    return f"Answer with one JSON object and nothing else{about}. It has to fit this JSON Schema:\n{schema}"


def _wire_choice(choice: str, names: Mapping[str, str]) -> str | dict[str, Any]:
    if choice in ("auto", "none", "required"):
        return choice
    return {"type": "function", "function": {"name": names.get(choice, choice)}}


def _put_settings(settings: Settings, rules: ChatRules, fields: dict[str, Any]) -> None:
    reasoning = settings.reasoning
    if reasoning is not None and rules.reasoning_setting == "reasoning":
        fields["reasoning"] = {"effort": reasoning}
    elif reasoning is not None:
        fields["reasoning_effort"] = reasoning
    values = {
        rules.max_tokens_field: settings.max_output_tokens,
        "temperature": settings.temperature,
        "top_p": settings.top_p,
        "stop": settings.stop,
        rules.seed_field: settings.seed,
        "verbosity": settings.verbosity,
        "service_tier": settings.service_tier,
    }
    fields.update((name, value) for name, value in values.items() if value is not None)
