"""Azure AI Language, Content Safety and Speech against the simulator: at once, by jobs, and as batches."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from canaries import KEY
from tasks.test_batch_drive import Keeper, Stopped

from agentkit.batching import BatchLimits, BatchResult, read_state
from agentkit.classification import Classification, ClassificationAnswer, ClassificationRequest
from agentkit.errors import (
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    DeadlineError,
    ExchangeError,
    MediaError,
    NotFoundError,
    ProtocolError,
    UnsupportedError,
)
from agentkit.jobs import JobFailed, JobReply, JobStep
from agentkit.media import Audio, Image, Inline
from agentkit.providers import task_model
from agentkit.providers.azure.batch_transcriptions import BatchTranscriptionCodec, transcript_of
from agentkit.providers.azure.batches import connect_batch
from agentkit.providers.azure.language import LanguageJobsCodec
from agentkit.providers.azure.language_batches import LanguageBatchesCodec
from agentkit.providers.azure.locales import locale_of
from agentkit.settings import Deadlines, Settings
from agentkit.simulator.connection_faults import Reset
from agentkit.simulator.plan import Rule
from agentkit.simulator.server import Simulator, simulate
from agentkit.simulator.status_faults import Status
from agentkit.tasks.batch import Classify, Transcribe, batch_status, fetch_batch, submit_batch
from agentkit.tasks.batch_drive import Drive
from agentkit.tasks.batch_plan import planned
from agentkit.tasks.classify import classify
from agentkit.tasks.transcribe import transcribe
from agentkit.transcription import Segment, TranscriptionRequest, Word

pytestmark = pytest.mark.anyio

SOUND = "https://files.example/talks"


def at(simulator: Simulator, name: str, kind: Any, **more: Any) -> Any:
    return task_model(name, kind, base_url=simulator.url, api_key=KEY, **more)


def targets(simulator: Simulator) -> list[str]:
    return [f"{seen.asked.method} {seen.asked.target.partition('?')[0]}" for seen in simulator.requests]


async def test_a_single_label_classifier_is_asked_by_a_job() -> None:
    async with simulate() as simulator:
        mine = at(simulator, "azure-language:single-label/tickets/production", "classify")
        found = await classify(mine, ["Where is it?", "Thanks!", "Blue"], labels=None)
        sent = simulator.requests[0]

    assert list(found) == [
        Classification(("question",), {"question": 0.9}),
        Classification(("praise",), {"praise": 0.9}),
        Classification(("other",), {"other": 0.9}),
    ]
    assert found.model == "production"
    assert sent.json == {
        "displayName": "agentkit",
        "analysisInput": {
            "documents": [
                {"id": "0", "text": "Where is it?"},
                {"id": "1", "text": "Thanks!"},
                {"id": "2", "text": "Blue"},
            ]
        },
        "tasks": [
            {
                "kind": "CustomSingleLabelClassification",
                "parameters": {"projectName": "tickets", "deploymentName": "production"},
            }
        ],
    }
    assert sent.asked.header("ocp-apim-subscription-key") == KEY
    assert targets(simulator) == [
        "POST /language/analyze-text/jobs",
        "GET /language/analyze-text/jobs/00000000-0000-0000-0000-000000000001",
    ]


async def test_a_multi_label_classifier_gives_all_labels_of_many_texts_page_by_page() -> None:
    texts = ["Is it late?", "", "x" * 6000, *["Thanks"] * 27]
    async with simulate() as simulator:
        mine = at(simulator, "azure-language:multi-label/tickets/production", "classify")
        extra = {"azure-language": {"language": "de"}}
        texts[1] = "Blue"
        found = await classify(mine, texts, labels=None, settings=Settings(extra=extra), concurrency=1)
        sent = simulator.requests

    assert found[0] == Classification(("question", "complaint"), {"question": 0.8, "complaint": 0.8})
    assert found[1] == Classification((), {})
    assert isinstance(found[2].error, BadRequestError)
    assert [each.labels for each in found[3:]] == [("praise",)] * 27
    assert [len(seen.json["analysisInput"]["documents"]) for seen in sent if seen.asked.method == "POST"] == [25, 5]
    assert sent[0].json["analysisInput"]["documents"][0]["language"] == "de"
    assert [seen.asked.target.partition("&")[2] for seen in sent] == ["", "", "top=20&skip=20", "", ""]


async def test_a_job_that_fails_says_why_and_one_too_slow_goes_on() -> None:
    async with simulate() as simulator:
        with pytest.raises(ConfigurationError, match=r"no 'entities/x'; it has sentiment, language, job/sentiment"):
            at(simulator, "azure-language:entities/x", "classify")
        mine = at(simulator, "azure-language:job/sentiment", "classify")
        assert [each.label for each in await classify(mine, ["good", "bad"], labels=None)] == ["positive", "negative"]
        with pytest.raises(UnsupportedError, match="texts only"):
            await classify(mine, Image(Inline(b"\x89PNG", "image/png")), labels=None)
        with pytest.raises(UnsupportedError, match="retain=False"):
            await classify(mine, "good", labels=None, settings=Settings(retain=False))
    async with simulate(batch_seconds=60) as simulator:
        slow = at(simulator, "azure-language:job/sentiment", "classify")
        soon = Settings(deadlines=Deadlines(exchange_seconds=0.05))
        with pytest.raises(DeadlineError, match=r"the job 0.*1 goes on at the provider"):
            await classify(slow, "good", labels=None, settings=soon)


@pytest.mark.parametrize(
    ("state", "error", "words"),
    [
        ({"status": "failed", "errors": [{"code": "InvalidRequest", "message": "No such project"}]}, BadRequestError,
         "No such project"),
        ({"status": "failed", "tasks": {"items": [{"error": {"code": "x", "message": "Task broke"}}]}}, BadRequestError,
         "Task broke"),
        ({"status": "cancelled", "tasks": {}}, ExchangeError, "ended as 'cancelled'"),
        ({"status": "succeeded"}, ProtocolError, "has no results"),
    ],
)  # fmt: skip
def test_a_job_without_results_is_an_error(state: dict[str, Any], error: type[ExchangeError], words: str) -> None:
    asked = ClassificationRequest("single-label/p/d", ("a",))
    codec = LanguageJobsCodec()
    started = codec.begin(asked).read(
        JobReply({"operation-location": "https://x/language/analyze-text/jobs/j?a=1"}, b"")
    )
    assert isinstance(started, JobStep)
    failed = started.read(JobReply({}, json.dumps({"jobId": "j", **state}).encode()))
    assert isinstance(failed, JobFailed)
    assert (type(failed.error), words in str(failed.error)) == (error, True)
    told = LanguageBatchesCodec().job(json.dumps({"jobId": "j", **state}).encode())
    assert (told.status, words in told.problem) == ("cancelled" if state["status"] == "cancelled" else "failed", True)


async def test_a_wrong_key_and_a_resource_without_the_service_are_told_at_once() -> None:
    async with simulate(
        faults=[
            Rule(
                (Status(401), Status(404)),
            )
        ]
    ) as simulator:
        for name, kind in (
            ("azure-language:single-label/p/d", "classify"),
            ("azure-language:", "classify"),
            ("azure-speech:batch", "transcribe"),
            ("azure-speech:fast", "transcribe"),
            ("azure-content-safety:", "classify"),
        ):
            made = at(simulator, name, kind)
            sound, labels = Audio.from_url(f"{SOUND}/a.mp3"), "moderation" if "safety" in name else None
            with pytest.raises((AuthenticationError, NotFoundError)) as caught:
                await (
                    classify(made, "good", labels=labels)  # type: ignore[arg-type]
                    if kind == "classify"
                    else transcribe(made, sound, language="en")
                )
            assert (caught.value.attempts, caught.value.provider) == (1, name.partition(":")[0])
        assert simulator.count == 5


async def test_an_input_of_a_batch_is_one_text() -> None:
    model = task_model("azure-language:sentiment", "classify", base_url="https://x.example", api_key="k")
    with pytest.raises(UnsupportedError, match="one text; 2 were given"):
        connect_batch(model).line("a-0", ClassificationRequest("", ("good", "bad"), "own"))  # type: ignore[arg-type]


async def test_content_safety_moderates_texts_and_pictures() -> None:
    async with simulate() as simulator:
        guard = at(simulator, "azure-content-safety:", "classify")
        found = await classify(
            guard, ["I will kill you", "A nice day", Image(Inline(b"\x89PNG", "image/png"))], labels="moderation"
        )
        with pytest.raises(BadRequestError, match="from 1 to 10000 characters"):
            await classify(guard, "x" * 10_001, labels="moderation")
    none = {"Hate": 0.0, "SelfHarm": 0.0, "Sexual": 0.0, "Violence": 0.0}
    assert list(found) == [
        Classification(("Violence",), {**none, "Violence": 4.0}, is_flagged=True),
        Classification((), none, is_flagged=False),
        Classification((), none, is_flagged=False),
    ]


async def test_languages_and_sentiments_are_found_at_once_in_parts_of_ten() -> None:
    async with simulate() as simulator:
        found = await classify(
            at(simulator, "azure-language:language", "classify"), ["Guten Tag, wo ist das?", "Hello"], labels=None
        )
        many = await classify(at(simulator, "azure-language:", "classify"), ["good"] * 21, labels=None)
        sizes = [len(seen.json["analysisInput"]["documents"]) for seen in simulator.requests[1:]]
    assert [each.label for each in found] == ["de", "en"]
    assert ([each.label for each in many], sorted(sizes)) == (["positive"] * 21, [1, 10, 10])


async def test_texts_that_are_analysed_at_once_need_not_be_logged() -> None:
    async with simulate() as simulator:
        mine = at(simulator, "azure-language:", "classify")
        await classify(mine, "good", labels=None, settings=Settings(retain=False))
        assert simulator.requests[0].json["parameters"] == {"modelVersion": "latest", "loggingOptOut": True}


async def test_a_token_of_entra_and_a_region_do_for_these_services() -> None:
    async with simulate() as simulator:
        mine = task_model("azure-language:", "classify", base_url=simulator.url, credentials=KEY)
        await classify(mine, "good", labels=None)
        assert simulator.requests[0].asked.header("authorization") == f"Bearer {KEY}"
    for name, kind in (("azure-language:", "classify"), ("azure-speech:", "transcribe")):
        assert "https://westeurope.api.cognitive.microsoft.com" in repr(
            task_model(name, kind, region="westeurope", api_key=KEY)  # type: ignore[arg-type]
        )


async def test_fast_transcription_is_answered_at_once() -> None:
    async with simulate() as simulator:
        heard = await transcribe(
            at(simulator, "azure-speech:", "transcribe"),
            Audio(Inline(b"ID3" + bytes(31_997), "audio/mpeg")),
            language="de",
        )
    assert (heard.text, heard.language, heard.duration_seconds) == ("This recording lasts 2.0 seconds.", "de-DE", 2.0)
    assert heard.segments == (Segment("This recording lasts 2.0 seconds.", 0.0, 2.0),)
    assert heard.words[:2] == (Word("This", 0.0, 0.4), Word("recording", 0.4, 0.8))


async def test_a_recording_at_an_address_is_heard_by_a_job() -> None:
    async with simulate() as simulator:
        listener = at(simulator, "azure-speech:batch", "transcribe")
        heard = await transcribe(listener, Audio.from_url(f"{SOUND}/a.mp3"), language="en", words=True, segments=True)
        sent = simulator.requests

    assert (heard.text, heard.language, heard.duration_seconds) == ("This is the recording a.mp3.", "en-US", 2.0)
    assert heard.segments == (Segment("This is the recording a.mp3.", 0.0, 2.0),)
    assert heard.words[1] == Word("is", 0.4, 0.8)
    assert sent[0].json == {
        "displayName": "agentkit",
        "locale": "en-US",
        "contentUrls": [f"{SOUND}/a.mp3"],
        "properties": {
            "timeToLiveHours": 48,
            "wordLevelTimestampsEnabled": True,
            "displayFormWordLevelTimestampsEnabled": True,
        },
    }
    id = "00000000-0000-0000-0000-000000000001"
    assert targets(simulator) == [
        "POST /speechtotext/transcriptions:submit",
        f"GET /speechtotext/transcriptions/{id}/files",
        f"GET /speechresults/{id}/contenturl_0.json",
    ]
    assert [seen.asked.header("ocp-apim-subscription-key") for seen in sent] == [KEY, KEY, ""]


async def test_a_recording_that_is_not_there_is_a_typed_error() -> None:
    async with simulate() as simulator:
        listener = at(simulator, "azure-speech:batch", "transcribe")
        with pytest.raises(BadRequestError, match="failed: The recording could not be downloaded") as caught:
            await transcribe(listener, Audio.from_url(f"{SOUND}/missing.mp3"), language="en-GB")
        assert caught.value.code == "InvalidUri"


def test_what_batch_transcription_cannot_do_is_refused_before_anything_is_sent() -> None:
    codec = BatchTranscriptionCodec()
    url = Audio.from_url(f"{SOUND}/a.mp3")
    for asked, words in (
        (TranscriptionRequest("batch", Audio(Inline(b"ID3", "audio/mpeg")), language="en"), "azure-speech:fast takes"),
        (TranscriptionRequest("batch", url), "has to be told the language"),
        (TranscriptionRequest("batch", url, language="en", prompt="Ada"), "takes no prompt"),
        (TranscriptionRequest("batch", url, language="xx"), "knows no language 'xx'"),
    ):
        with pytest.raises(UnsupportedError, match=words):
            codec.begin(asked)
    extra = {
        "azure-speech": {"locale": "en-US", "properties": {"diarization": {"enabled": True}}, "model": {"self": "m"}}
    }
    sent = json.loads(codec.begin(TranscriptionRequest("batch", url, settings=Settings(extra=extra))).wire.body)
    assert (sent["model"], sent["properties"]) == (
        {"self": "m"},
        {"timeToLiveHours": 48, "diarization": {"enabled": True}},
    )
    assert (locale_of("de-CH", who="x"), locale_of("JA", who="x")) == ("de-CH", "ja-JP")
    with pytest.raises(ConfigurationError, match=r"no 'slow'; it has fast, and batch"):
        task_model("azure-speech:slow", "transcribe", base_url="https://x.example", api_key="k")


def test_phrases_of_two_channels_come_in_the_order_in_which_they_were_spoken() -> None:
    def phrase(channel: int, start: int, text: str, **more: Any) -> dict[str, Any]:
        times = {"offsetInTicks": start * 10_000_000, "durationMilliseconds": 500}
        word = {"word": text.lower(), "offsetInTicks": start * 10_000_000, "durationInTicks": 2_500_000}
        return {"channel": channel, **times, "nBest": [{"display": text, "words": [word]}], **more}

    told = transcript_of(
        {
            "combinedRecognizedPhrases": [{"channel": 0, "display": "Hello. Bye."}, {"channel": 1, "display": "Hi."}],
            "recognizedPhrases": [phrase(0, 0, "Hello.", speaker=1), phrase(0, 4, "Bye."), phrase(1, 2, "Hi.")],
        },
        words=True,
        provider="azure-speech",
    )
    assert told.text == "Hello. Bye.\nHi."
    assert told.segments == (
        Segment("Hello.", 0.0, 0.5, "1"), Segment("Hi.", 2.0, 2.5), Segment("Bye.", 4.0, 4.5),
    )  # fmt: skip
    assert told.words[0] == Word("hello.", 0.0, 0.25, "1")
    with pytest.raises(ProtocolError, match="holds no transcript"):
        transcript_of({}, words=False, provider="azure-speech")


def driven(remote: Any, asked: list[Any]) -> Drive:
    return Drive(
        remote, planned(remote, asked, ids=[str(place) for place in range(len(asked))]), keep=lambda state: None
    )


async def done(drive: Drive, asked: list[Any]) -> list[BatchResult]:
    await drive.submit(asked)
    await drive.wait(0)
    return await drive.results()


async def test_many_texts_are_jobs_of_twenty_five_each_with_one_result_for_each_text() -> None:
    texts = ["good", "bad", "x" * 6000, *["nice"] * 30]
    asked = [ClassificationRequest("", (text,), "own") for text in texts]
    async with simulate(faults=[Rule((Reset("request"),), at=(2,))]) as simulator:
        drive = driven(connect_batch(at(simulator, "azure-language:sentiment", "classify")), asked)
        results = await done(drive, asked)
        created = [seen.json for seen in simulator.requests if seen.asked.method == "POST"]

    labels = [each.classifications[0].label for each in results if isinstance(each, ClassificationAnswer)]
    assert labels == ["positive", "negative", *["positive"] * 30]
    assert [position for position, each in enumerate(results) if isinstance(each, BadRequestError)] == [2]
    assert [len(sent["analysisInput"]["documents"]) for sent in created] == [25, 8, 8]  # the second reply was cut off
    assert created[0]["displayName"] == drive.state.part_name(0)
    assert drive.progress.parts == ("succeeded", "succeeded")


async def test_jobs_of_texts_are_cancelled_and_what_jobs_cannot_do_is_told() -> None:
    asked = [ClassificationRequest("", ("good",), "own")]
    async with simulate(batch_seconds=60) as simulator:
        drive = driven(connect_batch(at(simulator, "azure-language:single-label/p/d", "classify")), asked)
        await drive.submit(asked)
        await drive.cancel()
        (result,) = await drive.results()
        assert isinstance(result, ExchangeError)
        assert (result.code, drive.progress.parts) == ("cancelled", ("cancelled",))
        with pytest.raises(UnsupportedError, match="do not find out languages"):
            driven(connect_batch(at(simulator, "azure-language:language", "classify")), asked)
        with pytest.raises(ConfigurationError, match="in no bucket of yours"):
            connect_batch(at(simulator, "azure-language:sentiment", "classify"), "s3://bucket")


async def test_many_recordings_are_one_job_found_again_by_its_name() -> None:
    names = ["a", "missing-b", "c", "d", "missing-e"]
    asked = [TranscriptionRequest("", Audio.from_url(f"{SOUND}/{name}.mp3"), language="en") for name in names]
    async with simulate(faults=[Rule((Reset("headers"),), at=(1,))]) as simulator:
        remote = connect_batch(at(simulator, "azure-speech:", "transcribe"))
        drive = driven(remote, asked)
        results = await done(drive, asked)
        created = [seen for seen in simulator.requests if seen.asked.path.endswith(":submit")]

    assert [getattr(each, "text", None) for each in results] == [
        "This is the recording a.mp3.", None, "This is the recording c.mp3.", "This is the recording d.mp3.", None,
    ]  # fmt: skip
    assert [type(each).__name__ for each in results].count("BadRequestError") == 2
    assert len(created) == 1  # its reply was cut off, and the job was found in the list
    assert created[0].json["contentUrls"] == [f"{SOUND}/{name}.mp3" for name in names]


@pytest.mark.parametrize("keeps_last", [True, False])
@pytest.mark.parametrize(("name", "twice"), [("azure-speech:batch", 0), ("azure-language:sentiment", 1)])
async def test_a_stop_at_any_step_loses_no_result(name: str, twice: int, keeps_last: bool) -> None:
    """A job of Language whose start was not written down is started again: Azure lists none, so nobody can find it."""
    is_speech = name.startswith("azure-speech")
    asked: list[Any] = [
        TranscriptionRequest("", Audio.from_url(f"{SOUND}/{place}.mp3"), language="en")
        if is_speech
        else ClassificationRequest("", ("good",), "own")
        for place in range(5)
    ]
    async with simulate() as simulator:
        remote = connect_batch(at(simulator, name, "transcribe" if is_speech else "classify"))
        remote.codec.limits = BatchLimits(2, 10**6)
        for dies_at in range(8):
            simulator.forget()
            keeper = Keeper(planned(remote, asked, ids="abcde"), dies_at=dies_at, keeps_last=keeps_last)
            with suppress(Stopped):
                await done(Drive(remote, read_state(keeper.kept), keep=keeper), asked)
            keeper.left = 99
            results = await done(Drive(remote, read_state(keeper.kept), keep=keeper), asked)
            created = [seen for seen in simulator.requests if seen.asked.method == "POST"]

            assert not any(isinstance(each, ExchangeError) for each in results)
            assert len(results) == 5
            assert 3 <= len(created) <= 3 + twice


async def test_batches_go_on_in_another_process_by_their_file(tmp_path: Path) -> None:
    async with simulate(batch_seconds=100) as simulator:
        texts = at(simulator, "azure-language:multi-label/tickets/production", "classify")
        await submit_batch(texts, {"a": "good?", "b": "x" * 6000}, kind=Classify(labels=None), state=tmp_path / "texts")
        sounds = at(simulator, "azure-speech:", "transcribe")
        talks = [Audio.from_url(f"{SOUND}/{name}.mp3") for name in ("a", "missing")]
        await submit_batch(sounds, talks, kind=Transcribe(language="en"), state=tmp_path / "sounds")
        assert not (await batch_status(tmp_path / "sounds", model=sounds)).is_over
        simulator.advance(100)
        labelled = await fetch_batch(tmp_path / "texts", model=texts)
        heard = await fetch_batch(tmp_path / "sounds", model=sounds)

    (found,) = labelled["a"]
    assert (found.labels, found.scores) == (("question", "praise"), {"question": 0.8, "praise": 0.8})
    assert isinstance(labelled["b"], BadRequestError)
    assert (heard["0"].text, isinstance(heard["1"], BadRequestError)) == ("This is the recording a.mp3.", True)


async def test_a_batch_of_recordings_is_forgotten_and_speaks_one_language() -> None:
    asked = [TranscriptionRequest("", Audio.from_url(f"{SOUND}/a.mp3"), language=code) for code in ("en", "de")]
    async with simulate(batch_seconds=60) as simulator:
        remote = connect_batch(at(simulator, "azure-speech:batch", "transcribe"))
        with pytest.raises(ConfigurationError, match="in one language"):
            await driven(remote, asked).submit(asked)
        drive = driven(remote, asked[:1])
        await drive.submit(asked[:1])
        await drive.cancel()
        assert drive.progress.parts == ("Deleted",)
        assert targets(simulator)[-2].startswith("DELETE ")


async def test_a_sound_too_large_for_fast_transcription_is_refused() -> None:
    listener = task_model("azure-speech:fast", "transcribe", base_url="https://x.example", api_key="k")
    wav = (
        b"RIFF" + bytes(4) + b"WAVEfmt " + (16).to_bytes(4, "little") + bytes(8) + (1).to_bytes(4, "little") + bytes(4)
    )
    wav += b"data" + (8000).to_bytes(4, "little") + bytes(8000)
    with pytest.raises(MediaError, match="7,200 s at a time"):
        await transcribe(listener, Audio(Inline(wav, "audio/wav")))  # type: ignore[arg-type]
