"""Requests of OpenAI's other APIs as its oracle reads them."""

from __future__ import annotations

import json
from typing import Any

from agentkit.codec import WireRequest
from agentkit.simulator.forms import form_of

__all__ = ["as_oracle_reads"]

LISTS = ("timestamp_granularities", "include")


def as_oracle_reads(wire: WireRequest) -> dict[str, Any]:
    """The request; all values of a form are words, which the oracle wants as what they mean."""
    headers = dict(wire.headers)
    url = f"https://api.openai.com/v1{wire.path}"
    known = {"method": "POST", "url": url, "headers": {**headers, "authorization": "Bearer k"}}
    if headers["content-type"] == "application/json":
        return {**known, "json": json.loads(wire.body)}
    form = form_of(wire.body, headers["content-type"])
    fields = {name: values if name in LISTS else _meant(values[0]) for name, values in form.fields.items()}
    files = {name: [file.filename for file in found] for name, found in form.files.items()}
    sent = {name: found[0] if len(found) == 1 else found for name, found in files.items()}
    return {**known, "form": {**fields, **sent}}


def _meant(value: str) -> Any:
    if value in ("true", "false"):
        return value == "true"
    return int(value) if value.isdecimal() else value
