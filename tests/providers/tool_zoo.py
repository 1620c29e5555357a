"""Twenty-five tools of all kinds, as strangers would write them, for the offline model to choose from."""

from __future__ import annotations

from typing import Any

from agentkit.exchange import ToolDefinition

TEXT: dict[str, Any] = {"type": "string"}
WHOLE: dict[str, Any] = {"type": "integer"}
NUMBER: dict[str, Any] = {"type": "number"}
DATE: dict[str, Any] = {"type": "string", "format": "date"}
EMAIL: dict[str, Any] = {"type": "string", "format": "email"}


def one_of(*values: str) -> dict[str, Any]:
    return {"type": "string", "enum": list(values)}


def offered(name: str, description: str, properties: dict[str, Any], *optional: str, **more: Any) -> ToolDefinition:
    required = [key for key in properties if key not in optional]
    return ToolDefinition(name, description, {"type": "object", "properties": properties, "required": required, **more})


MONEY = one_of("USD", "EUR", "GBP", "JPY")
USER = {
    "User": {
        "type": "object",
        "properties": {"name": TEXT, "email": EMAIL, "age": WHOLE, "address": {"$ref": "#/$defs/Address"}},
        "required": ["name", "email"],
    },
    "Address": {"type": "object", "properties": {"city": TEXT, "street": TEXT}, "required": ["city"]},
}

ZOO = (
    offered(
        "get_weather",
        "Current weather for a city.",
        {"city": {**TEXT, "description": 'City name, such as "Paris".'}, "unit": {**one_of("c", "f"), "default": "c"}},
        "unit",
    ),
    offered("add", "Add two numbers.", {"a": NUMBER, "b": NUMBER}),
    offered("divide", "Divide one number by another.", {"dividend": NUMBER, "divisor": NUMBER}),
    offered("calculate", "Evaluate an arithmetic expression.", {"expression": TEXT}),
    offered(
        "convert_currency",
        "Convert an amount of money between currencies.",
        {"amount": NUMBER, "from_currency": MONEY, "to_currency": MONEY},
    ),
    offered(
        "send_email",
        "Send an email.",
        {"to": EMAIL, "subject": TEXT, "body": TEXT, "urgent": {"type": "boolean", "default": False}},
        "urgent",
    ),
    offered("list_files", "List the files in a folder.", {"folder": {**TEXT, "default": "."}}, "folder"),
    offered("read_file", "Read a text file.", {"path": TEXT}),
    offered(
        "create_event",
        "Create a calendar event.",
        {
            "title": TEXT,
            "date": DATE,
            "start_time": {"type": "string", "format": "time"},
            "duration_minutes": {**WHOLE, "default": 60},
            "attendees": {"type": "array", "items": TEXT, "default": []},
        },
        "duration_minutes",
        "attendees",
    ),
    offered("list_events", "List calendar events between two dates.", {"start": DATE, "end": DATE}),
    offered(
        "search_web",
        "Search the web.",
        {"query": TEXT, "max_results": {**WHOLE, "default": 5, "minimum": 1, "maximum": 20}},
        "max_results",
    ),
    offered(
        "set_light",
        "Turn a light on or off.",
        {
            "room": one_of("kitchen", "bedroom", "living_room"),
            "on": {"type": "boolean"},
            "brightness": {**WHOLE, "minimum": 0, "maximum": 100, "default": 100},
        },
        "brightness",
    ),
    offered(
        "book_table",
        "Book a table at a restaurant.",
        {"restaurant": TEXT, "people": {**WHOLE, "minimum": 1}, "date": DATE},
    ),
    offered("track_order", "Track an order by its id.", {"order_id": TEXT}),
    offered("translate", "Translate a text into another language.", {"text": TEXT, "target_language": TEXT}),
    offered("create_user", "Create a user account.", {"user": {"$ref": "#/$defs/User"}}, **{"$defs": USER}),
    offered("fetch_url", "Download a web page.", {"url": {"type": "string", "format": "uri"}}),
    offered("stock_price", "Current price of a stock.", {"ticker": TEXT}),
    offered(
        "roll_dice",
        "Roll some dice.",
        {"count": {**WHOLE, "default": 1}, "sides": {**WHOLE, "default": 6}},
        "count",
        "sides",
    ),
    offered(
        "add_todo",
        "Add a task to the to-do list.",
        {
            "task": TEXT,
            "priority": {**one_of("low", "medium", "high"), "default": "medium"},
            "due": {"anyOf": [DATE, {"type": "null"}], "default": None},
        },
        "priority",
        "due",
    ),
    offered("delete_note", "Delete a note by its number.", {"note_id": WHOLE}),
    offered("average", "Average of a list of numbers.", {"numbers": {"type": "array", "items": NUMBER, "minItems": 1}}),
    offered("shopping_list_add", "Put items on the shopping list.", {"items": {"type": "array", "items": TEXT}}),
    offered("distance", "Distance between two cities in kilometres.", {"origin": TEXT, "destination": TEXT}),
    offered("current_time", "Current time in a timezone.", {"timezone": {**TEXT, "default": "UTC"}}, "timezone"),
)
