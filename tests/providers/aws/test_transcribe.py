"""Amazon Transcribe: one job for one question, whatever becomes of replies; watched, and its transcript fetched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import pytest
from conformance.wires import InTurn, OneReply
from jumping_clock import jumping
from shared import needs_shared, oracle
from tracing.watched import Watched, check

from agentkit import tracing
from agentkit.errors import (
    AuthenticationError,
    BadRequestError,
    ConnectionFailedError,
    DeadlineError,
    ExchangeError,
    PermissionDeniedError,
    ProtocolError,
    RateLimitError,
    UnsupportedError,
)
from agentkit.exchange import AttemptFailed, Delta, Waiting
from agentkit.media import Audio, Inline, Remote
from agentkit.providers import task_model
from agentkit.providers.aws.signing import Credentials
from agentkit.providers.aws.transcribe import TranscribeCodec
from agentkit.settings import Deadlines, Settings
from agentkit.simulator.plan import Rule
from agentkit.simulator.server import simulate
from agentkit.simulator.status_faults import Status
from agentkit.tasks.transcribe import transcribe
from agentkit.transcription import Segment, TranscriptionRequest, Word

KEYS = Credentials("AKIDEXAMPLE", "some-secret")
PLACE = "s3://my-bucket/calls/talk.mp3"
SAID = "This recording is called talk. It lies in my-bucket."
SPEAKERS = Settings(extra={"aws-transcribe": {"Settings": {"ShowSpeakerLabels": True, "MaxSpeakerLabels": 2}}})
SIGNED = "https://s3.eu-west-1.amazonaws.com/aws-transcripts/1/asrOutput.json?X-Amz-Signature=abc&X-Amz-Date=1"
TRANSCRIPT = {"results": {"transcripts": [{"transcript": "Hello."}], "items": []}}


def operations(wire: InTurn) -> list[str]:
    """What was asked for, in turn."""
    return [dict(request.headers).get("x-amz-target", request.method).rpartition(".")[2] for request in wire.sent]


def told(status: str, **more: Any) -> OneReply:
    job = {"TranscriptionJobName": "agentkit-1", "TranscriptionJobStatus": status, **more}
    return OneReply(json.dumps({"TranscriptionJob": job}).encode())


def refused(name: str, status: int = 400, words: str = "no") -> OneReply:
    return OneReply(json.dumps({"__type": name, "Message": words}).encode(), status)


DONE = told("COMPLETED", LanguageCode="en-US", Transcript={"TranscriptFileUri": SIGNED})
WRITTEN = OneReply(json.dumps(TRANSCRIPT).encode())


def model_at(url: str, name: str = "aws-transcribe:", **more: Any) -> Any:
    return task_model(name, "transcribe", base_url=url, **more)


def model_on(wire: InTurn, settings: Settings | None = None) -> Any:
    more: dict[str, Any] = {"transport": wire, "region": "eu-west-1", "credentials": KEYS}
    return task_model("aws-transcribe:", "transcribe", settings=settings, **more)


def asked(**parts: Any) -> TranscriptionRequest:
    all_of_it: dict[str, Any] = {"model": "standard", "audio": Audio.from_url(PLACE), **parts}
    return TranscriptionRequest(**all_of_it)


@pytest.mark.anyio
async def test_writes_down_a_recording_that_lies_in_s3() -> None:
    async with simulate() as server:
        model = model_at(server.url)
        heard = await transcribe(model, PLACE, words=True, segments=True, settings=SPEAKERS)
        sent = [(seen.asked.method, seen.asked.header("x-amz-target")) for seen in server.requests]
    assert (heard.text, heard.language, heard.model) == (SAID, "en-US", "standard")
    assert heard.segments == (
        Segment("This recording is called talk.", 0.0, 2.0, "spk_0"),
        Segment("It lies in my-bucket.", 2.0, 3.6, "spk_1"),
    )
    assert (heard.words[4], heard.words[-1]) == (
        Word("talk.", 1.6, 2.0, "spk_0"),
        Word("my-bucket.", 3.2, 3.6, "spk_1"),
    )
    assert sent == [
        ("POST", "Transcribe.StartTranscriptionJob"),
        ("POST", "Transcribe.GetTranscriptionJob"),
        ("GET", ""),
    ]


@pytest.mark.anyio
async def test_the_same_question_is_one_job_however_often_it_is_asked() -> None:
    async with simulate() as server:
        model = model_at(server.url)
        first, second = await transcribe(model, PLACE), await transcribe(model, PLACE)
        other = await transcribe(model, PLACE, language="de")
        names = [
            seen.json["TranscriptionJobName"]
            for seen in server.requests
            if seen.asked.header("x-amz-target").endswith(".StartTranscriptionJob")
        ]
    assert (first.text, first.words, second.text, other.language) == (SAID, (), SAID, "de-DE")
    assert (names[0] == names[1], names[0] == names[2]) == (True, False)


@pytest.mark.anyio
async def test_a_job_that_failed_before_does_not_stand_in_the_way() -> None:
    wrong = Settings(extra={"aws-transcribe": {"MediaFormat": "flac"}})
    async with simulate() as server:
        model = model_at(server.url, settings=wrong)
        for _ in range(2):
            with pytest.raises(
                BadRequestError, match=r"the transcription job agentkit-\w+(-2)? failed: The media format"
            ):
                await transcribe(model, PLACE)
        names = [seen.json["TranscriptionJobName"] for seen in server.requests][::2]
    assert names == [names[0], names[0], f"{names[0]}-2"]


@pytest.mark.anyio
async def test_throttled_requests_are_sent_again_and_told() -> None:
    events: list[Delta] = []
    async with simulate(faults=[Rule((Status(429, wait_seconds=0.001),), at=(1, 3))]) as server:
        model = model_at(server.url)
        heard = await transcribe(model, PLACE, on_event=events.append)
        assert (heard.text, server.count) == (SAID, 5)
    assert [event.error.partition(":")[0] for event in events if isinstance(event, AttemptFailed)] == [
        "RateLimitError",
        "RateLimitError",
    ]
    async with simulate(faults=[Rule((Status(429),))]) as server:
        model = model_at(server.url)
        with pytest.raises(RateLimitError, match="Rate limit") as caught:
            await transcribe(model, PLACE, settings=Settings(attempts=1))
    assert (caught.value.error_type, caught.value.provider) == ("ThrottlingException", "aws-transcribe")


@needs_shared
@pytest.mark.anyio
async def test_the_checker_accepts_its_span(tmp_path: Path) -> None:
    watched = Watched()
    tracing.configure(tracer_provider=watched.provider, meter_provider=watched.meters)
    try:
        async with simulate() as server:
            await transcribe(model_at(server.url), PLACE)
    finally:
        tracing.configure()
    check(tmp_path, watched, "--allow-bare", "--ignore", "unlisted-value")
    span = watched.span("generate_content standard")
    assert (span.attributes or {})["gen_ai.provider.name"] == "aws.transcribe"
    assert "my-bucket" not in watched.exported()


@pytest.mark.anyio
async def test_requests_are_signed_and_the_signed_address_is_left_as_it_is() -> None:
    wire = InTurn([told("IN_PROGRESS"), DONE, WRITTEN])
    heard = await transcribe(model_on(wire, settings=Settings(headers={"x-team": "a"})), PLACE, language="en")
    assert (heard.text, operations(wire)) == ("Hello.", ["StartTranscriptionJob", "GetTranscriptionJob", "GET"])
    for sent in wire.sent[:2]:
        request = {
            "method": sent.method,
            "url": sent.url,
            "headers": dict(sent.headers),
            "json": json.loads(sent.body),
            "credentials": {"access_key": KEYS.access_key, "secret_key": KEYS.secret_key},
        }
        assert sent.url == "https://transcribe.eu-west-1.amazonaws.com/"
        assert oracle("oracle_aws").check(request) == []
    fetched = wire.sent[2]
    assert (fetched.url, fetched.body, dict(fetched.headers)) == (SIGNED, b"", {})


@pytest.mark.anyio
async def test_transcripts_in_a_bucket_of_ones_own_are_fetched_with_a_signature_but_only_from_amazon() -> None:
    own = "https://s3.eu-west-1.amazonaws.com/my-bucket/out.json"
    wire = InTurn([told("IN_PROGRESS"), told("COMPLETED", Transcript={"TranscriptFileUri": own}), WRITTEN])
    await transcribe(model_on(wire), PLACE)
    assert "/eu-west-1/s3/aws4_request" in dict(wire.sent[2].headers)["authorization"]
    elsewhere = told("COMPLETED", Transcript={"TranscriptFileUri": "https://evil.example/out.json"})
    wire = InTurn([told("IN_PROGRESS"), elsewhere, WRITTEN])
    await transcribe(model_on(wire), PLACE)
    assert dict(wire.sent[2].headers) == {}


UPLOADS = Settings(extra={"aws-transcribe": {"UploadTo": "s3://my-bucket/calls/"}})


@pytest.mark.anyio
async def test_a_recording_itself_is_put_into_a_bucket_that_was_named_for_it(tmp_path: Path) -> None:
    (tmp_path / "talk.mp3").write_bytes(b"ID3" + bytes(100))
    async with simulate() as server:
        model = model_at(server.url, region="us-east-1", credentials=KEYS, settings=UPLOADS)
        first = await transcribe(model, tmp_path / "talk.mp3")
        second = await transcribe(model, Audio(Inline(b"ID3" + bytes(100), "audio/mpeg")))
        ((address, data),) = server.objects.items()
        sent = [seen.asked.method for seen in server.requests]
    name = address.removeprefix("s3://my-bucket/calls/").removesuffix(".mp3")
    assert (len(name), data) == (32, b"ID3" + bytes(100))
    assert first.text == second.text == f"This recording is called {name}. It lies in my-bucket."
    assert sent == ["PUT", "POST", "POST", "GET"] * 2


@pytest.mark.anyio
async def test_a_server_of_ones_own_without_credentials_stores_recordings_too() -> None:
    wire = InTurn([OneReply(), told("IN_PROGRESS"), DONE, WRITTEN])
    model = model_at("http://localhost:4566", transport=wire, settings=UPLOADS)
    assert (await transcribe(model, Audio(Inline(b"ID3", "audio/mpeg")))).text == "Hello."
    assert wire.sent[0].url.startswith("http://localhost:4566/my-bucket/calls/")


@pytest.mark.anyio
async def test_what_s3_refuses_is_a_typed_error_and_starts_no_job() -> None:
    denied = OneReply(b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>", 403)
    wire = InTurn([denied])
    with pytest.raises(PermissionDeniedError, match="S3: Access Denied"):
        await transcribe(model_on(wire, settings=UPLOADS), Audio(Inline(b"ID3", "audio/mpeg")))
    (sent,) = wire.sent
    assert (sent.method, sent.url.partition("/calls/")[0], dict(sent.headers)["content-type"]) == (
        "PUT",
        "https://s3.eu-west-1.amazonaws.com/my-bucket",
        "audio/mpeg",
    )
    assert "/eu-west-1/s3/aws4_request" in dict(sent.headers)["authorization"]
    with pytest.raises(UnsupportedError, match=r"reads amr, flac, .* got audio/aac"):
        await transcribe(model_on(wire, settings=UPLOADS), Audio(Inline(b"AAC", "audio/aac")))


@pytest.mark.anyio
async def test_a_transcript_at_another_service_of_amazon_is_fetched_without_a_signature() -> None:
    place = "https://x1.execute-api.eu-west-1.amazonaws.com/out.json"
    wire = InTurn([told("IN_PROGRESS"), told("COMPLETED", Transcript={"TranscriptFileUri": place}), WRITTEN])
    await transcribe(model_on(wire), PLACE)
    assert (wire.sent[2].url, dict(wire.sent[2].headers)) == (place, {})


@pytest.mark.anyio
async def test_an_error_of_the_address_does_not_show_its_signature() -> None:
    denied = OneReply(b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>", 403)
    wire = InTurn([told("IN_PROGRESS"), DONE, denied])
    with pytest.raises(AuthenticationError, match="S3: Request has expired") as caught:
        await transcribe(model_on(wire), PLACE)
    assert (
        "X-Amz-Signature=abc"
        not in f"{caught.value!r} {caught.value.__notes__ if hasattr(caught.value, '__notes__') else ''}"
    )
    assert "abc" not in repr(model_on(wire))


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("says", "error", "words"),
    [
        ([OneReply(b"{}")], ProtocolError, "tells of no job"),
        ([told("IN_PROGRESS"), told("COMPLETED")], ProtocolError, "has no transcript"),
        (
            [told("IN_PROGRESS"), told("COMPLETED", Transcript={"TranscriptFileUri": "https://[x"})],
            ProtocolError,
            "an address that is none",
        ),
        (
            [told("IN_PROGRESS"), told("COMPLETED", Transcript={"TranscriptFileUri": "http://x.example/a"})],
            ProtocolError,
            "which is no https:// address",
        ),
        ([told("IN_PROGRESS"), told("FAILED")], BadRequestError, "failed: no reason was given"),
        ([told("IN_PROGRESS"), DONE, OneReply(b'{"results": {}}')], ProtocolError, "holds no text"),
        ([refused("BadRequestException", words="bad URI")], BadRequestError, "bad URI"),
    ],
)
async def test_replies_that_make_no_sense_and_refusals_are_typed(
    says: list[OneReply | ExchangeError], error: type[ExchangeError], words: str
) -> None:
    with pytest.raises(error, match=words):
        await transcribe(model_on(InTurn(says)), PLACE, settings=Settings(attempts=1))


class TestOnAClockThatJumps:
    """Waits of minutes take no time."""

    pytestmark = pytest.mark.anyio

    @pytest.fixture(params=["asyncio", "trio"])
    def anyio_backend(self, request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
        return jumping(request.param)

    @pytest.mark.parametrize(
        "lost", [ConnectionFailedError("the connection was lost"), OneReply(b"{}", 500)], ids=["cut", "500"]
    )
    async def test_a_start_whose_reply_was_lost_starts_no_second_job(self, lost: OneReply | ExchangeError) -> None:
        wire = InTurn([lost, refused("ConflictException", 409), DONE, WRITTEN])
        heard = await transcribe(model_on(wire), PLACE)
        assert heard.text == "Hello."
        starts = [json.loads(request.body)["TranscriptionJobName"] for request in wire.sent[:2]]
        assert (operations(wire)[:3], starts[0] == starts[1]) == (
            ["StartTranscriptionJob", "StartTranscriptionJob", "GetTranscriptionJob"],
            True,
        )

    async def test_a_job_is_looked_at_ever_more_seldom_and_every_wait_is_told(self) -> None:
        events: list[Delta] = []
        wire = InTurn([told("IN_PROGRESS"), told("QUEUED"), told("IN_PROGRESS"), told("IN_PROGRESS"), DONE, WRITTEN])
        begun = anyio.current_time()
        await transcribe(model_on(wire), PLACE, on_event=events.append)
        name = json.loads(wire.sent[0].body)["TranscriptionJobName"]
        assert events == [
            Waiting(f"the job {name}, QUEUED", 2.0),
            Waiting(f"the job {name}, IN_PROGRESS", 3.0),
            Waiting(f"the job {name}, IN_PROGRESS", 4.5),
        ]
        assert anyio.current_time() - begun == pytest.approx(9.5, abs=0.1)

    async def test_the_deadline_of_an_exchange_is_that_of_the_whole_job(self) -> None:
        wire = InTurn([told("IN_PROGRESS")])
        settings = Settings(deadlines=Deadlines(exchange_seconds=60))
        begun = anyio.current_time()
        with pytest.raises(
            DeadlineError, match=r"longer than 60 s.* where it is IN_PROGRESS; the same question takes it up"
        ) as caught:
            await transcribe(model_on(wire), PLACE, settings=settings)
        assert anyio.current_time() - begun == pytest.approx(60, abs=0.1)
        assert (caught.value.deadline, caught.value.seconds) == ("exchange_seconds", 60)


@pytest.mark.parametrize(
    ("parts", "more"),
    [
        ({}, {"IdentifyLanguage": True}),
        ({"language": "de"}, {"LanguageCode": "de-DE"}),
        ({"language": "de-CH"}, {"LanguageCode": "de-CH"}),
        (
            {"model": "my-words", "language": "en"},
            {"LanguageCode": "en-US", "ModelSettings": {"LanguageModelName": "my-words"}},
        ),
        (
            {"settings": Settings(extra={"aws-transcribe": {"IdentifyMultipleLanguages": True}})},
            {"IdentifyMultipleLanguages": True},
        ),
    ],
)
def test_what_is_asked_becomes_the_start_of_a_job(parts: dict[str, Any], more: dict[str, Any]) -> None:
    question = TranscribeCodec().question(asked(**parts))
    name = question.pop("TranscriptionJobName")
    assert question == {"Media": {"MediaFileUri": PLACE}, "MediaFormat": "mp3", **more}
    assert (name, len(name)) == (TranscribeCodec().question(asked(**parts))["TranscriptionJobName"], 41)


def test_a_job_may_have_a_name_of_ones_own() -> None:
    named = Settings(extra={"aws-transcribe": {"TranscriptionJobName": "monday"}})
    assert TranscribeCodec().question(asked(settings=named))["TranscriptionJobName"] == "monday"


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"settings": Settings(stream=True)}, "streams over HTTP/2 or WebSocket alone"),
        ({"model": "streaming"}, "streams over HTTP/2 or WebSocket alone"),
        ({"prompt": "Ada"}, "takes no prompt, but a vocabulary"),
        ({"language": "tlh"}, "knows no language 'tlh'"),
        ({"audio": Audio(Inline(b"ID3", "audio/mpeg"))}, r"reads recordings that lie in S3: upload it \(aws s3 cp"),
        ({"audio": Audio(Remote("https://x.example/a.mp3"))}, "reads recordings that lie in S3"),
    ],
)
def test_what_it_does_not_do_is_refused_with_what_to_do(parts: dict[str, Any], words: str) -> None:
    with pytest.raises(UnsupportedError, match=words):
        TranscribeCodec().question(asked(**parts))


@pytest.mark.anyio
async def test_keeping_nothing_is_refused_before_anything_is_sent() -> None:
    wire = InTurn([told("IN_PROGRESS")])
    with pytest.raises(UnsupportedError, match="opted out of keeping content by a policy of the whole organization"):
        await transcribe(model_on(wire), PLACE, settings=Settings(retain=False))
    assert wire.sent == []


def test_segments_are_made_of_words_where_the_service_cuts_none() -> None:
    def item(text: str, start: str = "", end: str = "", speaker: str = "spk_0", kind: str = "pronunciation") -> Any:
        return {
            "type": kind,
            "start_time": start,
            "end_time": end,
            "speaker_label": speaker,
            "alternatives": [{"content": text}],
        }

    items = [
        item("Hello", "0.0", "0.5"),
        item(".", kind="punctuation"),
        item("Who", "1.0", "1.2"),
        item("is", "1.2", "1.4"),
        item("Ada", "2.0", "2.5", speaker="spk_1"),
        item("odd", "x", "1e400", speaker="spk_1"),
    ]
    body = json.dumps({"results": {"transcripts": [{"transcript": "Hello. Who is Ada"}], "items": items}}).encode()
    heard = TranscribeCodec().transcript(body, asked(segments=True), language="en-US")
    assert (heard.text, heard.language, heard.words) == ("Hello. Who is Ada", "en-US", ())
    assert heard.segments == (
        Segment("Hello.", 0.0, 0.5, "spk_0"),
        Segment("Who is", 1.0, 1.4, "spk_0"),
        Segment("Ada odd", 2.0, 0.0, "spk_1"),
    )


@pytest.mark.anyio
async def test_a_model_of_bedrock_that_hears_writes_down_what_it_is_sent() -> None:
    sound = Audio(Inline(b"ID3" + bytes(100), "audio/mpeg"))
    async with simulate() as server:
        model = model_at(server.url, "bedrock:us.amazon.nova-2-omni-v1:0")
        await transcribe(model, sound)
        (seen,) = server.requests
        deaf = model_at(server.url, "bedrock:amazon.nova-pro-v1:0")
        with pytest.raises(UnsupportedError, match="audio"):
            await transcribe(deaf, sound)
    block = seen.json["messages"][0]["content"][0]
    assert (seen.path.rpartition("/")[2], block["audio"]["format"]) == ("converse", "mp3")
