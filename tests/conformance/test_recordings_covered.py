"""Every recorded exchange of an API that agentkit offers is decoded by a test; how many, by provider and API.

Which test decodes what is said here once. A new kind of recording that no test reads makes this one fail.
"""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

from conformance.recordings import Recorded, apis, exchanges
from conformance.test_recordings_chat import READS_MORE_THINKING
from conformance.test_recordings_embeddings import EXCEPTIONS as NO_VECTORS
from conformance.test_recordings_embeddings import PER_TOKEN
from conformance.test_recordings_media import EXCEPTIONS as NO_TRANSCRIPT
from conformance.test_recordings_responses import NOT_DECODED as NO_RESPONSE
from shared import needs_shared

pytestmark = needs_shared

ROOT = Path(__file__).resolve().parents[2]
CLASSIFYING = "tests/tasks/test_classify.py"
CLASSIFIED = f"{CLASSIFYING}::test_every_recorded_classification_decodes_to_what_independent_readers_found"
BATCHES, INVOKE, COUNTS = (
    "tests/conformance/test_recordings_batch.py",
    "tests/conformance/test_recordings_invoke.py",
    "tests/conformance/test_counts.py",
)
_MODULES = {
    "chat_completions": "chat",
    "converse": "converse",
    "embeddings": "embeddings",
    "generate_content": "gemini",
    "images": "media",
    "invoke_model": "invoke",
    "messages": "messages",
    "responses": "responses",
    "transcriptions": "media",
}
_REPLIES = "test_every_reply_decodes_to_what_independent_readers_found"
_NAMES = {
    ("chat_completions", "generation"): "test_every_answer_is_read_as_independent_readers_read_it",
    ("chat_completions", "error"): "test_every_error_reply_becomes_a_typed_error",
    ("images", "images"): "test_every_reply_with_pictures_decodes_to_what_independent_readers_found",
    ("transcriptions", "transcription"): "test_every_transcript_decodes_to_what_independent_readers_found",
    ("invoke_model", "generation"): "test_every_reply_of_invoke_model_decodes_to_what_independent_readers_found",
    ("invoke_model", "error"): "test_an_unknown_model_is_named_so",
}
DECODED_BY = {
    ("batch", "batch"): f"{BATCHES}::test_every_recorded_reply_decodes_as_expected",
    ("files", "batch_results"): f"{BATCHES}::test_every_recorded_reply_decodes_as_expected",
    ("classification", "classification"): CLASSIFIED,
    ("image_classification", "classification"): CLASSIFIED,
    ("zero_shot_classification", "classification"): CLASSIFIED,
    ("inference", "text"): f"{INVOKE}::test_every_native_text_is_read",
    ("invoke_endpoint", "raw"): f"{INVOKE}::test_the_recorded_endpoint_of_sagemaker_is_read",
    ("moderations", "moderation"): (
        f"{CLASSIFYING}::test_every_recorded_moderation_decodes_to_what_independent_readers_found"
    ),
    ("text_generation", "text"): f"{INVOKE}::test_every_native_text_is_read",
    ("text_generation", "error"): f"{INVOKE}::test_every_native_refusal_is_typed",
    ("token_count", "token_count"): f"{COUNTS}::test_every_recorded_count_is_read",
    ("token_count", "error"): f"{COUNTS}::test_every_recorded_refusal_to_count_is_typed",
}
"""API and kind of reply -> the test, where it is not that of the API's own module."""

EXCEPTIONS = {
    **dict.fromkeys(READS_MORE_THINKING, "we read thinking that the independent reader passes over"),
    **NO_RESPONSE,
    **NO_VECTORS,
    **NO_TRANSCRIPT,
    PER_TOKEN: "a vector for each token, which is refused in words",
}
"""Recording -> why it does not decode to what is expected."""

NOT_OFFERED = {
    "cached_contents": "prompts kept at the provider by hand; caching is asked for with the prompt",
    "cohere_chat_v1": "Cohere's own chat API; Cohere on Bedrock chats",
    "cohere_chat_v2": "Cohere's own chat API; Cohere on Bedrock chats",
    "completions": "the older API before chat",
    "files": "files for themselves; those of batches are read",
    "image_segmentation": "no chat, embedding, picture, speech or classification",
    "inference": "an older address of any task",
    "interactions": "Gemini's API for its own agents",
    "models": "lists of models; agentkit has its own",
    "ocr": "no chat, embedding, picture, speech or classification",
    "ollama_chat": "Ollama's own format; its Chat Completions are asked",
    "ollama_generate": "Ollama's own format; its Chat Completions are asked",
    "question_answering": "no chat, embedding, picture, speech or classification",
    "rerank": "no chat, embedding, picture, speech or classification",
    "sentence_similarity": "no chat, embedding, picture, speech or classification",
    "speech": "text to speech",
    "summarization": "an older task that chat does",
    "token_classification": "labels of words, not of texts",
    "token_count": "counts of providers whose prompts agentkit does not count",
    "translation": "an older task that chat does",
}
"""API -> why no test decodes replies of it, where none is named above."""
COUNTED = {"anthropic", "bedrock", "google", "google_vertex", "openai"}
BATCHING = {"anthropic", "google", "mistral", "openai"}


def decoding_test(recorded: Recorded) -> str | None:
    """The test that decodes the reply; None where the API is not offered."""
    key = api, kind = recorded.api, recorded.expect["kind"]
    if api == "token_count" and recorded.provider not in COUNTED:
        return None
    if api == "batch":
        return DECODED_BY["batch", "batch"] if recorded.provider in BATCHING else None
    if key in DECODED_BY:
        return DECODED_BY[key]
    if api not in _MODULES or kind == "raw":
        return None
    name = _NAMES.get(key, "test_every_error_is_read" if kind == "error" else _REPLIES)
    return f"tests/conformance/test_recordings_{_MODULES[api]}.py::{name}"


def everything() -> list[Recorded]:
    return [recorded for api in apis() for recorded in exchanges(api)]


def test_every_recorded_exchange_of_an_api_that_is_offered_is_decoded_by_a_test() -> None:
    whole, read = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    untold: list[str] = []
    for recorded in everything():
        if decoding_test(recorded) is not None or recorded.id in EXCEPTIONS:
            whole[recorded.provider, recorded.api] += 1
            read[recorded.provider, recorded.api] += recorded.id not in EXCEPTIONS
        elif recorded.api not in NOT_OFFERED:
            untold.append(recorded.id)
    for provider, api in sorted(whole):
        print(f"{provider}, {api}: {read[provider, api]} of {whole[provider, api]}")
    print(f"all: {read.total()} of {whole.total()}; the others:")
    for id, reason in sorted(EXCEPTIONS.items()):
        print(f"  {id}: {reason}")
    assert untold == []
    assert set(EXCEPTIONS) <= {recorded.id for recorded in everything()}
    assert len(EXCEPTIONS) < whole.total() * 0.02


def test_the_tests_that_are_named_exist() -> None:
    named = {test for recorded in everything() if (test := decoding_test(recorded)) is not None}
    for file in {test.partition("::")[0] for test in named}:
        tree = ast.parse((ROOT / file).read_text())
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        missing = {test for test in named if test.startswith(f"{file}::")} - {f"{file}::{name}" for name in functions}
        assert missing == set()


def test_what_is_not_offered_was_recorded() -> None:
    left = {
        recorded.api for recorded in everything() if decoding_test(recorded) is None and recorded.id not in EXCEPTIONS
    }
    assert left == set(NOT_OFFERED)
