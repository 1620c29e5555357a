"""Answers of the APIs beside chat as bytes, for caches: vectors, labels, pictures, transcripts. Never the question."""

from __future__ import annotations

import sys
from array import array
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from agentkit.classification import Classification, ClassificationAnswer
from agentkit.embedding import EmbeddingAnswer, vector_of_base64
from agentkit.imaging import GeneratedImage, ImageAnswer
from agentkit.json_bytes import json_bytes
from agentkit.media import Image
from agentkit.messages import AssistantMessage, Text, UserMessage, messages_from_json, messages_to_json
from agentkit.policies.tasks import TaskResponse
from agentkit.transcription import Segment, TranscriptionAnswer, Word
from agentkit.usage import Usage

__all__ = ["task_response_of", "task_response_to_bytes"]

Json = dict[str, Any]


def task_response_to_bytes(response: TaskResponse) -> bytes:
    """What is kept of an answer; a TypeError for one that agentkit did not make."""
    answer: Any = response.answer
    match answer:
        case EmbeddingAnswer():
            task, told = "embed", {"vectors": [_base64(vector) for vector in answer.vectors]}
        case ClassificationAnswer():
            task, told = "classify", {"found": [_classification(each) for each in answer.classifications]}
        case ImageAnswer():
            pictures = [UserMessage((each.image,)) for each in answer.images]
            prompts = [each.revised_prompt for each in answer.images]
            task, told = "generate_image", {"pictures": messages_to_json(pictures), "prompts": prompts}
        case TranscriptionAnswer():
            task, told = "transcribe", _transcript(answer)
        case _:
            raise TypeError(f"{type(answer).__name__} is no answer that can be kept")
    kept = {"model": answer.model, "usage": asdict(response.usage), "notes": response.notes}
    return json_bytes({"task": task, "answer": told, **kept})


def task_response_of(kept: Json) -> TaskResponse:
    """The answer that was kept. Raises KeyError, TypeError, ValueError, AgentkitError for what is none."""
    told: Json = kept["answer"]
    model, usage = str(kept["model"]), Usage(**kept["usage"])
    match kept["task"]:
        case "embed":
            vectors = tuple(vector_of_base64(text, provider="") for text in told["vectors"])
            answer: Any = EmbeddingAnswer(vectors, usage, model)
        case "classify":
            found = tuple(
                Classification(tuple(each["labels"]), each["scores"], each["is_flagged"]) for each in told["found"]
            )
            answer = ClassificationAnswer(found, usage, model)
        case "generate_image":
            parts = [message.parts[0] for message in messages_from_json(told["pictures"])]
            images = tuple(
                GeneratedImage(part, prompt)
                for part, prompt in zip(parts, told["prompts"], strict=True)
                if isinstance(part, Image)
            )
            answer = ImageAnswer(images, usage, model)
        case "transcribe":
            segments = tuple(Segment(**each) for each in told["segments"])
            words = tuple(Word(**each) for each in told["words"])
            answer = TranscriptionAnswer(
                told["text"], segments, words, told["language"], told["duration_seconds"], usage, model
            )
        case task:
            raise ValueError(f"{task!r} is no task")
    # A transcript is told again to who listens.
    told_again = (Text(answer.text),) if isinstance(answer, TranscriptionAnswer) and answer.text else ()
    message = AssistantMessage(told_again, model, usage=usage)
    return TaskResponse(message, notes=tuple(kept["notes"]), answer=answer)


def _classification(each: Classification) -> Json:
    scores = None if each.scores is None else dict(each.scores)
    return {"labels": each.labels, "scores": scores, "is_flagged": each.is_flagged}


def _transcript(answer: TranscriptionAnswer) -> Mapping[str, Any]:
    return {
        "text": answer.text,
        "segments": [asdict(each) for each in answer.segments],
        "words": [asdict(each) for each in answer.words],
        "language": answer.language,
        "duration_seconds": answer.duration_seconds,
    }


def _base64(vector: array[float]) -> str:
    if sys.byteorder == "big":
        vector = vector[:]
        vector.byteswap()
    return b64encode(vector.tobytes()).decode()
