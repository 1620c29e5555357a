from __future__ import annotations

import re
from typing import Any

from agentkit.tracing.record import SpanRecord
from agentkit.tracing.tree import render_tree

COSTS = {"agentkit.cost_usd": 0.0004}


def span(id: str, parent: str, name: str, start: float, end: float, **more: Any) -> SpanRecord:
    return SpanRecord("t", id, parent, name, 1, int(start * 1e9), int(end * 1e9), **more)


def usage(input: int, output: int, *finish: str, **more: Any) -> dict[str, Any]:
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.usage.input_tokens": input,
        "gen_ai.usage.output_tokens": output,
        "gen_ai.response.finish_reasons": list(finish),
        **more,
    }


AGENT = {"gen_ai.operation.name": "invoke_agent"}

WEATHER = [
    span("2", "1", "chat gpt-6-luna", 0, 0.61, attributes=usage(128, 32, "tool_calls", **COSTS)),
    span("3", "1", "execute_tool get_weather", 0.61, 0.63),
    span("4", "1", "chat gpt-6-luna", 0.63, 1.23, attributes=usage(1184, 56, "stop", **COSTS)),
    span("1", "", "invoke_agent weather", 0, 1.24, attributes=AGENT),
]


def test_a_run_is_a_tree_with_times_tokens_costs_and_endings() -> None:
    assert render_tree(WEATHER) == "\n".join(
        [
            "invoke_agent weather          1.24 s   in 1,312 · out 88   $0.0008",
            "├─ chat gpt-6-luna            0.61 s   in   128 · out 32   $0.0004   tool_calls",
            "├─ execute_tool get_weather   0.02 s",
            "└─ chat gpt-6-luna            0.60 s   in 1,184 · out 56   $0.0004   stop",
        ]
    )


def test_sub_agents_failures_and_remarks_are_shown() -> None:
    spans = [
        span("1", "", "invoke_agent planner", 0, 130, attributes=AGENT),
        span("2", "1", "execute_tool ask", 1, 2),
        span("3", "2", "invoke_agent expert", 1, 2, attributes=AGENT),
        span(
            "4",
            "3",
            "chat m",
            1,
            1.5,
            attributes=usage(
                10,
                5,
                "stop",
                **{
                    "gen_ai.usage.cache_read.input_tokens": 4,
                    "gen_ai.response.time_to_first_chunk": 0.25,
                    "agentkit.attempts": 3,
                    "agentkit.arguments.repaired": True,
                },
            ),
        ),
        span(
            "5",
            "1",
            "execute_tool look",
            3,
            3.004,
            attributes={"error.type": "ValueError"},
            is_error=True,
            status_message="no\nsuch\x1b[2J city",
        ),
        span("6", "1", "chat m", 4, 5, attributes={"error.type": "429"}, is_error=True, status_message="429"),
    ]
    assert render_tree(spans).splitlines() == [
        "invoke_agent planner        2 m 10 s   in 10 · out 5 · cached 4",
        "├─ execute_tool ask           1.00 s   in 10 · out 5 · cached 4",
        "│  └─ invoke_agent expert     1.00 s   in 10 · out 5 · cached 4",
        "│     └─ chat m               0.50 s   in 10 · out 5 · cached 4   "
        "stop · first after 0.25 s · 3 attempts · arguments repaired",
        "├─ execute_tool look          4.0 ms" + " " * 30 + "✗ ValueError: no such?[2J city",
        "└─ chat m                     1.00 s" + " " * 30 + "✗ 429",
    ]


def test_who_answered_in_the_place_of_whom_and_what_came_from_a_cache_is_shown() -> None:
    switched = usage(1, 2, "stop", **{"agentkit.failed_over": ["a:big OverloadedError", "b:small passed over"]})
    spans = [
        span("1", "", "chat c", 0, 1, attributes=switched),
        span("2", "", "chat c", 1, 2, attributes=usage(0, 0, "stop", **{"agentkit.cache.hit": True})),
    ]
    assert [line.partition("stop")[2] for line in render_tree(spans).splitlines()] == [
        " · instead of a:big OverloadedError · instead of b:small passed over",
        " · cache hit",
    ]


def test_a_price_that_is_partly_unknown_is_a_lower_bound() -> None:
    spans = [
        span("1", "", "invoke_agent a", 0, 1, attributes=AGENT),
        span("2", "1", "chat m", 0, 0.5, attributes=usage(1, 1, **COSTS)),
        span("3", "1", "chat n", 0.5, 1, attributes=usage(1, 1)),
    ]
    assert [line.partition("out")[2] for line in render_tree(spans).splitlines()] == [
        " 2   ≥ $0.0004",
        " 1   $0.0004",
        " 1",
    ]


def test_spans_without_their_parents_are_roots() -> None:
    spans = [span("2", "gone", "b", 1, 2), span("1", "1", "a", 0, 1)]
    assert render_tree(spans) == "a   1.00 s\nb   1.00 s"


def test_no_spans_are_no_lines() -> None:
    assert render_tree([]) == ""
    assert render_tree([span("1", "2", "a", 0, 1), span("2", "1", "b", 0, 1)]) == ""


def test_a_narrow_terminal_cuts_lines_and_an_old_one_gets_plain_letters() -> None:
    lines = render_tree(WEATHER, width=24, is_ascii=True).splitlines()
    assert lines == [
        "invoke_agent weather   ~",
        "|- chat gpt-6-luna     ~",
        "|- execute_tool get_wea~",
        "`- chat gpt-6-luna     ~",
    ]


def test_colours_change_nothing_but_colour() -> None:
    failed = [*WEATHER, span("5", "1", "chat m", 1.23, 1.24, is_error=True, attributes={"error.type": "x"})]
    coloured = render_tree(failed, has_colours=True)
    assert "\x1b[31m✗ x\x1b[0m" in coloured
    assert re.sub(r"\x1b\[\d+m", "", coloured) == render_tree(failed)


def test_a_very_deep_trace_is_drawn() -> None:
    spans = [span(str(depth), str(depth - 1), "x", depth, depth + 1) for depth in range(1, 3_000)]
    assert len(render_tree(spans).splitlines()) == 2_999


def test_small_costs_keep_their_digits() -> None:
    spans = [
        span("1", "", "chat a", 0, 1, attributes=usage(1, 1, **{"agentkit.cost_usd": 0.0})),
        span("2", "", "chat b", 1, 2, attributes=usage(1, 1, **{"agentkit.cost_usd": 0.000012})),
    ]
    assert [line.rpartition("   ")[2] for line in render_tree(spans).splitlines()] == ["$0", "$0.000012"]
