"""A batch before anything is sent: what its inputs are on the wire, and in which parts the provider takes them."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agentkit.batching import BatchLimits, BatchPart, BatchQuestion, BatchState, item_id
from agentkit.embedding import EmbeddingRequest
from agentkit.errors import ConfigurationError
from agentkit.remote_batch import RemoteBatch

__all__ = ["planned"]


def planned(
    remote: RemoteBatch,
    requests: Sequence[BatchQuestion],
    *,
    ids: Sequence[str],
    name: str = "",
    task: Mapping[str, Any] | None = None,
) -> BatchState:
    """A batch of these requests, in parts that the provider takes; `task` is what they ask for. Nothing is sent.

    Raises ConfigurationError for a request that the provider would not take, UnsupportedError.
    """
    name = name or f"ak-{secrets.token_hex(8)}"
    digest = hashlib.sha256()
    names: dict[str, str] = {}
    notes: dict[str, None] = {}
    sizes: list[_Size] = []
    paths: dict[str, str] = {}  # endpoint -> the first input that goes there
    for position, request in enumerate(requests):
        line = remote.line(item_id(name, position), request)
        names.update((wire, own) for wire, own in line.wire.names.items() if wire != own)
        notes.update(dict.fromkeys(line.wire.notes))
        texts = len(request.inputs) if isinstance(request, EmbeddingRequest) else 1
        sizes.append(_Size(len(remote.codec.line(line)), texts))
        paths.setdefault(line.wire.path, ids[position])
        for piece in (ids[position].encode(errors="replace"), line.wire.body):
            digest.update(len(piece).to_bytes(8, "big"))
            digest.update(piece)
    _refuse_mixed(paths)
    parts = _split(sizes, remote.codec.limits, ids=ids)
    state = BatchState(name, str(remote.identity), digest.hexdigest(), tuple(ids), parts, names, tuple(notes))
    return state if task is None else replace(state, task=task)


@dataclass(frozen=True, slots=True)
class _Size:
    """How much of a batch some inputs take."""

    bytes: int = 0
    texts: int = 0

    def __add__(self, other: _Size) -> _Size:
        return _Size(self.bytes + other.bytes, self.texts + other.texts)

    def fits(self, limits: BatchLimits) -> bool:
        return self.bytes <= limits.bytes and (limits.texts is None or self.texts <= limits.texts)


def _refuse_mixed(paths: Mapping[str, str]) -> None:
    """Raises ConfigurationError for inputs of several endpoints, as a picture made and a picture edited are."""
    if len(paths) > 1:
        (one, first), (other, second), *_ = paths.items()
        raise ConfigurationError(
            f"a batch asks one thing of all inputs, but {first!r} goes to {one} and {second!r} to {other}; make a "
            "batch of each kind"
        )


def _split(sizes: Sequence[_Size], limits: BatchLimits, *, ids: Sequence[str]) -> tuple[BatchPart, ...]:
    if len(sizes) < limits.least:
        raise ConfigurationError(
            f"{len(sizes)} requests are too few: a batch has {limits.least} here at the least; ask at once with "
            'via="requests"'
        )
    parts: list[BatchPart] = []
    first, filled = 0, _Size()
    for position, size in enumerate(sizes):
        if not size.fits(limits):
            texts = "" if limits.texts is None else f", and {limits.texts:,} texts"
            raise ConfigurationError(
                f"the input {ids[position]!r} has {size.bytes:,} bytes; a batch takes {limits.bytes:,}{texts} at the "
                "most"
            )
        if position - first == limits.requests or not (filled + size).fits(limits):
            parts.append(BatchPart(first, position - first))
            first, filled = position, _Size()
        filled += size
    return _evened((*parts, BatchPart(first, len(sizes) - first)), limits.least)


def _evened(parts: tuple[BatchPart, ...], least: int) -> tuple[BatchPart, ...]:
    """The parts, each of them large enough: one takes what it lacks from the one before it."""
    evened: list[BatchPart] = []
    lack = 0
    for part in reversed(parts):
        part = replace(part, count=part.count - lack)
        lack = max(0, least - part.count)
        evened.append(replace(part, first=part.first - lack, count=part.count + lack))
    if lack:
        raise ConfigurationError(
            f"the requests are so large that {len(parts)} batches of them have no {least} each, the least here; "
            'ask at once with via="requests"'
        )
    return tuple(reversed(evened))
