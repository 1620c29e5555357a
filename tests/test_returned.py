"""What a tool returned: media apart from the JSON that the model reads."""

from __future__ import annotations

from typing import Any

import pytest

from agentkit.media import Image
from agentkit.messages import Media, Text
from agentkit.returned import without_media

PICTURE = Image.from_bytes(b"\x89PNG\r\n\x1a\n" + b"0" * 8)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (PICTURE, None),
        ([PICTURE, "seen"], "seen"),
        ([PICTURE, Text("a"), "b"], ["a", "b"]),
        ({"caption": "a", "picture": PICTURE, "author": None}, {"caption": "a", "author": None}),
    ],
)
def test_media_are_taken_out_of_what_a_tool_returned(value: Any, plain: Any) -> None:
    media: list[Media] = []
    assert without_media(value, media) == plain
    assert media == [PICTURE]


def test_what_holds_no_media_stays_the_same_object() -> None:
    value = {"a": [1, {"b": None}]}
    assert without_media(value, []) is value
