"""For tests of programs that use agentkit: a model that answers from a script, without network, key or clock."""

from __future__ import annotations

from agentkit.testing.scripted import Calls, Delay, ScriptedModel, Turn, calls

__all__ = ["Calls", "Delay", "ScriptedModel", "Turn", "calls"]
