"""agentkit as one of the peers of the shared benchmarks; see README.md beside them for what each method must do."""

from __future__ import annotations

import os
import time

import common
from peers.base import Peer


class AgentKit(Peer):
    """Chat Completions, as the hand loops speak it, unless told otherwise; the agent is made once."""

    wire = os.environ.get("BENCH_AGENTKIT_WIRE", "openai-chat")

    async def open(self):
        import agentkit
        from agentkit.exchange import TextDelta, ToolCallDelta
        from agentkit.messages import AssistantMessage, Text, UserMessage

        self.agentkit = agentkit
        self.text_delta, self.call_delta = TextDelta, ToolCallDelta
        self.user, self.assistant, self.text = UserMessage, AssistantMessage, Text
        if self.otel:
            from agentkit import tracing

            tracing.configure(tracer_provider=self.otel)
        await self.run("tools-1")  # what loads on first use is no memory of runs

    def agent(self, name, **options):
        key = (name, *options)
        if key not in self.cache:
            model = self.agentkit.model(f"{self.wire}:{name}", base_url=self.v1, api_key="k")
            tools = common.tools_for(name, self.sync_tools)
            self.cache[key] = self.agentkit.Agent(
                model, tools=tools, instructions=common.SYSTEM, budget=self.agentkit.Budget(steps=100), **options
            )
        return self.cache[key]

    async def run(self, model, messages=None):
        return (await self.agent(model).run(common.PROMPT, messages=messages)).output

    async def stream_text(self, model):
        count, first, text_delta = 0, 0.0, self.text_delta
        async with self.agent(model).stream(common.PROMPT) as run:
            async for event in run:
                if isinstance(event, text_delta):
                    count += 1
                    if count == 1:
                        first = time.perf_counter()
        return count, first

    async def stream_tool(self, model):
        count, call_delta = 0, self.call_delta
        async with self.agent(model).stream(common.PROMPT) as run:
            async for event in run:
                if isinstance(event, call_delta):
                    count += 1
        return count

    def prepare_history(self, n):
        kinds = {"user": self.user, "assistant": self.assistant}
        return [kinds[role]((self.text(text),)) for role, text in common.history_pairs(n)]

    async def history(self, model, prepared):
        return await self.run(model, prepared)

    async def structured(self, model):
        if "report" not in self.cache:
            self.cache["report"] = common.report_model()
        report = self.cache["report"]
        if "structured" not in self.cache:
            wire = self.agentkit.model(f"{self.wire}:{model}", base_url=self.v1, api_key="k")
            self.cache["structured"] = self.agentkit.Agent(wire, output=report, instructions=common.SYSTEM)
        return (await self.cache["structured"].run(common.PROMPT)).output

    def compile(self, fns):
        from agentkit import tool

        return [tool(fn).tool.parameters for fn in fns]


class AgentKitFast(AgentKit):
    """The same over the transport of the extra `fast`."""

    async def open(self):
        os.environ["AGENTKIT_TRANSPORT"] = "fast"
        await super().open()
