"""Embeddings as data: what is asked for, what comes back, and what a provider takes at a time."""

from __future__ import annotations

import sys
from array import array
from base64 import b64decode
from binascii import Error as Base64Error
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, cast

from agentkit.codec import TaskCodec
from agentkit.errors import ProtocolError
from agentkit.json_value import json_value
from agentkit.media import Image
from agentkit.settings import Settings
from agentkit.task_model import TaskModel
from agentkit.usage import Usage

__all__ = [
    "EmbeddingAnswer",
    "EmbeddingCodec",
    "EmbeddingInput",
    "EmbeddingLimits",
    "EmbeddingModel",
    "EmbeddingRequest",
    "Purpose",
    "reply_of",
    "vector_of",
    "vector_of_base64",
]

EmbeddingInput: TypeAlias = str | Image
"""What can be embedded; images only by models that take them."""

Purpose: TypeAlias = Literal["document", "query", "classification", "clustering", "similarity"]
"""What the vectors are for. Some models make other vectors for questions than for the documents that answer them."""


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """One request for embeddings, within what the provider takes at a time."""

    model: str
    """The id as the provider spells it."""
    inputs: tuple[EmbeddingInput, ...]
    dimensions: int | None = None
    """How many numbers a vector shall have; None for the model's own."""
    purpose: Purpose | None = None
    settings: Settings = Settings()


@dataclass(frozen=True, slots=True)
class EmbeddingAnswer:
    """The vectors, in the order of the inputs."""

    vectors: tuple[array[float], ...]
    """Each an array of type "f": 32-bit floats."""
    usage: Usage = Usage()
    model: str = ""
    """The model that answered, in the provider's words."""


@dataclass(frozen=True, slots=True)
class EmbeddingLimits:
    """What a provider takes in one request; None is without bound."""

    items: int | None = None
    tokens: int | None = None
    """All inputs of a request together."""


class EmbeddingModel(TaskModel[EmbeddingRequest, EmbeddingAnswer], Protocol):
    """Anything that makes embeddings."""

    @property
    def limits(self) -> EmbeddingLimits:
        """What it takes in one request."""
        ...


class EmbeddingCodec(TaskCodec[EmbeddingRequest, EmbeddingAnswer], Protocol):
    """The client half of an embeddings API."""

    def limits(self, model: str) -> EmbeddingLimits:
        """What this model takes in one request."""
        ...


def reply_of(body: bytes, *, provider: str) -> object:
    """The JSON value of a reply. Raises ProtocolError."""
    try:
        return json_value(body)
    except ValueError as error:
        raise ProtocolError(f"the reply is not JSON: {error}", provider=provider) from None


def vector_of(numbers: object, *, provider: str) -> array[float]:
    """A vector of JSON numbers. Raises ProtocolError for what is none."""
    if not isinstance(numbers, list):
        raise ProtocolError(f"an embedding is a {type(numbers).__name__}, not a list of numbers", provider=provider)
    try:
        return array("f", cast("list[float]", numbers))
    except (TypeError, OverflowError) as error:
        raise ProtocolError(f"an embedding is no list of numbers: {error}", provider=provider) from None


def vector_of_base64(text: str, *, provider: str) -> array[float]:
    """A vector sent as base64 of little-endian 32-bit floats. Raises ProtocolError for what is none."""
    vector = array("f")
    try:
        vector.frombytes(b64decode(text, validate=True))
    except (Base64Error, ValueError) as error:
        raise ProtocolError(f"an embedding is no base64 of 32-bit floats: {error}", provider=provider) from None
    if sys.byteorder == "big":
        vector.byteswap()
    return vector
