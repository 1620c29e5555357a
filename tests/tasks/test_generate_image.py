"""Pictures made by a simulator, and the requests for them as the oracle takes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conformance.forms import as_oracle_reads
from conformance.wires import InTurn, OneReply
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from shared import oracle
from tracing.watched import Watched, check

from agentkit import tracing
from agentkit.budget import Budget
from agentkit.errors import (
    BadRequestError,
    BudgetExceededError,
    ConfigurationError,
    ConnectionFailedError,
    ContentFilteredError,
    MediaError,
    OverloadedError,
    ProtocolError,
    ServerError,
    UnsupportedError,
)
from agentkit.exchange import AttemptFailed, Delta, PartialImage, Response
from agentkit.imaging import GeneratedImage, ImageModel, ImageRequest
from agentkit.media import Image, Inline, ProviderData, Remote, Uploaded
from agentkit.messages import AssistantMessage, Text
from agentkit.prices import Price, PriceBook
from agentkit.providers import task_model
from agentkit.providers.google.pictures import GeminiImageModel
from agentkit.providers.huggingface.images import TextToImageCodec
from agentkit.providers.openai.images import ImagesCodec
from agentkit.providers.openai_media import IMAGE_RULES
from agentkit.settings import Settings
from agentkit.simulator.connection_faults import Reset
from agentkit.simulator.forms import form_of
from agentkit.simulator.media import tiny_png
from agentkit.simulator.plan import Rule
from agentkit.simulator.server import Simulator, simulate
from agentkit.simulator.status_faults import Status
from agentkit.simulator.stream_faults import ErrorInside
from agentkit.tasks.generate_image import generate_image, generate_image_sync
from agentkit.testing.scripted import ScriptedModel
from agentkit.testing.simulator import start_simulator
from agentkit.usage import Cost, Usage

PICTURE = Image(Inline(tiny_png("given"), "image/png"))


def model_at(server: Simulator, name: str = "openai:gpt-image-2") -> ImageModel:
    return task_model(name, "generate_image", base_url=server.base_url, api_key="k")


def asked(**parts: Any) -> ImageRequest:
    return ImageRequest(**{"model": "gpt-image-2", "prompt": "a cat", **parts})


@pytest.mark.anyio
async def test_makes_pictures_that_can_be_saved(tmp_path: Path) -> None:
    async with simulate() as server:
        made = await generate_image(model_at(server), "a lighthouse", count=2)
    assert [image.data for image in made.images] == [tiny_png("a lighthouse 0"), tiny_png("a lighthouse 1")]
    assert (made.usage, made.model, made.revised_prompt) == (Usage(2, output=32), "gpt-image-2", "")
    assert made.images[0].save(tmp_path / "lighthouse").name == "lighthouse.png"
    assert (tmp_path / "lighthouse.png").read_bytes() == tiny_png("a lighthouse 0")


@pytest.mark.anyio
async def test_edits_pictures_sent_as_a_form() -> None:
    async with simulate() as server:
        made = await generate_image(model_at(server), "more red", images=[PICTURE, PICTURE], mask=PICTURE)
        (seen,) = server.requests
    assert [image.data for image in made.images] == [tiny_png("more red 0")]
    form = form_of(seen.asked.body, seen.asked.header("content-type"))
    assert seen.path.endswith("/images/edits")
    assert form.fields == {"model": ["gpt-image-2"], "prompt": ["more red"]}
    assert {name: [file.filename for file in files] for name, files in form.files.items()} == {
        "image": ["image-0.png", "image-1.png"],
        "mask": ["mask.png"],
    }


@pytest.mark.anyio
async def test_tells_unfinished_pictures_while_they_are_made() -> None:
    told: list[Delta] = []
    async with simulate() as server:
        made = await generate_image(model_at(server), "a cat", partial_images=2, on_event=told.append)
    looks = [Image(Inline(tiny_png(f"a cat look {look}"), "image/png")) for look in range(2)]
    assert told == [PartialImage(image, look) for look, image in enumerate(looks)]
    assert ([image.data for image in made.images], made.usage) == ([tiny_png("a cat 0")], Usage(2, output=16))


@pytest.mark.anyio
async def test_asks_again_after_a_failure_and_tells_of_it() -> None:
    told: list[Delta] = []
    async with simulate(faults=[Rule((Status(503, wait_seconds=0.001),), first=1)]) as server:
        made = await generate_image(model_at(server), "a cat", on_event=told.append)
    assert len(made.images) == 1
    assert [type(delta) for delta in told] == [AttemptFailed]


@pytest.mark.anyio
async def test_errors_of_the_server_are_typed() -> None:
    async with simulate(faults=[Rule((Status(500),))]) as server:
        with pytest.raises(ServerError):
            await generate_image(model_at(server), "a cat", settings=Settings(attempts=1))
        with pytest.raises(ServerError):
            await generate_image(
                model_at(server), "a cat", settings=Settings(attempts=1), partial_images=1, on_event=print
            )


@pytest.mark.anyio
async def test_what_a_provider_refuses_to_draw_is_refused_for_its_content() -> None:
    body = {"error": {"message": "Your request was rejected by the safety system.", "code": "moderation_blocked"}}
    codec = ImagesCodec()
    error = codec.decode_error(400, {}, json.dumps(body).encode())
    assert isinstance(error, ContentFilteredError)
    event = b"event: error\ndata: " + json.dumps({"type": "error", **body}).encode() + b"\n\n"
    with pytest.raises(ContentFilteredError):
        codec.decoder(asked()).feed(event)


@pytest.mark.anyio
async def test_a_stream_that_is_cut_is_no_answer() -> None:
    event = {"type": "image_generation.completed", "b64_json": PICTURE.source.base64}  # type: ignore[union-attr]
    decoder = ImagesCodec().decoder(asked(count=2))
    assert decoder.feed(b"data: " + json.dumps(event).encode() + b"\n\n") == []
    with pytest.raises(ProtocolError, match="1 of 2 pictures"):
        decoder.finish()


@pytest.mark.anyio
async def test_a_reply_that_is_too_large_is_refused_while_it_comes() -> None:
    class Endless(OneReply):
        async def chunks(self) -> Any:
            for _ in range(300):
                yield b" " * 2**20

    class Transport:
        async def send(self, request: Any, *, connect_seconds: float) -> OneReply:
            return Endless(b"")

    model = task_model("openai:gpt-image-2", "generate_image", api_key="k", transport=Transport())
    with pytest.raises(ProtocolError, match="larger than 256 MiB"):
        await generate_image(model, "a cat", settings=Settings(attempts=1))


@pytest.mark.anyio
async def test_a_budget_is_kept_before_anything_is_sent() -> None:
    wire = InTurn([b"{}"])
    model = task_model("openai:gpt-image-2", "generate_image", api_key="k", transport=wire)
    with pytest.raises(BudgetExceededError):
        await generate_image(model, "a cat", budget=Budget(tokens=100))
    assert wire.sent == []


@pytest.mark.anyio
async def test_costs_what_its_tokens_cost_or_what_the_provider_says() -> None:
    async with simulate() as server:
        prices = PriceBook().with_price("openai", "gpt-image-2", Price(input=5, output=1_000_000))
        made = await generate_image(model_at(server), "a cat", prices=prices)
    assert made.cost == Cost(16.00001)
    ticks = {"data": [{"b64_json": PICTURE.source.base64}], "usage": {"cost_in_usd_ticks": 200_000_000}}  # type: ignore[union-attr]
    wire = InTurn([json.dumps(ticks).encode()])
    model = task_model("xai:grok-imagine-image", "generate_image", api_key="k", transport=wire)
    assert (await generate_image(model, "a cat")).cost == Cost(0.02)


@pytest.mark.anyio
async def test_spans_are_those_of_the_conventions_and_hold_no_picture(tmp_path: Path) -> None:
    watched = Watched(content=True)
    tracing.configure(tracer_provider=watched.provider, meter_provider=watched.meters, content=True)
    try:
        async with simulate() as server:
            await generate_image(model_at(server), "MARKER-prompt", images=[PICTURE])
    finally:
        tracing.configure(tracer_provider=TracerProvider(), meter_provider=MeterProvider())
        tracing.configure()
    check(tmp_path, watched, "--allow-bare")
    span = watched.span("generate_content gpt-image-2")
    assert dict(span.attributes or {}) == {
        "gen_ai.operation.name": "generate_content",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-image-2",
        "gen_ai.output.type": "image",
        "server.address": "127.0.0.1",
        "server.port": server.port,
        "gen_ai.usage.input_tokens": 1,
        "gen_ai.usage.output_tokens": 16,
        "agentkit.cost_usd": pytest.approx(0.000485),
    }
    assert PICTURE.source.base64[:40] not in watched.exported()  # type: ignore[union-attr]


def test_works_without_an_event_loop(tmp_path: Path) -> None:
    with start_simulator() as server:
        made = generate_image_sync(model_at(server), "a cat")
    assert [image.media_type for image in made.images] == ["image/png"]


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"prompt": " "}, "the prompt is empty"),
        ({"count": 0}, "count is 0"),
        ({"mask": PICTURE}, "a mask says where"),
        ({"partial_images": 4}, "give 0 to 3"),
        ({"partial_images": 1}, "told to on_event"),
    ],
)
@pytest.mark.anyio
async def test_says_what_is_wrong_with_a_question(parts: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        await generate_image("openai:gpt-image-2", **{"prompt": "a cat", **parts})


def test_a_picture_is_saved_under_its_own_kind_of_name_and_over_no_file(tmp_path: Path) -> None:
    picture = GeneratedImage(PICTURE)
    with pytest.raises(MediaError, match=r"the picture is image/png; save it as 'cat.png', not 'cat.jpg'"):
        picture.save(tmp_path / "cat.jpg")
    assert picture.save(tmp_path / "cat.png") == tmp_path / "cat.png"
    with pytest.raises(MediaError, match="exists; choose another name, or pass overwrite=True"):
        picture.save(tmp_path / "cat.png")
    assert picture.save(tmp_path / "cat.png", overwrite=True).is_file()
    with pytest.raises(MediaError, match="cannot write"):
        picture.save(tmp_path / "nowhere" / "cat.png")
    with pytest.raises(MediaError, match="fetch it from"):
        GeneratedImage(Image(Remote("https://x.example/a.png"))).save(tmp_path / "cat")


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"count": 3, "size": "1024x1536", "quality": "high", "background": "transparent", "output_format": "webp"},
        {"partial_images": 2},
        {"images": (PICTURE,)},
        {"images": (PICTURE, PICTURE), "mask": PICTURE, "count": 2, "partial_images": 1},
        {"images": (Image(Remote("https://x.example/a.png")), PICTURE)},
        {"images": (Image(Uploaded("file-1", "openai")),), "mask": Image(Uploaded("file-2", "openai"))},
        {"settings": Settings(extra={"openai": {"moderation": "low"}})},
    ],
)
def test_requests_are_accepted_by_the_oracle(parts: dict[str, Any]) -> None:
    wire = ImagesCodec().encode(asked(**parts))
    assert oracle("oracle_openai").check(as_oracle_reads(wire)) == []


@pytest.mark.parametrize(
    ("provider", "parts", "words"),
    [
        ("xai", {"images": (PICTURE,)}, "makes pictures from words only"),
        ("xai", {"size": "1024x1024"}, "xai:gpt-image-2 has no size to choose"),
        ("together", {"partial_images": 1}, "shows no unfinished pictures"),
        ("together", {"size": "16:9"}, "takes a size such as '1024x768'"),
        ("openai", {"images": (PICTURE,) * 17}, "takes 16 pictures at most"),
    ],
)
def test_what_a_provider_does_not_offer_is_refused(provider: str, parts: dict[str, Any], words: str) -> None:
    with pytest.raises(UnsupportedError, match=words):
        ImagesCodec(provider, rules=IMAGE_RULES.get(provider)).encode(asked(**parts))


def test_other_servers_are_asked_in_their_own_words() -> None:
    together = ImagesCodec("together", rules=IMAGE_RULES["together"]).encode(asked(size="512x256", count=2))
    assert json.loads(together.body) == {
        "model": "gpt-image-2",
        "prompt": "a cat",
        "n": 2,
        "width": 512,
        "height": 256,
        "response_format": "base64",
    }
    hugging = TextToImageCodec().encode(asked(model="black-forest-labs/FLUX.1-dev", size="512x256"))
    assert hugging.path == "/hf-inference/models/black-forest-labs/FLUX.1-dev"
    assert json.loads(hugging.body) == {"inputs": "a cat", "parameters": {"width": 512, "height": 256}}


@pytest.mark.anyio
async def test_gemini_draws_one_picture_a_request() -> None:
    sketch = Image(PICTURE.source, provider_data=ProviderData("google:generate_content", {"thought": True}))
    answer = AssistantMessage((sketch, Text("Here."), PICTURE), "gemini-2.5-flash-image", usage=Usage(5, output=1290))
    scripted = ScriptedModel(Response(answer), Response(answer))
    made = await generate_image(GeminiImageModel(scripted), "a cat", images=[PICTURE], size="1024x1024", count=2)
    assert [image.image for image in made.images] == [PICTURE, PICTURE]
    assert made.usage == Usage(10, output=2580)
    (request, _) = scripted.requests
    assert request.messages[0].parts == (PICTURE, Text("a cat"))
    (own,) = (request.settings.extra or {}).values()
    assert own["generationConfig"] == {
        "responseModalities": ["TEXT", "IMAGE"],
        "imageConfig": {"aspectRatio": "1:1"},
    }


@pytest.mark.anyio
async def test_a_server_that_refuses_a_request_says_why() -> None:
    async with simulate() as server:
        with pytest.raises(BadRequestError, match="Invalid 'n': 11"):
            settings = Settings(extra={"openai": {"n": 11}})
            await generate_image(model_at(server), "a cat", settings=settings)


@pytest.mark.anyio
async def test_a_stream_is_asked_for_again_only_before_anything_was_shown() -> None:
    told: list[Delta] = []
    async with simulate(faults=[Rule((Reset("headers"),), first=1)]) as server:
        await generate_image(model_at(server), "a cat", partial_images=1, on_event=told.append)
        assert ([type(delta) for delta in told], server.count) == ([AttemptFailed, PartialImage], 2)
    told.clear()
    async with simulate(faults=[Rule((Reset("events", 1),), first=1)]) as server:
        with pytest.raises(ConnectionFailedError):
            await generate_image(model_at(server), "a cat", partial_images=1, on_event=told.append)
        assert ([type(delta) for delta in told], server.count) == ([PartialImage], 1)


@pytest.mark.anyio
async def test_an_error_inside_a_stream_is_typed() -> None:
    async with simulate(faults=[Rule((ErrorInside(503, 1),))]) as server:
        with pytest.raises(OverloadedError):
            await generate_image(model_at(server), "a cat", partial_images=1, on_event=[].append)
        assert server.count == 1
