"""The offline model: picks tools by words, fills their arguments, answers from what they return."""

from __future__ import annotations

import datetime
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from providers.tool_zoo import DATE, EMAIL, NUMBER, TEXT, WHOLE, ZOO, offered, one_of

from agentkit.assemble import assemble
from agentkit.exchange import Delta, OutputFormat, Request, ToolDefinition
from agentkit.messages import Denied, Failed, Message, Outcome, Returned, UserMessage, user_message
from agentkit.models import ModelIdentity, identity_of
from agentkit.providers.offline import OfflineModel, answer
from agentkit.providers.offline_facts import facts_of
from agentkit.providers.offline_fill import Filler, Material
from agentkit.settings import Settings

TODAY = datetime.date(2026, 11, 22)
WHAT_IT_IS = "I am agentkit's offline model: a matcher of words, not a language model."


def asked(prompt: str, tools: Sequence[ToolDefinition] = ZOO, **more: Any) -> Request:
    return Request("matcher", (user_message(prompt),), tools=tuple(tools), **more)


def calls_of(request: Request) -> list[tuple[str, dict[str, Any]]]:
    return [(call.name, json.loads(call.arguments)) for call in answer(request, TODAY).calls]


def converse(
    prompt: str, act: Callable[[str, dict[str, Any]], Outcome], tools: Sequence[ToolDefinition] = ZOO
) -> tuple[list[list[tuple[str, dict[str, Any]]]], str]:
    """The calls of each step, and the answer."""
    messages: list[Message] = [user_message(prompt)]
    steps: list[list[tuple[str, dict[str, Any]]]] = []
    for _ in range(10):
        response = answer(Request("matcher", tuple(messages), tools=tuple(tools)), TODAY)
        if not response.calls:
            return steps, response.text
        made = [(call.name, json.loads(call.arguments)) for call in response.calls]
        steps.append(made)
        messages.append(response.message.with_outcomes({place: act(*call) for place, call in enumerate(made)}))
    raise AssertionError(f"no end: {steps}")


PROMPTS: list[tuple[str, list[tuple[str, dict[str, Any]]]]] = [
    ("What is the weather in Paris?", [("get_weather", {"city": "Paris"})]),
    ("weather in Paris and Rome?", [("get_weather", {"city": "Paris"}), ("get_weather", {"city": "Rome"})]),
    ("Will I need an umbrella in Oslo tomorrow?", [("get_weather", {"city": "Oslo"})]),
    ("Weather in Berlin in fahrenheit", [("get_weather", {"city": "Berlin", "unit": "f"})]),
    ("Add 2 and 3.5", [("add", {"a": 2, "b": 3.5})]),
    ("What is 17 plus 25?", [("add", {"a": 17, "b": 25})]),
    ("Divide 10 by 4", [("divide", {"dividend": 10, "divisor": 4})]),
    ("What is 12 * (3 + 4)?", [("calculate", {"expression": "12 * (3 + 4)"})]),
    (
        "Convert 100 USD to EUR",
        [("convert_currency", {"amount": 100, "from_currency": "USD", "to_currency": "EUR"})],
    ),
    (
        "Convert 1,250.50 dollars into yen",
        [("convert_currency", {"amount": 1250.5, "from_currency": "USD", "to_currency": "JPY"})],
    ),
    (
        "Send an email to bob@x.org with subject 'Lunch' saying: see you at noon and bring cake",
        [("send_email", {"to": "bob@x.org", "subject": "Lunch", "body": "see you at noon and bring cake"})],
    ),
    ("What files are in the docs folder?", [("list_files", {"folder": "docs"})]),
    ("List the files in src", [("list_files", {"folder": "src"})]),
    ("Read notes/todo.txt", [("read_file", {"path": "notes/todo.txt"})]),
    ("Read the README", [("read_file", {"path": "README"})]),
    (
        "Create an event called 'Dentist' on 2026-12-03 at 14:30",
        [("create_event", {"title": "Dentist", "date": "2026-12-03", "start_time": "14:30:00Z"})],
    ),
    (
        'Schedule a meeting "Planning" with Anna and Bob tomorrow at 3pm for 45 minutes',
        [
            (
                "create_event",
                {
                    "title": "Planning",
                    "date": "2026-11-23",
                    "start_time": "15:00:00Z",
                    "duration_minutes": 45,
                    "attendees": ["Anna", "Bob"],
                },
            )
        ],
    ),
    (
        "Which events do I have between 2026-12-01 and 2026-12-07?",
        [("list_events", {"start": "2026-12-01", "end": "2026-12-07"})],
    ),
    ("Search the web for python asyncio tutorials", [("search_web", {"query": "python asyncio tutorials"})]),
    (
        "Find the top 3 results on the web about solar panels",
        [("search_web", {"query": "solar panels", "max_results": 3})],
    ),
    ("Turn on the kitchen light", [("set_light", {"room": "kitchen", "on": True})]),
    ("Switch off the light in the living room", [("set_light", {"room": "living_room", "on": False})]),
    ("Set the bedroom light to 40 percent", [("set_light", {"room": "bedroom", "on": True, "brightness": 40})]),
    (
        "Book a table at Luigi's for 4 people on March 5",
        [("book_table", {"restaurant": "Luigi's", "people": 4, "date": "2026-03-05"})],
    ),
    ("Where is my order A-1234?", [("track_order", {"order_id": "A-1234"})]),
    (
        'Translate "good morning" to French',
        [("translate", {"text": "good morning", "target_language": "French"})],
    ),
    (
        "Create a user named Anna Smith, anna@x.org, 34 years old, living in Berlin",
        [
            (
                "create_user",
                {
                    "user": {
                        "name": "Anna Smith",
                        "email": "anna@x.org",
                        "age": 34,
                        "address": {"city": "Berlin"},
                    }
                },
            )
        ],
    ),
    ("Download https://example.com/page", [("fetch_url", {"url": "https://example.com/page"})]),
    ("What is the price of the AAPL stock?", [("stock_price", {"ticker": "AAPL"})]),
    ("Roll two dice with 6 sides", [("roll_dice", {"count": 2, "sides": 6})]),
    (
        "Add a high priority task: call the plumber",
        [("add_todo", {"task": "call the plumber", "priority": "high"})],
    ),
    ("Delete note 7", [("delete_note", {"note_id": 7})]),
    ("What is the average of 3, 5 and 10?", [("average", {"numbers": [3, 5, 10]})]),
    (
        "Put milk, eggs and bread on the shopping list",
        [("shopping_list_add", {"items": ["milk", "eggs", "bread"]})],
    ),
    ("How far is it from Paris to Berlin?", [("distance", {"origin": "Paris", "destination": "Berlin"})]),
    ("What time is it?", [("current_time", {})]),
    (
        "Weather in Oslo, then add 4 and 5",
        [("get_weather", {"city": "Oslo"}), ("add", {"a": 4, "b": 5})],
    ),
]


@pytest.mark.parametrize(("prompt", "expected"), PROMPTS, ids=[prompt for prompt, _ in PROMPTS])
def test_picks_the_tool_among_25_and_fills_its_arguments(
    prompt: str, expected: list[tuple[str, dict[str, Any]]]
) -> None:
    made = calls_of(asked(prompt))
    assert made == expected
    for name, arguments in made:
        jsonschema.validate(arguments, next(tool.parameters for tool in ZOO if tool.name == name))


@pytest.mark.parametrize(
    ("tool", "prompt", "expected"),
    [
        (offered("lookup", "Facts about a country.", {"name": TEXT}), "Tell me of Japan", {"name": "Japan"}),
        (
            offered("bmi", "Body mass index.", {"weight_kg": NUMBER, "height_m": NUMBER}),
            "my bmi with 80 kg and 1.8 m",
            {"weight_kg": 80, "height_m": 1.8},
        ),
        (offered("is_prime", "Check for primes.", {"n": WHOLE}), "Is 97 prime?", {"n": 97}),
        (
            offered("convert", "Convert units.", {"value": NUMBER, "from_unit": TEXT, "to_unit": TEXT}),
            "Convert 10 km to miles",
            {"value": 10, "from_unit": "km", "to_unit": "miles"},
        ),
        (
            offered(
                "order_pizza",
                "Order pizzas.",
                {
                    "size": one_of("small", "large"),
                    "toppings": {"type": "array", "items": one_of("cheese", "ham", "olives")},
                    "count": WHOLE,
                },
                "count",
            ),
            "Order 2 large pizzas with cheese and olives",
            {"size": "large", "toppings": ["cheese", "olives"], "count": 2},
        ),
        (
            offered("write_file", "Write a text to a file.", {"path": TEXT, "content": TEXT}),
            "write the text hi there to a.txt",
            {"path": "a.txt", "content": "hi there"},
        ),
        (
            offered("grep", "Search for a pattern.", {"pattern": TEXT, "folder": TEXT}, "folder"),
            "grep import in the tests folder",
            {"pattern": "import", "folder": "tests"},
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_works_with_a_single_tool_of_a_users_own(tool: ToolDefinition, prompt: str, expected: dict[str, Any]) -> None:
    assert calls_of(asked(prompt, [tool])) == [(tool.name, expected)]


def test_says_what_it_is_when_no_tool_is_meant() -> None:
    response = answer(asked("Tell me a joke"), TODAY)
    assert response.finish == "stop"
    assert response.text.startswith(WHAT_IT_IS)
    assert "get_weather" in response.text
    assert "OPENAI_API_KEY" in response.text


def test_says_what_it_is_when_it_has_no_tools() -> None:
    assert answer(asked("Hello", []), TODAY).text.startswith(
        f"{WHAT_IT_IS} I can only call tools, and I was given none."
    )


def files(name: str, arguments: dict[str, Any]) -> Outcome:
    if name == "list_files":
        return Returned(["notes.md", "budget.csv", "plan.txt"])
    return Returned(f"This is {arguments['path']}.")


def test_reads_first_what_it_lists() -> None:
    steps, text = converse("List the files and read the first one", files)
    assert steps == [[("list_files", {})], [("read_file", {"path": "notes.md"})]]
    assert text == ("- list_files: found 3: notes.md, budget.csv, plan.txt.\n- read_file (notes.md): This is notes.md.")


def test_finds_the_file_that_is_meant_before_it_reads_it() -> None:
    steps, text = converse("What does the budget file say?", files)
    assert steps == [[("list_files", {})], [("read_file", {"path": "budget.csv"})]]
    assert text == "This is budget.csv."


def test_reads_all_of_them_side_by_side() -> None:
    steps, _ = converse("List the files in docs and read all of them", files)
    assert steps == [
        [("list_files", {"folder": "docs"})],
        [("read_file", {"path": path}) for path in ("notes.md", "budget.csv", "plan.txt")],
    ]


def test_calculates_with_an_earlier_result() -> None:
    steps, text = converse(
        "Add 2 and 3, then add 10 to the result", lambda _, arguments: Returned(arguments["a"] + arguments["b"])
    )
    assert steps == [[("add", {"a": 2, "b": 3})], [("add", {"a": 10, "b": 5})]]
    assert text == "- add (2, 3): 5.\n- add (10, 5): 15."


def test_takes_an_id_from_an_earlier_result() -> None:
    tools = [
        *ZOO,
        offered("find_customer", "Find a customer by name.", {"name": TEXT}),
        offered("list_orders", "List the orders of a customer.", {"customer_id": TEXT}),
    ]

    def act(name: str, _: dict[str, Any]) -> Outcome:
        return Returned({"customer_id": "C-77"} if name == "find_customer" else [{"order": "O-1", "total": 12.5}])

    steps, text = converse("Which orders does Anna Smith have?", act, tools)
    assert steps == [[("find_customer", {"name": "Anna Smith"})], [("list_orders", {"customer_id": "C-77"})]]
    assert text == "list_orders found 1:\n- Order: O-1, total: 12.5"


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Returned({"city": "Paris", "is_rainy": True, "t": 18.5}), "City: Paris, is rainy: yes, t: 18.5."),
        (Returned('{"t": 18}'), "T: 18."),
        (Returned("It rains."), "It rains."),
        (Returned(None), "get_weather is done."),
        (Returned(False), "get_weather says no."),
        (Returned(18.0), "The result of get_weather is 18."),
        (Returned([]), "get_weather found nothing."),
        (Failed("no such city"), "get_weather failed: no such city."),
        (Denied("not today"), "get_weather was not allowed: not today."),
    ],
)
def test_says_in_words_what_became_of_a_call(outcome: Outcome, expected: str) -> None:
    _, text = converse("What is the weather in Paris?", lambda *_: outcome)
    assert text == expected


def test_quotes_of_a_long_text_what_was_asked_for() -> None:
    filler = "\n".join(f"Line {number} tells nothing of interest to anybody at all." for number in range(100))
    _, text = converse(
        "Read report.txt about the deadline", lambda *_: Returned(f"{filler}\nThe deadline is Friday.\n{filler}")
    )
    assert "The deadline is Friday." in text
    assert len(text) < 1000


def test_a_follow_up_asks_the_same_tool_again() -> None:
    first = answer(asked("What is the weather in Paris?"), TODAY)
    messages = (
        user_message("What is the weather in Paris?"),
        first.message.with_outcomes({0: Returned("rain")}),
        user_message("And in Rome?"),
    )
    assert calls_of(Request("matcher", messages, tools=ZOO)) == [("get_weather", {"city": "Rome"})]


def test_obeys_tool_choice() -> None:
    weather = "What is the weather in Paris?"
    assert calls_of(asked(weather, settings=Settings(tool_choice="none"))) == []
    assert calls_of(asked(weather, settings=Settings(tool_choice="current_time"))) == [("current_time", {})]
    assert len(calls_of(asked("Tell me a joke", settings=Settings(tool_choice="required")))) == 1


def test_makes_one_call_at_a_time_where_parallel_calls_are_off() -> None:
    request = asked("weather in Paris and Rome?", settings=Settings(parallel_tool_calls=False))
    assert calls_of(request) == [("get_weather", {"city": "Paris"})]


PERSON = {
    "type": "object",
    "properties": {"name": TEXT, "age": WHOLE, "email": EMAIL, "born": DATE, "city": TEXT},
    "required": ["name", "age", "city"],
}


def test_fills_a_declared_output_from_the_prompt() -> None:
    request = asked("John Smith is 34 years old and lives in Berlin", [], output=OutputFormat("Person", PERSON))
    assert json.loads(answer(request, TODAY).text) == {"name": "John Smith", "age": 34, "city": "Berlin"}


def test_fills_a_declared_output_from_results() -> None:
    report = {
        "type": "object",
        "properties": {"city": TEXT, "temperature": NUMBER, "sky": one_of("sun", "rain")},
        "required": ["city", "temperature", "sky"],
    }
    first = answer(asked("What is the weather in Paris?", output=OutputFormat("Report", report)), TODAY)
    result = {"city": "Paris", "temperature": 12.5, "sky": "rain"}
    messages = (user_message("What is the weather in Paris?"), first.message.with_outcomes({0: Returned(result)}))
    second = answer(Request("matcher", messages, tools=ZOO, output=OutputFormat("Report", report)), TODAY)
    assert json.loads(second.text) == result


def test_gives_its_output_by_the_output_tool() -> None:
    tool = offered("final_result", "Give the answer.", {"name": TEXT, "age": WHOLE})
    assert calls_of(asked("Anna is 30 years old", [tool])) == [("final_result", {"name": "Anna", "age": 30})]


def test_ends_at_the_token_limit() -> None:
    response = answer(asked("Hello", [], settings=Settings(max_output_tokens=5)), TODAY)
    assert (response.finish, response.text, response.usage.output) == ("length", WHAT_IT_IS[:20], 5)


class Listener:
    def __init__(self) -> None:
        self.deltas: list[Delta] = []

    def emit(self, deltas: Sequence[Delta]) -> bool:
        self.deltas.extend(deltas)
        return True

    async def drain(self) -> None: ...


@pytest.mark.anyio
@pytest.mark.parametrize("prompt", ["weather in Paris and Rome?", "Tell me a joke"])
async def test_streams_what_it_returns(prompt: str) -> None:
    listener = Listener()
    model = OfflineModel(today=TODAY)
    streamed = await model.respond(asked(prompt), listener)
    plain = await model.respond(asked(prompt))
    assert assemble(listener.deltas) == streamed == plain == answer(asked(prompt), TODAY)
    assert len(listener.deltas) > 5


def test_says_who_it_is_to_spans() -> None:
    identity = identity_of(OfflineModel())
    assert identity == ModelIdentity(
        "offline", "matcher", api="offline", is_remote=False, capabilities=identity.capabilities
    )


@pytest.mark.parametrize("text", ["1 ", "1 + ", "a-", "a/", "a.", "(", "'", "Anna ", "and ", ": ", "1", "\n"])
def test_no_text_is_slow(text: str) -> None:
    began = time.process_time()
    answer(asked(text * (40_000 // len(text))), TODAY)
    assert time.process_time() - began < 20  # without bounds these took minutes


def test_a_huge_result_is_content_and_no_argument() -> None:
    steps, text = converse("List the files and read the first one", lambda *_: Returned("x" * 1_000_000))
    assert steps == [[("list_files", {})], [("read_file", {"path": "example"})]]
    assert len(text) < 3_000


def test_answers_are_the_same_in_every_process() -> None:
    code = (
        "import datetime, json, sys; sys.path.insert(0, 'tests')\n"
        "from providers.test_offline import PROMPTS, answer, asked, converse, files, TODAY\n"
        "print([repr(answer(asked(prompt), TODAY)) for prompt, _ in PROMPTS[:20]])\n"
        "print(converse('List the files and read the last one', files))"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(told) == 1


@settings(max_examples=150, deadline=None)
@given(prompt=st.text(max_size=200))
def test_any_text_gets_an_answer_whose_calls_are_valid(prompt: str) -> None:
    request = Request("matcher", (UserMessage(user_message(prompt).parts),), tools=ZOO)
    response = answer(request, TODAY)
    assert response == answer(request, TODAY)
    for call in response.calls:
        jsonschema.validate(json.loads(call.arguments), next(tool.parameters for tool in ZOO if tool.name == call.name))


PATTERNS = (r"^[A-Z]{3}$", r"^\d{5}$", r"^[a-z0-9-]+$", r"^#[0-9a-f]{6}$", r"^[A-Z]{2}-\d{4}$", r"^(low|high)$")
FORMATS = ("date", "date-time", "time", "email", "uri", "uuid", "ipv4", "duration")
NAMES = ("city", "count", "path", "url", "email", "date", "on", "name", "items", "to", "from", "order_id", "query")
NODE = {
    "type": "object",
    "properties": {"value": WHOLE, "next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]}},
    "required": ["value"],
}


def some_schema(chance: random.Random, depth: int = 0) -> dict[str, Any]:
    low, size = chance.randint(-50, 50), chance.randint(0, 20)
    plain: list[Callable[[], dict[str, Any]]] = [
        lambda: TEXT,
        lambda: {"type": "string", "minLength": size, "maxLength": size + chance.randint(0, 5)},
        lambda: {"type": "string", "format": chance.choice(FORMATS)},
        lambda: {"type": "string", "pattern": chance.choice(PATTERNS)},
        lambda: {"type": "integer", "minimum": low, "maximum": low + 20, "multipleOf": chance.choice([1, 2, 5])},
        lambda: {"type": "number", "exclusiveMinimum": low, "exclusiveMaximum": low + 3},
        lambda: {"type": "boolean"},
        lambda: {"enum": ["red", "green", 3]},
        lambda: {"const": chance.choice(["x", 3, True, None])},
        lambda: {"type": ["null", "integer"]},
    ]
    nested: list[Callable[[], dict[str, Any]]] = [
        lambda: {"$ref": "#/$defs/Node"},
        lambda: {"anyOf": [some_schema(chance, depth + 1), {"type": "null"}]},
        lambda: {"type": "array", "items": some_schema(chance, depth + 1), "minItems": chance.randint(0, 3)},
        lambda: {"type": "array", "prefixItems": [TEXT, WHOLE], "minItems": 2, "maxItems": 2},
        lambda: {"allOf": [{"properties": {"a": TEXT}, "required": ["a"]}, {"type": "object"}]},
        lambda: some_object(chance, depth + 1),
    ]
    return chance.choice(plain if depth > 2 else [*plain, *nested])()


def some_object(chance: random.Random, depth: int) -> dict[str, Any]:
    names = chance.sample(NAMES, chance.randint(1, 4))
    return {
        "type": "object",
        "properties": {name: some_schema(chance, depth) for name in names},
        "required": [name for name in names if chance.random() < 0.6],
        "additionalProperties": False,
    }


@settings(max_examples=300, deadline=None)
@given(chance=st.randoms(use_true_random=False), text=st.sampled_from([prompt for prompt, _ in PROMPTS] + [""]))
def test_whatever_it_fills_is_valid(chance: random.Random, text: str) -> None:
    schema = {**some_object(chance, 0), "$defs": {"Node": NODE}}
    value = Filler(schema, Material(text, facts_of(text, TODAY))).fill()
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    jsonschema.Draft202012Validator(schema, format_checker=checker).validate(value)
