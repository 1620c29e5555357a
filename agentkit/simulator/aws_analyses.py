"""What Comprehend and Rekognition say of texts and pictures, without a model: of a few words, and of what a file is."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from agentkit.errors import BadRequestError
from agentkit.media import media_type_of
from agentkit.simulator.vectors import harms_in

__all__ = ["ANALYSES", "LINES", "analysed"]

Json = dict[str, Any]

_MOST_TEXTS = 25
_MOST_SEGMENTS = 10
_MOST_TEXT_BYTES = 5000
_MOST_SEGMENT_BYTES = 1024
_MOST_PICTURE_BYTES = 5 * 2**20
_LANGUAGES = ("en", "es", "fr", "de", "it", "pt", "ar", "hi", "ja", "ko", "zh", "zh-TW")
_GOOD = re.compile(r"\b(?:good|great|love|nice|happy|thanks?)\b", re.IGNORECASE)
_BAD = re.compile(r"\b(?:bad|terrible|hate|awful|sad|broken)\b", re.IGNORECASE)
_FOREIGN: Mapping[str, str] = {"de": r"\b(?:der|die|das|und|ist|nicht)\b", "fr": r"\b(?:le|la|les|est|une|pas)\b"}
_TOXIC: Mapping[str, str] = {
    "GRAPHIC": "", "HARASSMENT_OR_ABUSE": "self-harm", "HATE_SPEECH": "", "INSULT": "harassment", "PROFANITY": "",
    "SEXUAL": "", "VIOLENCE_OR_THREAT": "violence",
}  # fmt: skip
"""Label -> the simulator's word for that harm."""
_CLASSES: Mapping[str, str] = {"POSITIVE": "PRAISE", "NEGATIVE": "COMPLAINT"}


def _detect_sentiment(sent: Json) -> Json:
    text = _text(sent.get("Text"))
    _language(sent)
    _refuse_long(text)
    return _sentiment(text)


def _batch_detect_sentiment(sent: Json) -> Json:
    _language(sent)
    return _batch(sent, _sentiment)


def _batch_detect_language(sent: Json) -> Json:
    return _batch(sent, _languages)


def _detect_toxic(sent: Json) -> Json:
    rows: Any = sent.get("TextSegments")
    segments = [_text(row.get("Text")) for row in cast("list[Json]", rows)] if isinstance(rows, list) else []
    if _language(sent) != "en":
        raise _refusal("UnsupportedLanguageException", "Only English is supported for DetectToxicContent.")
    if not 1 <= len(segments) <= _MOST_SEGMENTS:
        raise _refusal("InvalidRequestException", f"TextSegments has to hold from 1 to {_MOST_SEGMENTS} segments.")
    if any(len(text.encode()) > _MOST_SEGMENT_BYTES for text in segments):
        raise _refusal("TextSizeLimitExceededException", f"A segment has more than {_MOST_SEGMENT_BYTES} bytes.")
    return {"ResultList": [_toxicity(text) for text in segments]}


def _classify_document(sent: Json) -> Json:
    arn = str(sent.get("EndpointArn") or "")
    if ":document-classifier-endpoint/" not in arn:
        raise _refusal("InvalidRequestException", f"No classifier endpoint: {arn!r}")
    text = _text(sent.get("Text"))
    _refuse_long(text)
    said = _CLASSES.get(_sentiment(text)["Sentiment"], "OTHER")
    names = sorted((*_CLASSES.values(), "OTHER"), key=lambda name: name != said)
    return {"Classes": [{"Name": name, "Score": 0.9 if name == said else 0.05} for name in names]}


def _detect_labels(sent: Json) -> Json:
    data, _ = _picture(sent)
    kind = "JPEG" if media_type_of(data) == "image/jpeg" else "PNG"
    rows = [
        _label("Picture", 99.0),
        _label(kind, 88.0, "Picture"),
        _label("Small", 60.0 if len(data) < 10_000 else 20.0, "Picture"),
    ]
    most, least = sent.get("MaxLabels"), sent.get("MinConfidence", 55)
    kept = [row for row in rows if row["Confidence"] >= least]
    return {"Labels": kept[:most], "LabelModelVersion": "3.0"}


def _detect_moderation(sent: Json) -> Json:
    _, words = _picture(sent)
    names = {"violence": "Violence", "harassment": "Rude Gestures", "self-harm": "Self-Harm"}
    rows: list[Json] = [
        {"Name": names[harm], "Confidence": 92.0, "ParentName": "", "TaxonomyLevel": 1}
        for harm in sorted(harms_in(words))
    ]
    return {"ModerationLabels": rows, "ModerationModelVersion": "7.0", "ContentTypes": []}


def _batch(sent: Json, analyse: Callable[[str], Json]) -> Json:
    rows: Any = sent.get("TextList")
    texts = [_text(row) for row in cast("list[Any]", rows)] if isinstance(rows, list) else []
    if not texts:
        raise _refusal("InvalidRequestException", "TextList has to hold at least one text.")
    if len(texts) > _MOST_TEXTS:
        raise _refusal("BatchSizeLimitExceededException", f"TextList holds more than {_MOST_TEXTS} texts.")
    rows = [{"Index": place, **analysed(text, analyse)} for place, text in enumerate(texts)]
    failed = [row for row in rows if "ErrorCode" in row]
    return {"ResultList": [row for row in rows if row not in failed], "ErrorList": failed}


def analysed(text: str, analyse: Callable[[str], Json]) -> Json:
    """What is said of one text of many: a text that is too long has an error of its own."""
    if _is_long(text):
        words = f"Input text size exceeds limit. Max length of request text allowed is {_MOST_TEXT_BYTES} bytes"
        return {"ErrorCode": "TEXT_SIZE_LIMIT_EXCEEDED", "ErrorMessage": words}
    return analyse(text)


def _sentiment(text: str) -> Json:
    is_good, is_bad = bool(_GOOD.search(text)), bool(_BAD.search(text))
    name = "Mixed" if is_good and is_bad else "Positive" if is_good else "Negative" if is_bad else "Neutral"
    scores = {each: 0.94 if each == name else 0.02 for each in ("Positive", "Negative", "Neutral", "Mixed")}
    return {"Sentiment": name.upper(), "SentimentScore": scores}


def _languages(text: str) -> Json:
    found = next((code for code, words in _FOREIGN.items() if re.search(words, text, re.IGNORECASE)), "en")
    return {"Languages": [{"LanguageCode": found, "Score": 0.98}]}


def _toxicity(text: str) -> Json:
    harms = harms_in(text)
    rows = [{"Name": name, "Score": 0.92 if harm in harms else 0.01} for name, harm in _TOXIC.items()]
    return {"Labels": rows, "Toxicity": 0.9 if harms else 0.02}


def _label(name: str, confidence: float, parent: str = "") -> Json:
    parents: Sequence[Json] = [{"Name": parent}] if parent else []
    return {
        "Name": name,
        "Confidence": confidence,
        "Instances": [],
        "Parents": parents,
        "Aliases": [],
        "Categories": [],
    }


def _picture(sent: Json) -> tuple[bytes, str]:
    """The picture's bytes, and the words in it or in its name."""
    image: Any = sent.get("Image")
    fields = cast("Json", image) if isinstance(image, dict) else {}
    place: Any = fields.get("S3Object")
    if isinstance(place, dict):
        return b"", re.sub(r"[\W_]+", " ", str(cast("Json", place).get("Name")))
    try:
        data = b64decode(str(fields.get("Bytes") or ""), validate=True)
    except ValueError:
        data = b""
    if len(data) > _MOST_PICTURE_BYTES:
        raise _refusal("ImageTooLargeException", f"The image has more than {_MOST_PICTURE_BYTES} bytes.")
    if media_type_of(data) not in ("image/png", "image/jpeg"):
        raise _refusal("InvalidImageFormatException", "Request has invalid image format")
    return data, data.decode("latin-1")


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise _refusal("InvalidRequestException", "A text has to be at least one character long.")
    return value


def _language(sent: Json) -> str:
    code = sent.get("LanguageCode")
    if code not in _LANGUAGES:
        words = f"Value {code!r} at 'languageCode' has to be one of {', '.join(_LANGUAGES)}"
        raise _refusal("UnsupportedLanguageException" if code else "InvalidRequestException", words)
    return code


def _is_long(text: str) -> bool:
    return len(text.encode()) > _MOST_TEXT_BYTES


def _refuse_long(text: str) -> None:
    if _is_long(text):
        words = f"Input text size exceeds limit. Max length of request text allowed is {_MOST_TEXT_BYTES} bytes"
        raise _refusal("TextSizeLimitExceededException", words)


def _refusal(name: str, words: str) -> BadRequestError:
    return BadRequestError(words, status=400, error_type=name)


LINES: Mapping[str, Callable[[str], Json]] = {
    "SentimentDetectionJob": _sentiment,
    "DominantLanguageDetectionJob": _languages,
}
"""Kind of job -> what it says of a text."""
ANALYSES: Mapping[str, Callable[[Json], Json]] = {
    "Comprehend_20171127.DetectSentiment": _detect_sentiment,
    "Comprehend_20171127.BatchDetectSentiment": _batch_detect_sentiment,
    "Comprehend_20171127.BatchDetectDominantLanguage": _batch_detect_language,
    "Comprehend_20171127.DetectToxicContent": _detect_toxic,
    "Comprehend_20171127.ClassifyDocument": _classify_document,
    "RekognitionService.DetectLabels": _detect_labels,
    "RekognitionService.DetectModerationLabels": _detect_moderation,
}
"""Service and operation -> what is answered. Raises BadRequestError."""
