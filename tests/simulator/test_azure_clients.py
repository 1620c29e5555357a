"""Microsoft's own clients talk to the simulator's services of Azure, and ask what our models ask."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from canaries import KEY

from agentkit.providers import task_model
from agentkit.simulator.status_faults import Status
from agentkit.tasks.classify import Labels, classify_sync
from agentkit.testing.simulator import SimulatorOnThread, start_simulator

LONG = "x" * 6000


@pytest.fixture
def server() -> Iterator[SimulatorOnThread]:
    with start_simulator() as server:
        yield server


@pytest.fixture
def language(server: SimulatorOnThread) -> Iterator[Any]:
    client = pytest.importorskip("azure.ai.textanalytics")
    from azure.core.credentials import AzureKeyCredential

    with client.TextAnalyticsClient(server.url, AzureKeyCredential(KEY), retry_total=0) as made:
        yield made


@pytest.fixture
def safety(server: SimulatorOnThread) -> Iterator[Any]:
    client = pytest.importorskip("azure.ai.contentsafety")
    from azure.core.credentials import AzureKeyCredential

    with client.ContentSafetyClient(server.url, AzureKeyCredential(KEY), retry_total=0) as made:
        yield made


def ours(server: SimulatorOnThread, name: str, texts: list[str], labels: Labels = None) -> list[Any]:
    """The same by a model of our own; it has to ask the same of the same places with the same key."""
    theirs = server.requests
    server.forget()
    found = classify_sync(task_model(name, "classify", base_url=server.url, api_key=KEY), texts, labels=labels)
    assert [where(seen) for seen in server.requests] == [where(seen) for seen in theirs]
    assert server.requests[0].asked.header("ocp-apim-subscription-key") == KEY
    assert theirs[0].asked.header("ocp-apim-subscription-key") == KEY
    return list(found)


def where(seen: Any) -> tuple[str, str]:
    """Method and target, the number of the job left out."""
    return seen.asked.method, seen.asked.target.replace("000000000002", "000000000001")


def test_its_client_finds_sentiments_and_languages(server: SimulatorOnThread, language: Any) -> None:
    good, long = language.analyze_sentiment(["good", LONG])
    assert (good.sentiment, good.confidence_scores.positive) == ("positive", 0.9)
    assert (long.is_error, long.error.code) == (True, "InvalidDocument")
    mine, failed = ours(server, "azure-language:sentiment", ["good", LONG])
    assert (mine.label, mine.scores["positive"]) == ("positive", 0.9)
    assert (failed.error.code, failed.error.message) == (long.error.code, long.error.message)

    server.forget()
    (found,) = language.detect_language(["Guten Tag, wo ist das?"])
    assert found.primary_language.iso6391_name == "de"
    assert ours(server, "azure-language:language", ["Guten Tag, wo ist das?"])[0].scores == {"de": 0.95}


def test_its_client_runs_a_classifier_of_one_s_own_page_by_page(server: SimulatorOnThread, language: Any) -> None:
    texts = ["Where is it?"] * 24 + [LONG]
    poller = language.begin_single_label_classify(texts, "tickets", "production", polling_interval=0)
    theirs = [None if found.is_error else found.classifications[0].category for found in poller.result()]
    assert theirs == ["question"] * 24 + [None]
    sent = server.requests[0].json["tasks"][0]
    mine = ours(server, "azure-language:single-label/tickets/production", texts)
    assert [None if found.error else found.label for found in mine] == theirs
    assert server.requests[0].json["tasks"][0] == {name: sent[name] for name in ("kind", "parameters")}

    server.forget()
    poller = language.begin_multi_label_classify(["Is it late?"], "tickets", "production", polling_interval=0)
    (found,) = poller.result()
    assert [each.category for each in found.classifications] == ["question", "complaint"]


def test_its_client_moderates(server: SimulatorOnThread, safety: Any) -> None:
    from azure.ai.contentsafety.models import AnalyzeImageOptions, AnalyzeTextOptions, ImageData

    found = safety.analyze_text(AnalyzeTextOptions(text="I will kill you")).categories_analysis
    theirs = {each.category: each.severity for each in found}
    assert theirs == {"Hate": 0, "SelfHarm": 0, "Sexual": 0, "Violence": 4}
    assert ours(server, "azure-content-safety:", ["I will kill you"], "moderation")[0].scores == theirs
    picture = safety.analyze_image(AnalyzeImageOptions(image=ImageData(content=b"picture")))
    assert {each.severity for each in picture.categories_analysis} == {0}


def test_its_clients_see_azure_s_errors_and_faults(server: SimulatorOnThread, language: Any, safety: Any) -> None:
    from azure.ai.contentsafety.models import AnalyzeTextOptions
    from azure.core.exceptions import HttpResponseError

    with pytest.raises(HttpResponseError) as caught:
        language.analyze_sentiment(["good"] * 11)
    assert (caught.value.status_code, caught.value.error.code) == (400, "InvalidDocumentBatch")
    with pytest.raises(HttpResponseError) as caught:
        safety.analyze_text(AnalyzeTextOptions(text=""))
    assert (caught.value.status_code, caught.value.error.code) == (400, "InvalidRequestBody")
    server.suffer(Status(429, wait_seconds=0.01))
    with pytest.raises(HttpResponseError) as caught:
        language.analyze_sentiment(["good"])
    assert caught.value.status_code == 429


def asked(server: SimulatorOnThread, method: str, path: str, sent: object = None) -> tuple[int, Any]:
    """What any client gets, which knows no more than the reference."""
    body = None if sent is None else json.dumps(sent).encode()
    request = Request(server.url + path, body, {"connection": "close"}, method=method)
    try:
        with urlopen(request, timeout=10) as reply:
            text = reply.read()
            return reply.status, json.loads(text) if text else None
    except HTTPError as error:
        with error:
            return error.code, json.loads(error.read())["error"]["code"]


def test_a_batch_of_transcriptions_runs_on_a_clock_that_is_put_forward() -> None:
    version = "?api-version=2025-10-15"
    home = "/speechtotext/transcriptions"
    urls = ["https://files.example/a.wav", "https://files.example/missing.wav"]
    sent = {"displayName": "mine", "locale": "de-DE", "contentUrls": urls, "properties": {"timeToLiveHours": 48}}
    with start_simulator(batch_seconds=3600) as server:
        status, made = asked(server, "POST", f"{home}:submit{version}", sent)
        assert (status, made["status"], made["displayName"]) == (201, "Running", "mine")
        place = made["self"].removeprefix(server.url)
        files = made["links"]["files"].removeprefix(server.url)
        assert asked(server, "GET", files) == (200, {"values": []})
        server.advance(3600)
        assert asked(server, "GET", place)[1]["status"] == "Succeeded"
        rows = asked(server, "GET", files)[1]["values"]
        contents = {
            row["kind"]: asked(server, "GET", row["links"]["contentUrl"].removeprefix(server.url))[1] for row in rows
        }
        assert contents["Transcription"]["combinedRecognizedPhrases"][0]["display"] == "This is the recording a.wav."
        assert contents["TranscriptionReport"]["failedTranscriptionsCount"] == 1
        assert [job["self"] for job in asked(server, "GET", home + version)[1]["values"]] == [made["self"]]
        assert asked(server, "DELETE", place)[0] == 204
        assert asked(server, "GET", place) == (404, "NotFound")


@pytest.mark.parametrize(
    ("path", "sent", "code"),
    [
        ("/language/:analyze-text", {"kind": "EntityRecognition"}, "InvalidArgument"),
        ("/language/:analyze-text", {"kind": "SentimentAnalysis"}, "MissingInputDocuments"),
        ("/language/analyze-text/jobs", {"analysisInput": {"documents": [{"id": "1"}]}}, "InvalidRequest"),
        (
            "/language/analyze-text/jobs",
            {
                "analysisInput": {"documents": [{"id": "1"}]},
                "tasks": [{"kind": "CustomSingleLabelClassification", "parameters": {}}],
            },
            "InvalidArgument",
        ),
        (
            "/language/:analyze-text",
            {"kind": "SentimentAnalysis", "analysisInput": {"documents": [{"id": "1"}, {"id": "1"}]}},
            "InvalidDocument",
        ),
        ("/contentsafety/image:analyze", {"image": {}}, "InvalidRequestBody"),
        ("/speechtotext/transcriptions:submit", {"displayName": "x"}, "InvalidPayload"),
        (
            "/speechtotext/transcriptions:submit",
            {"displayName": "x", "locale": "en-US", "properties": {"timeToLiveHours": 6}},
            "InvalidPayload",
        ),
    ],
)
def test_what_azure_would_refuse_is_refused(server: SimulatorOnThread, path: str, sent: object, code: str) -> None:
    assert asked(server, "POST", path, sent) == (400, code)
