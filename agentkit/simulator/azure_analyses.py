"""What the simulator of Azure AI Language finds in texts, by their words alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

__all__ = ["ANALYSES", "HARMS", "analyzed"]

Json: TypeAlias = dict[str, Any]

_GOOD = re.compile(r"\b(?:good|great|nice|lovely|love|thanks?|wonderful|fine)\b", re.IGNORECASE)
_BAD = re.compile(r"\b(?:bad|awful|terrible|hate|late|broken|refund|never)\b", re.IGNORECASE)
_LANGUAGES: Mapping[str, tuple[str, re.Pattern[str]]] = {
    "de": ("German", re.compile(r"\b(?:der|die|das|ist|und|guten)\b", re.IGNORECASE)),
    "fr": ("French", re.compile(r"\b(?:le|la|les|est|et|bonjour)\b", re.IGNORECASE)),
    "es": ("Spanish", re.compile(r"\b(?:el|los|es|y|hola|buenos)\b", re.IGNORECASE)),
    "en": ("English", re.compile(r"")),
}
_CLASSES: Mapping[str, re.Pattern[str]] = {"question": re.compile(r"\?"), "praise": _GOOD, "complaint": _BAD}
"""What the simulator's custom classifiers were trained for; a single one says "other" where nothing fits."""
HARMS: Mapping[str, re.Pattern[str]] = {
    "Hate": re.compile(r"\b(?:idiots?|stupid)\b", re.IGNORECASE),
    "SelfHarm": re.compile(r"\b(?:hurt|harm|kill) myself\b", re.IGNORECASE),
    "Sexual": re.compile(r"\bnaked\b", re.IGNORECASE),
    "Violence": re.compile(r"\b(?:kill|murder|stab|shoot)\b", re.IGNORECASE),
}
_MOST_CHARACTERS = 5_120


def analyzed(kind: str, documents: Sequence[Json]) -> Json:
    """What is found in documents; those that cannot be analysed have an error."""
    rows: list[Json] = []
    errors: list[Json] = []
    for document in documents:
        id, text = document.get("id"), str(document.get("text") or "")
        wrong = "Document text is empty." if not text.strip() else ""
        if len(text) > _MOST_CHARACTERS:
            wrong = f"A document within the request was too large: at most {_MOST_CHARACTERS} characters."
        if wrong:
            inner = {"code": "InvalidDocument", "message": wrong}
            error = {"code": "InvalidArgument", "message": "Invalid document in request.", "innererror": inner}
            errors.append({"id": id, "error": error})
        else:
            rows.append({"id": id, **ANALYSES[kind](text), "warnings": []})
    return {"documents": rows, "errors": errors}


def _sentiment(text: str) -> Json:
    good, bad = bool(_GOOD.search(text)), bool(_BAD.search(text))
    sentiment = "mixed" if good and bad else "positive" if good else "negative" if bad else "neutral"
    scores = {"positive": 0.45, "neutral": 0.1, "negative": 0.45}
    if sentiment != "mixed":
        scores = {name: 0.9 if name == sentiment else 0.05 for name in scores}
    return {"sentiment": sentiment, "confidenceScores": scores, "sentences": []}


def _language(text: str) -> Json:
    code, (name, _) = next((code, known) for code, known in _LANGUAGES.items() if known[1].search(text))
    return {"detectedLanguage": {"name": name, "iso6391Name": code, "confidenceScore": 0.95}}


def _single(text: str) -> Json:
    label = next((name for name, words in _CLASSES.items() if words.search(text)), "other")
    return {"class": [{"category": label, "confidenceScore": 0.9}]}


def _multi(text: str) -> Json:
    return {
        "class": [{"category": name, "confidenceScore": 0.8} for name, words in _CLASSES.items() if words.search(text)]
    }


ANALYSES: Mapping[str, Callable[[str], Json]] = {
    "SentimentAnalysis": _sentiment,
    "LanguageDetection": _language,
    "CustomSingleLabelClassification": _single,
    "CustomMultiLabelClassification": _multi,
}
