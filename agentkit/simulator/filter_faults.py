"""Azure's content filter: it refuses a prompt, cuts an answer, or says of both that they are harmless."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from pydantic_core import to_json

from agentkit.codec import HttpReply
from agentkit.errors import ConfigurationError, ContentFilteredError
from agentkit.exchange import Delta, ResponseFinished, ResponseStarted, TextDelta
from agentkit.simulator.fault import Fault
from agentkit.simulator.formats import Format, Moment, event_data, json_object, with_event_data
from agentkit.simulator.reply import Piece, Reply

__all__ = ["ContentFilter"]

Json: TypeAlias = dict[str, Any]

_GRADED = ("hate", "self_harm", "sexual", "violence")
"""Categories of which the filter says how severe they are; of the others it says whether they were detected."""
_REFUSED = (
    "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. Please modify "
    "your prompt and retry."
)


@dataclass(frozen=True, slots=True)
class ContentFilter(Fault):
    """What Azure's filter finds in the prompt or in the answer; a harmless answer has its verdicts too.

    The verdicts stand where Azure's Chat Completions and Responses have them; of other formats only the refusal, or the
    answer that was cut, is there.
    """

    finds: Literal["prompt", "answer", "nothing"] = "prompt"
    category: Literal["hate", "self_harm", "sexual", "violence", "jailbreak"] = "violence"
    severity: Literal["low", "medium", "high"] = "high"
    after_words: int = 2
    """How much of an answer is told before it is cut."""
    late: bool = False
    """The filter runs beside the model: verdicts of a stream come after the words, in events of their own."""

    def __post_init__(self) -> None:
        if self.after_words < 0:
            raise ConfigurationError(f"after_words is {self.after_words}; it has to be how many words, such as 2")

    def instead(self, format: Format, moment: Moment) -> Reply | None:
        if self.finds != "prompt":
            return None
        if not format.name.startswith("openai:"):
            return Reply.whole(format.server.write_error(ContentFilteredError(_REFUSED)))
        inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": self._verdicts(is_found=True)}
        error = {"message": _REFUSED, "type": None, "param": "prompt", "code": "content_filter", "status": 400}
        return Reply.whole(HttpReply(400, to_json({"error": {**error, "innererror": inner}})))

    def change_deltas(self, deltas: Sequence[Delta]) -> Sequence[Delta]:
        if self.finds != "answer":
            return deltas
        kept: list[Delta] = [delta for delta in deltas if isinstance(delta, ResponseStarted)]
        text = "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))
        words = text.split(" ")[: self.after_words]
        kept += [TextDelta(word if place == 0 else f" {word}") for place, word in enumerate(words)]
        for delta in deltas:
            if isinstance(delta, ResponseFinished):
                kept.append(replace(delta, finish="content_filter", finish_raw="content_filter"))
        return kept

    def change_reply(self, reply: Reply, format: Format) -> Reply:
        if reply.status != 200 or not format.name.startswith("openai:"):
            return reply
        if not reply.is_streamed:
            document = json_object(reply.events[0])
            return reply if document is None else replace(reply, pieces=(to_json(self._annotated(document)),))
        if format.name == "openai:responses":
            return replace(reply, pieces=tuple(map(self._with_filters, reply.pieces)))
        return replace(reply, pieces=tuple(self._chunks(reply.pieces)))

    def _annotated(self, document: Json) -> Json:
        """A whole answer with the verdicts."""
        if "choices" not in document:
            return {**document, "content_filters": self._filters()} if "output" in document else document
        choices: list[Json] = document["choices"]
        for choice in choices:
            choice["content_filter_results"] = self._verdicts(is_found=self.finds == "answer")
        return {**document, "prompt_filter_results": self._of_prompt()}

    def _with_filters(self, piece: Piece) -> Piece:
        """An event of Responses; the last one has the verdicts."""
        document = event_data(piece) if isinstance(piece, bytes) else None
        kind = "" if document is None else str(document.get("type"))
        if document is None or not isinstance(piece, bytes):
            return piece
        if kind not in ("response.completed", "response.incomplete"):
            return piece
        document["response"] = self._annotated(document["response"])
        return with_event_data(piece, document)

    def _chunks(self, pieces: Sequence[Piece]) -> list[Piece]:
        """A stream of Chat Completions, verdicts about the prompt first; about the answer beside it, or behind it."""
        empty: Json = {"choices": [], "created": 0, "id": "", "model": "", "object": ""}
        chunks: list[Piece] = [b"data: " + to_json({**empty, "prompt_filter_results": self._of_prompt()}) + b"\n\n"]
        found = self._verdicts(is_found=self.finds == "answer")
        for piece in pieces:
            document = event_data(piece) if isinstance(piece, bytes) else None
            choices: list[Json] = (document or {}).get("choices") or []
            if document is None or not choices or not isinstance(piece, bytes):
                chunks.append(piece)
                continue
            is_last = choices[0].get("finish_reason") is not None
            if is_last and self.late:
                offsets = {"check_offset": 0, "start_offset": 0, "end_offset": 100}
                late = {"index": 0, "finish_reason": None, "content_filter_offsets": offsets}
                verdict = {**empty, "choices": [{**late, "content_filter_results": found}]}
                chunks.append(b"data: " + to_json(verdict) + b"\n\n")
            said: Json = choices[0].get("delta") or {}
            is_told = not self.late and (is_last or bool(said.get("content")))
            verdicts = found if is_last else self._verdicts(is_found=False)
            choices[0]["content_filter_results"] = verdicts if is_told else {}
            chunks.append(with_event_data(piece, document))
        return chunks

    def _of_prompt(self) -> list[Json]:
        return [{"prompt_index": 0, "content_filter_results": self._verdicts(is_found=False)}]

    def _filters(self) -> list[Json]:
        """The verdicts as Responses has them."""
        is_found = self.finds == "answer"
        offsets = {"start_offset": 0, "end_offset": 100, "check_offset": 0}
        return [
            {
                "blocked": is_blocked,
                "source_type": source,
                "content_filter_raw": [],
                "content_filter_results": self._verdicts(is_found=is_blocked),
                "content_filter_offsets": offsets,
            }
            for source, is_blocked in (("prompt", False), ("completion", is_found))
        ]

    def _verdicts(self, *, is_found: bool) -> Json:
        verdicts: Json = {category: {"filtered": False, "severity": "safe"} for category in _GRADED}
        if is_found and self.category in _GRADED:
            verdicts[self.category] = {"filtered": True, "severity": self.severity}
        elif is_found:
            verdicts[self.category] = {"filtered": True, "detected": True}
        return verdicts
