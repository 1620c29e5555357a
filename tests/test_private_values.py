"""Keys, addresses and numbers are found by their forms, numbers with a checksum by that."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit.private_values import KINDS, Kind, find_private, merged

FOUND: list[tuple[Kind, str]] = [
    ("key", "sk-proj-Ab3dEf6hIj9kLm2nOp5q"),
    ("key", "AKIAIOSFODNN7EXAMPLE"),
    ("key", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"),
    ("key", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"),
    ("key", "-----BEGIN RSA PRIVATE KEY-----\nMIIEow-IBAAKC\n-----END RSA PRIVATE KEY-----"),
    ("email", "ada.lovelace+bills@mail.example.co.uk"),
    ("email", "jörg@münchen.example"),
    ("phone", "+49 (0)30 1234567"),
    ("phone", "(555) 123-4567"),
    ("phone", "020-7946 0958"),
    ("card", "4111 1111 1111 1111"),
    ("card", "378282246310005"),
    ("iban", "DE89 3704 0044 0532 0130 00"),
    ("iban", "NL91ABNA0417164300"),
    ("id", "123-45-6789"),
    ("id", "AB 12 34 56 C"),
    ("id", "111222333"),
    ("id", "86095742719"),
    ("id", "44051401359"),
    ("id", "529.982.247-25"),
    ("id", "85.07.30-033.28"),
    ("id", "12345678Z"),
    ("id", "X1234567L"),
    ("id", "1 85 05 78 006 084 91"),
    ("id", "RSSMRA85T10A562S"),
    ("id", "811228-9874"),
]


@pytest.mark.parametrize(("kind", "value"), FOUND)
def test_a_value_is_found_alone_and_amid_words(kind: Kind, value: str) -> None:
    for text in (value, f"It is {value}, she said.", f"({value})", f"12 {value}\n"):
        found = [text[span.start : span.end] for span in merged(find_private(text, [kind]))]
        assert any(value in each for each in found), (text, found)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("key", "sk-learn-is-a-library-of-python"),
        ("email", "look @home"),
        ("phone", "01-02-2026"),
        ("card", "4111 1111 1111 1112"),
        ("iban", "DE89 3704 0044 0532 0130 01"),
        ("id", "000-45-6789"),
        ("id", "111222334"),
        ("id", "86095742710"),
        ("id", "12345678A"),
        ("id", "RSSMRA85T10A562T"),
    ],
)
def test_what_only_looks_like_it_is_left_alone(kind: Kind, value: str) -> None:
    assert find_private(f"It is {value}.", [kind]) == []


def test_a_card_is_found_before_its_date() -> None:
    text = "4111 1111 1111 1111 12 27"
    assert [text[span.start : span.end] for span in find_private(text, ["card"])] == ["4111 1111 1111 1111"]


@given(st.text(alphabet="0123456789 -.+<>@AZaz\n", max_size=200))
def test_spans_lie_in_the_text_in_order(text: str) -> None:
    at = 0
    for span in merged(find_private(text)):
        assert at <= span.start < span.end <= len(text)
        at = span.end


HOSTILE = [
    *("a" * 8, "a.", "a@", "@a.", "a@a.", "1 ", "1-", "1", "0 1", "00 1", "+1", "(1", "-"),
    *("sk-", "-----BEGIN PRIVATE KEY-----", "DE89 ", "AB12", "eyJ", "password=", "bearer "),
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_the_time_grows_with_the_length(piece: str) -> None:
    def seconds(count: int) -> float:
        text = piece * (count // len(piece))
        began = time.process_time()
        for kind in KINDS:
            find_private(text, [kind])
        return time.process_time() - began

    assert seconds(100_000) < max(30 * seconds(10_000), 0.3)


@settings(max_examples=50)
@given(st.lists(st.sampled_from(HOSTILE), min_size=1, max_size=4))
def test_no_mix_of_pieces_takes_long(pieces: list[str]) -> None:
    text = "".join(pieces) * 300
    began = time.process_time()
    find_private(text)
    assert time.process_time() - began < 1
