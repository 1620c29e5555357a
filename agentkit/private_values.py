"""What private things look like in a text: keys, e-mail addresses, phone, card and account numbers, national numbers.

Numbers that have a checksum are told from other numbers by it. Every pattern looks at a text in linear time: what could
be tried again from the inside is possessive, what repeats is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["KINDS", "Kind", "Span", "find_private", "merged"]

Kind: TypeAlias = Literal["key", "email", "phone", "card", "iban", "id"]

KINDS: tuple[Kind, ...] = ("key", "email", "phone", "card", "iban", "id")
"""All kinds; "id" are national numbers of persons."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a text, and what it holds."""

    start: int
    end: int
    kind: str


def find_private(text: str, kinds: Collection[str] = KINDS) -> list[Span]:
    """Where private things of these kinds stand; they may overlap."""
    has_digit = _DIGIT.search(text) is not None
    spans: list[Span] = []
    for kind in kinds:
        if (kind == "email" and "@" not in text) or (kind in _NUMBERS and not has_digit):
            continue
        spans += [Span(start, end, kind) for start, end in _FINDERS[kind](text)]
    return spans


def merged(spans: Iterable[Span]) -> list[Span]:
    """In order, those that overlap as one of the kind that began first: nothing of either may be left."""
    whole: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if whole and span.start < whole[-1].end:
            last = whole.pop()
            span = Span(last.start, max(last.end, span.end), last.kind)
        whole.append(span)
    return whole


_DIGIT = re.compile(r"\d")
_NUMBERS = frozenset({"phone", "card", "iban", "id"})

_KEYS = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"(?:sk|pk|rk|xai|csk|gsk|hf|r8|pplx|nvapi|sess|gh[oprsu]|github_pat|glpat|npm|whsec|SG|xox[abeoprs])[-_.][\w.-]{14,}+"
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}+|AIza[\w-]{30,}+|ya29\.[\w.-]{10,}+|eyJ[\w-]{8,}+\.[\w-]{8,}+\.[\w-]*+)"
)
_BEARER = re.compile(r"(?i)\bbearer[ ]{1,4}([\w.~+/=-]{12,}+)")
_NAMED_SECRET = re.compile(
    r"(?i)(?<![a-z])(?:api[-_ ]?key|(?:access|auth)[-_ ]?token|password|passwd|secret)"
    r"\s{0,4}[=:]\s{0,4}[\"']?([^\s\"',;&<>]{4,}+)"
)
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^-]*+(?:-(?!----)[^-]*+)*+(?:-----END [A-Z ]{0,40}PRIVATE KEY-----)?"
)
_EMAIL = re.compile(r"(?<![\w.%+-])[\w.%+'-]++@[\w-]++(?:\.[\w-]++)++")
_PHONES = (
    re.compile(r"(?<![\w+])(?:\+|00)[1-9](?:[ ().\-/]{0,2}\d){6,14}(?!\d)"),
    re.compile(r"(?<![\w-])(?:\(\d{3}\) ?|\d{3}[-. ])\d{3}[-. ]\d{4}(?![\w-])"),
    re.compile(r"(?<![\w.-])0\d{1,4}[ /-]\d{2,4}(?:[ -]?\d{2,4}){1,3}(?!\d)"),
)
_LEAST_PHONE_DIGITS = 9  # of a number without its country: a date has eight
_DIGIT_GROUPS = re.compile(r"(?<![\w.])\d++(?:[ -]\d++)*+")
_GROUP = re.compile(r"\d+")
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]){10,32}")


def _keys(text: str) -> Iterator[tuple[int, int]]:
    for found in _KEYS.finditer(text):
        if _DIGIT.search(found[0]) is not None:  # words joined by dashes have none
            yield found.span()
    for pattern in (_BEARER, _NAMED_SECRET):
        for found in pattern.finditer(text):
            yield found.span(1)
    for found in _PRIVATE_KEY.finditer(text):
        yield found.span()


def _emails(text: str) -> Iterator[tuple[int, int]]:
    for found in _EMAIL.finditer(text):
        yield found.span()


def _phones(text: str) -> Iterator[tuple[int, int]]:
    for pattern in _PHONES:
        for found in pattern.finditer(text):
            if found[0][0] in "+(" or len(_digits(found[0])) >= _LEAST_PHONE_DIGITS:
                yield found.span()


def _cards(text: str) -> Iterator[tuple[int, int]]:
    """Groups of digits that come to 13 to 19 and pass Luhn's test, whatever numbers stand before or behind."""
    for run in _DIGIT_GROUPS.finditer(text):
        groups = [(group.start(), group.end()) for group in _GROUP.finditer(text, *run.span())]
        for first, (start, _) in enumerate(groups):
            digits, best = "", None
            for group_start, end in groups[first : first + 19]:
                digits += text[group_start:end] if end - group_start <= 19 else "0" * 20
                if len(digits) > 19:
                    break
                if len(digits) >= 13 and _is_luhn(digits):
                    best = end
            if best is not None:
                yield start, best


def _ibans(text: str) -> Iterator[tuple[int, int]]:
    for found in _IBAN.finditer(text):
        length = _IBAN_LENGTHS.get(found[0][:2], 0)
        end = _end_of(found[0], length)
        if end is not None and _is_iban(found[0][:end].replace(" ", "")):
            yield found.start(), found.start() + end


def _end_of(text: str, count: int) -> int | None:
    """Where `count` characters other than spaces have been read, with the end of a word behind them."""
    seen = 0
    for at, char in enumerate(text):
        seen += char != " "
        if seen == count > 0:
            return at + 1 if at + 1 == len(text) or not text[at + 1].isalnum() else None
    return None


def _is_iban(compact: str) -> bool:
    rearranged = compact[4:] + compact[:4]
    return int("".join(str(int(char, 36)) for char in rearranged)) % 97 == 1


def _digits(text: str) -> str:
    return "".join(char for char in text if char.isdecimal())


def _is_luhn(digits: str) -> bool:
    total = 0
    for at, char in enumerate(reversed(digits)):
        value = int(char) * (1 + at % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0 and digits.strip("0") != ""


def _is_bsn(text: str) -> bool:
    """Dutch citizen service number: the test of eleven."""
    digits = [int(char) for char in _digits(text)]
    return any(digits) and (sum(d * (9 - at) for at, d in enumerate(digits[:8])) - digits[8]) % 11 == 0


def _is_tax_id(digits: str) -> bool:
    """German tax id: ISO 7064, mod 11,10."""
    product = 10
    for char in digits[:10]:
        sum_ = (int(char) + product) % 10 or 10
        product = sum_ * 2 % 11
    return digits[0] != "0" and (11 - product) % 10 == int(digits[10])


def _is_pesel(digits: str) -> bool:
    """Polish PESEL."""
    total = sum(int(char) * weight for char, weight in zip(digits, (1, 3, 7, 9) * 3, strict=False))
    last = sum(int(digits[at]) * weight for at, weight in enumerate((1, 3, 7, 9, 1, 3, 7, 9, 1, 3)))
    return total > 0 and (10 - last % 10) % 10 == int(digits[10])


def _is_cpf(digits: str) -> bool:
    """Brazilian CPF: two check digits."""
    if len(set(digits)) == 1:
        return False
    for count in (9, 10):
        total = sum(int(digits[at]) * (count + 1 - at) for at in range(count))
        if total * 10 % 11 % 10 != int(digits[count]):
            return False
    return True


def _is_belgian(digits: str) -> bool:
    """Belgian national number: mod 97, with a 2 before it for who was born from 2000 on."""
    return any(97 - int(born + digits[:9]) % 97 == int(digits[9:]) for born in ("", "2"))


def _is_eleven(text: str) -> bool:
    digits = _digits(text)
    return _is_tax_id(digits) or _is_pesel(digits) or _is_cpf(digits) or _is_belgian(digits)


def _is_dni(text: str) -> bool:
    """Spanish DNI and NIE: a letter by mod 23."""
    compact = text.replace("-", "")
    number = {"X": "0", "Y": "1", "Z": "2"}.get(compact[0], compact[0]) + compact[1:-1]
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23] == compact[-1]


def _is_nir(text: str) -> bool:
    """French social security number: mod 97; Corsica has letters."""
    compact = text.replace(" ", "")
    number, key = compact[:13].replace("2A", "19").replace("2B", "18"), compact[13:]
    return 97 - int(number) % 97 == int(key)


_ODD_VALUES = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
_ODD = {
    char: _ODD_VALUES[int(char) if char.isdecimal() else ord(char) - 65]
    for char in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
}


def _is_fiscal_code(text: str) -> bool:
    """Italian codice fiscale."""
    total = sum(
        _ODD[char] if at % 2 == 0 else (int(char) if char.isdecimal() else ord(char) - 65)
        for at, char in enumerate(text[:15])
    )
    return chr(65 + total % 26) == text[15]


def _is_personnummer(text: str) -> bool:
    """Swedish personal number: Luhn over the last ten digits, a month and a day in them."""
    digits = _digits(text)[-10:]
    return 1 <= int(digits[2:4]) <= 12 and 1 <= int(digits[4:6]) % 60 <= 31 and _is_luhn(digits)


_IDS: tuple[tuple[re.Pattern[str], Callable[[str], bool] | None], ...] = (
    # US social security numbers and British insurance numbers have no checksum, but a form of their own.
    (re.compile(r"(?<![\w-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])"), None),
    (
        re.compile(
            r"(?<![A-Za-z0-9])(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]"
            r" ?\d{2} ?\d{2} ?\d{2} ?[A-D](?![A-Za-z0-9])"
        ),
        None,
    ),
    (re.compile(r"(?<![\w.-])(?:\d{9}|\d{4}\.\d{2}\.\d{3})(?![\w-])"), _is_bsn),
    (
        re.compile(
            r"(?<![\w.-])(?:\d{11}|\d{2} \d{3} \d{3} \d{3}|\d{3}\.\d{3}\.\d{3}-\d{2}|\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2})"
            r"(?![\w-])"
        ),
        _is_eleven,
    ),
    (re.compile(r"(?<![A-Za-z0-9-])(?:\d{8}|[XYZ]-?\d{7})-?[A-Z](?![A-Za-z0-9])"), _is_dni),
    (
        re.compile(r"(?<![\w.-])[1278] ?\d{2} ?\d{2} ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}(?![\w-])"),
        _is_nir,
    ),
    (
        re.compile(r"(?<![A-Za-z0-9])[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z](?![A-Za-z0-9])"),
        _is_fiscal_code,
    ),
    (re.compile(r"(?<![\w.-])(?:(?:19|20)\d{6}-?|\d{6}[-+])\d{4}(?![\w-])"), _is_personnummer),
)


def _ids(text: str) -> Iterator[tuple[int, int]]:
    for pattern, is_right in _IDS:
        for found in pattern.finditer(text):
            if is_right is None or is_right(found[0]):
                yield found.span()


_FINDERS: Mapping[str, Callable[[str], Iterator[tuple[int, int]]]] = {
    "key": _keys,
    "email": _emails,
    "phone": _phones,
    "card": _cards,
    "iban": _ibans,
    "id": _ids,
}

_LENGTHS = (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 FO18 "
    "FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LI21 LT20 LU20 LV21 "
    "MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SE24 SI19 SK24 SM27 TN24 "
    "TR26 UA29 VG24 XK20"
)
_IBAN_LENGTHS = {entry[:2]: int(entry[2:]) for entry in _LENGTHS.split()}
