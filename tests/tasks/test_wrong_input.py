"""What a newcomer gives wrongly to the tasks is told with its value and what to do; nothing is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agentkit.errors import ConfigurationError, MissingKeyError
from agentkit.media import Image
from agentkit.policies.limits import limited
from agentkit.providers import model, task_model
from agentkit.tasks.batch import Embed, batch_sync
from agentkit.tasks.classify import classify_sync
from agentkit.tasks.embed import embed_sync
from agentkit.tasks.generate_image import generate_image_sync
from agentkit.tasks.transcribe import transcribe_sync

_EMBEDS = "is no model for embed: give a name such as 'openai:text-embedding-3-small', or what task_model("
_CHATS: Any = model("offline:")


@pytest.mark.parametrize(
    ("ask", "complaint"),
    [
        (lambda: embed_sync(_CHATS, "a"), _EMBEDS),
        (lambda: embed_sync(limited(_CHATS, requests_per_minute=60), "a"), _EMBEDS),  # pyright: ignore
        (lambda: embed_sync(None, "a"), "None " + _EMBEDS),  # pyright: ignore
        (lambda: embed_sync(task_model("openai:gpt-image-2", "generate_image", api_key="k"), "a"), _EMBEDS),
        (lambda: batch_sync(_CHATS, ["a"], kind=Embed()), _EMBEDS),
        (lambda: generate_image_sync(_CHATS, "a"), "is no model for generate_image: give a name such as"),
        (lambda: transcribe_sync(_CHATS, "a.wav"), "is no model for transcribe: give a name such as"),
        (lambda: classify_sync(3, "a", labels=["a", "b"]), "3 is no model for classify: give a name such as"),  # pyright: ignore
        (lambda: embed_sync("offline:", ["a", 5]), "input 1 is a int; give texts, or Images"),  # pyright: ignore
        (lambda: embed_sync("offline:", "a", dimensions=0), "dimensions is 0; give 1 or more, or leave it out"),
        (
            lambda: embed_sync("offline:", "a", purpose="search"),  # pyright: ignore
            "the purpose is 'search'; it is one of 'document', 'query', 'classification', 'clustering', 'similarity'",
        ),
        (
            lambda: generate_image_sync("openai:gpt-image-2", "a", images=["cat.png"]),  # pyright: ignore
            "'cat.png' is no picture to work from; write Image.from_file('cat.png')",
        ),
        (
            lambda: generate_image_sync(
                "openai:gpt-image-2",
                "a",
                images=[Image.from_url("https://x.example/a.png")],
                mask="mask.png",  # pyright: ignore
            ),
            "'mask.png' is no picture to work from",
        ),
        (
            lambda: task_model("offline:", "embedding"),  # pyright: ignore
            "the task is 'embedding'; it is one of 'embed', 'generate_image', 'transcribe', 'classify'",
        ),
    ],
    ids=[
        "a model that chats",
        "a limited model that chats",
        "no model",
        "a model that draws",
        "a model that chats in a batch",
        "drawing by a model that chats",
        "hearing by a model that chats",
        "classifying by a number",
        "a number among texts",
        "no dimensions",
        "a purpose that is none",
        "a path as a picture",
        "a path as a mask",
        "a task that is none",
    ],
)
def test_the_error_says_what_was_given_and_what_to_give(ask: Callable[[], object], complaint: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        ask()
    assert complaint in str(raised.value)


def test_a_missing_key_does_not_send_to_the_offline_model_for_what_that_cannot_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(MissingKeyError) as raised:
        transcribe_sync("openai:whisper-1", "a.wav")
    assert str(raised.value) == (
        "no API key for openai: set the environment variable OPENAI_API_KEY, or pass model(..., api_key=...)"
    )


@pytest.mark.parametrize(
    ("name", "labels", "complaint"),
    [
        (
            "azure-language:sentiment",
            ["good", "bad"],
            "azure-language:sentiment has labels of its own, and takes no others: labels=None",
        ),
        (
            "openai:omni-moderation-latest",
            None,
            'openai:omni-moderation-latest moderates, and has no other labels: labels="moderation"',
        ),
    ],
)
def test_a_classifier_that_is_asked_otherwise_says_how_it_is_asked(
    name: str, labels: Any, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    monkeypatch.setenv("AZURE_LANGUAGE_KEY", "none")
    monkeypatch.setenv("AZURE_LANGUAGE_ENDPOINT", "https://language.example")
    with pytest.raises(ConfigurationError) as raised:
        classify_sync(name, "a", labels=labels)
    assert str(raised.value) == complaint
