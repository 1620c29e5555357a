"""AWS beside chat as the simulator serves it: Bedrock's vectors, pictures and guardrails; Comprehend, Rekognition and
Transcribe, which have one path and name their operation in a header.
"""

from __future__ import annotations

from collections.abc import MutableMapping

from pydantic_core import to_json

from agentkit.codec import HttpReply
from agentkit.errors import BadRequestError
from agentkit.simulator.analysis_jobs import AnalysisJobs
from agentkit.simulator.aws_analyses import ANALYSES
from agentkit.simulator.bedrock_tasks import about_bedrock, is_beside_chat
from agentkit.simulator.formats import Moment, json_object
from agentkit.simulator.http import HttpAsked
from agentkit.simulator.reply import Reply
from agentkit.simulator.transcription_jobs import TRANSCRIPTS, TranscriptionJobs

__all__ = ["AwsServices", "is_for_aws"]

_TARGET = "x-amz-target"
_JSON = (("content-type", "application/x-amz-json-1.1"),)


class AwsServices:
    """The services of a simulator."""

    def __init__(self, objects: MutableMapping[str, bytes], *, seconds: float = 0.0) -> None:
        """`objects` are those in buckets, by their addresses. A job takes so many seconds."""
        self._jobs = TranscriptionJobs(seconds=seconds)
        self._analyses = AnalysisJobs(objects, seconds=seconds)

    def about(self, asked: HttpAsked, moment: Moment) -> Reply | None:
        """The reply to a request for one of these services; None for any other. Raises BadRequestError."""
        try:
            return self._about(asked, moment)
        except (AttributeError, TypeError, ValueError, LookupError) as error:  # a field is of a type that it never has
            words = f"The request has a field of another type than the operation takes: {error}"
            raise BadRequestError(words, status=400, error_type="SerializationException") from error

    def _about(self, asked: HttpAsked, moment: Moment) -> Reply | None:
        target = asked.header(_TARGET)
        if not target:
            return about_bedrock(asked) or self._jobs.transcript(asked, moment)
        sent = json_object(asked.body)
        if sent is None:
            raise BadRequestError("The body is no JSON object.", status=400, error_type="SerializationException")
        if (operation := self._jobs.operations.get(target)) is not None:
            told = operation(sent, moment, asked.header("host"))
        elif (of_many := self._analyses.operations.get(target)) is not None:
            told = of_many(sent, moment)
        elif (analysis := ANALYSES.get(target)) is not None:
            told = analysis(sent)
        else:
            raise BadRequestError(f"No operation {target}", status=404, error_type="UnknownOperationException")
        return Reply.whole(HttpReply(200, to_json(told), _JSON))


def is_for_aws(asked: HttpAsked) -> bool:
    """Whether a request is for one of these services."""
    return bool(asked.header(_TARGET)) or is_beside_chat(asked.path) or asked.path.startswith(TRANSCRIPTS)
