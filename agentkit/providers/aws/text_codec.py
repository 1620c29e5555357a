"""The client half of a format of one text in and one text out; which one, says its TextForm."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from agentkit.assemble import checked
from agentkit.codec import WireRequest
from agentkit.errors import ExchangeError, ProtocolError
from agentkit.exchange import Delta, Memo, OutputFormat, Request, Response, ResponseFinished, ResponseStarted, TextDelta
from agentkit.identity import Capabilities
from agentkit.json_bytes import json_bytes
from agentkit.messages import AssistantMessage, Finish, Text
from agentkit.providers.aws.chat_templates import Conversation, conversation_of
from agentkit.providers.aws.errors import decode_error, error_in_body
from agentkit.providers.aws.text_forms import Said, TextForm
from agentkit.usage import Usage

__all__ = ["TextCodec", "TextDecoder", "abilities_of", "finish_of"]

_FINISHES: Mapping[str, Finish] = {
    "": "stop",
    "finish": "stop",
    "finished": "stop",
    "stop": "stop",
    "stop_sequence": "stop",
    "stop_criteria_met": "stop",
    "complete": "stop",
    "end_turn": "stop",
    "endoftext": "stop",
    "eos_token": "stop",
    "length": "length",
    "max_tokens": "length",
    "content_filtered": "content_filter",
    "error_toxic": "content_filter",
}
_UNSENT = ("reasoning", "reasoning_summary", "verbosity", "service_tier")
_SCHEMA_IN_WORDS = "the output schema is told in words: this format holds answers to none"


def abilities_of(form: TextForm) -> Capabilities:
    """What a model can do that is asked by this form."""
    return Capabilities(
        structured_output=form.takes_schema, tools=False, forced_tools=False, reasoning=False, media=frozenset()
    )


class TextCodec:
    """Writes and reads by a form; where it is sent, and in what its streams lie, is for others to say."""

    def __init__(self, provider: str, form: TextForm, *, model: str = "") -> None:
        """`model` is said of answers, since a reply does not name the model that gave it."""
        self.name = f"{provider}:text"
        self._provider = provider
        self._form = form
        self._model = model

    def encode(self, request: Request, memo: Memo | None = None) -> WireRequest:
        """The request's bytes. Raises UnsupportedError for tools, and for media in the turn at hand."""
        settings = request.settings
        extra = (settings.extra or {}).get(self._provider, {})
        conversation = conversation_of(request)
        notes = set(conversation.notes)
        notes |= {f"left out {name}: this format has none" for name in _UNSENT if getattr(settings, name) is not None}
        if request.output is not None and not self._form.takes_schema:
            notes.add(_SCHEMA_IN_WORDS)
            conversation = _held_to(conversation, request.output)
        body = self._form.write(request, conversation, extra=extra, notes=notes)
        headers = (("content-type", self._form.content_type), ("accept", self._form.content_type.partition(";")[0]))
        return WireRequest("", body, headers=headers, notes=tuple(sorted(notes)))

    def decode(self, body: bytes) -> Response:
        """The answer in a whole reply. Raises ProtocolError, or the error that the body reports."""
        try:
            said = self._form.read(body)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            shown = body[:200].decode("utf-8", "replace")
            raise ProtocolError(
                f"the reply makes no sense ({error}); does the model speak another format? (begins with {shown!r})",
                provider=self._provider,
                body=shown,
            ) from error
        if said.error is not None:
            raise error_in_body(said.error, provider=self._provider, model=self._model)
        parts = (Text(said.text),) if said.text else ()
        usage = Usage(said.input or 0, output=said.output or 0)
        finish = finish_of(said.finish, said.details)
        return checked(Response(AssistantMessage(parts, self._model, "", finish, usage), said.finish, said.details))

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)

    def decoder(self) -> TextDecoder:
        """A decoder for one streamed reply."""
        return TextDecoder(self._form, provider=self._provider, model=self._model)


class TextDecoder:
    """Decodes one streamed reply; see StreamDecoder."""

    def __init__(self, form: TextForm, *, provider: str, model: str) -> None:
        self.events = 0
        self._reader = form.pieces()
        self._provider = provider
        self._model = model
        self._is_begun = False
        self._is_ended = False
        self._finish = ""
        self._input = 0
        self._output = 0
        self._details: dict[str, Any] = {}
        self._error: ExchangeError | None = None  # told after the deltas that came before it in the same bytes

    def feed(self, chunk: bytes) -> list[Delta]:
        """The deltas of some more bytes. Raises ProtocolError, or the error that the stream reports."""
        if self._error is not None:
            raise self._error
        return self._told(lambda: self._reader.feed(chunk))

    def finish(self) -> list[Delta]:
        """The last deltas. Raises ProtocolError when the stream was cut."""
        if self._error is not None:
            raise self._error
        deltas = self._told(self._reader.finish)
        if self._error is not None:
            raise self._error
        if not self._is_ended:
            raise ProtocolError(
                f"the stream was cut: it ended after {self.events} events without a last one", provider=self._provider
            )
        finish = finish_of(self._finish, self._details)
        usage = Usage(self._input, output=self._output)
        return [*deltas, ResponseFinished(finish, self._finish, usage, self._details)]

    def _told(self, read: Callable[[], Iterator[Said]]) -> list[Delta]:
        deltas: list[Delta] = []
        try:
            for said in read():
                self._take(said, deltas)
        except ExchangeError as error:
            self._error = error
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            self._error = ProtocolError(f"a piece of the stream makes no sense ({error})", provider=self._provider)
            self._error.__cause__ = error
        if self._error is not None and not deltas:
            raise self._error
        return deltas

    def _take(self, said: Said, deltas: list[Delta]) -> None:
        if said.error is not None:
            raise error_in_body(said.error, provider=self._provider, model=self._model)
        self.events += 1
        if not self._is_begun:
            self._is_begun = True
            deltas.append(ResponseStarted("", self._model))
        if said.text:
            deltas.append(TextDelta(said.text))
        self._finish = said.finish or self._finish
        self._input = self._input if said.input is None else said.input
        self._output = self._output if said.output is None else said.output
        self._details.update(said.details)
        self._is_ended = self._is_ended or said.is_last


def finish_of(word: str, details: Mapping[str, Any]) -> Finish:
    """Why an answer ended. A guardrail that let nothing through gives no word for it."""
    if not word and details.get("guardrailAction") == "INTERVENED":
        return "content_filter"
    return _FINISHES.get(word.lower(), "other")


def _held_to(conversation: Conversation, output: OutputFormat) -> Conversation:
    """The conversation, with the words that ask for an answer of this schema."""
    schema = json_bytes(output.schema).decode("utf-8", "replace")
    asked = f"Answer with JSON alone that is valid against this schema: {schema}"
    system = f"{conversation.system}\n\n{asked}" if conversation.system.strip() else asked
    return Conversation(system, conversation.turns, conversation.notes)
