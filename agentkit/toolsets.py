"""Toolsets: sources of tools with a lifetime, and ways to change what they offer.

class Orders(Toolset):
    def __init__(self, url: str) -> None:
        self.client = httpx.AsyncClient(base_url=url)

    @tool(effect="read")
    async def find_order(self, number: int) -> Order:
        '''Find an order by its number.'''

    async def close(self) -> None:
        await self.client.aclose()

Agent(..., tools=[Orders(url).prefixed("shop_").approved(lambda tool: tool.effect != "read")])
"""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import anyio
from anyio.lowlevel import RunVar

from agentkit.errors import ConfigurationError
from agentkit.tools import Approval, Found, Tool, as_tool

__all__ = ["StaticToolset", "Toolset", "opened"]


class Toolset:
    """A source of tools. Subclass it: methods decorated with @tool are its tools, `open` and `close` its lifetime.

    A run opens its toolsets before the first step and closes them after the last; `async with agent:` keeps them open
    for many runs. Toolsets that derive from another one (filtered, prefixed, ...) share its lifetime.
    """

    async def open(self) -> None:
        """Get ready: connect, log in."""

    async def close(self) -> None:
        """Let go of what `open` got."""

    async def list_tools(self) -> Sequence[Tool]:
        """The tools it offers now; by default its decorated methods, in the order of their definition."""
        return self.own_tools()

    def own_tools(self) -> list[Tool]:
        """The tools of the methods decorated with @tool, bound to this toolset; always the same objects."""
        kept: list[Tool] | None = self.__dict__.get("_own_tools")  # no __init__ of ours is asked of subclasses
        if kept is not None:
            return list(kept)
        found: dict[str, Tool] = {}
        for cls in reversed(type(self).__mro__):
            for name, member in vars(cls).items():
                made = getattr(member, "tool", None) or getattr(getattr(member, "__func__", None), "tool", None)
                if isinstance(made, Tool):
                    owner = type(self) if isinstance(member, classmethod) else self
                    found[name] = made if isinstance(member, staticmethod) else made.bind(owner)
                elif name in found:
                    del found[name]  # a subclass put something else in its place
        self.__dict__["_own_tools"] = list(found.values())
        return list(found.values())

    @property
    def root(self) -> Toolset:
        """The toolset whose `open` and `close` count: itself, or the one that it derives from."""
        return self

    def changed(self, change: Callable[[Sequence[Tool]], list[Tool]]) -> Toolset:
        """Any other change of the list of tools."""
        return _Changed(self, change)

    def filtered(self, keep: Callable[[Tool], bool] | Iterable[str]) -> Toolset:
        """Only some tools: those of these names, or those for which `keep` says yes."""
        if callable(keep):
            return self.changed(lambda tools: [tool for tool in tools if keep(tool)])
        names = list(keep)
        return self.changed(lambda tools: _named(tools, names))

    def prefixed(self, prefix: str) -> Toolset:
        """Every name with a prefix, so that two sources do not clash."""
        return self.changed(lambda tools: [tool.copy(name=prefix + tool.name) for tool in tools])

    def renamed(self, names: Mapping[str, str]) -> Toolset:
        """Some tools under other names: old name -> new name."""

        def rename(tools: Sequence[Tool]) -> list[Tool]:
            _named(tools, names)
            return [tool.copy(name=names[tool.name]) if tool.name in names else tool for tool in tools]

        return self.changed(rename)

    def approved(self, needs: Callable[[Tool], bool] = lambda _: True, *, when: Approval = True) -> Toolset:
        """A person has to agree to calls of the tools for which `needs` says yes (all of them by default)."""
        return self.changed(lambda tools: [tool.copy(approve=when) if needs(tool) else tool for tool in tools])

    def searchable(self, *, name: str = "search_tools", count: int = 5) -> Toolset:
        """Hide the tools behind a search: the model sees one tool that finds others by words, and then those it found.

        For sources of many tools, whose definitions would fill the prompt.
        """
        return _Searchable(self, name, count)


class StaticToolset(Toolset):
    """A toolset of given tools."""

    def __init__(self, tools: Iterable[Tool | Callable[..., Any]]) -> None:
        self._tools = [as_tool(source) for source in tools]

    async def list_tools(self) -> Sequence[Tool]:
        """The given tools."""
        return self._tools


class _Changed(Toolset):
    """Another toolset with its list of tools changed; opening it opens the other."""

    def __init__(self, inner: Toolset, change: Callable[[Sequence[Tool]], list[Tool]]) -> None:
        self._inner = inner
        self._change = change
        self._made: tuple[Sequence[Tool], list[Tool]] | None = None

    @property
    def root(self) -> Toolset:
        return self._inner.root

    async def open(self) -> None:
        await self._inner.open()

    async def close(self) -> None:
        await self._inner.close()

    async def list_tools(self) -> Sequence[Tool]:
        """The other's tools, changed; the same objects as long as the other gives the same."""
        tools = await self._inner.list_tools()
        if self._made is None or list(self._made[0]) != list(tools):
            self._made = (tools, self._change(tools))
        return self._made[1]


class _Searchable(_Changed):
    """Tools behind a search. Whatever is changed later is changed before the search, so that it finds the new names."""

    def __init__(self, inner: Toolset, name: str, count: int) -> None:
        super().__init__(inner, lambda tools: [_search_tool(tools, name, count), *(_hidden(tool) for tool in tools)])
        self._name = name
        self._count = count

    def changed(self, change: Callable[[Sequence[Tool]], list[Tool]]) -> Toolset:
        return _Searchable(self._inner.changed(change), self._name, self._count)


class _Users:
    """Who uses one toolset in one event loop: the first one opens it, the last one closes it."""

    __slots__ = ("count", "is_open", "lock")

    def __init__(self) -> None:
        self.count = 0
        self.is_open = False
        self.lock = anyio.Lock()


_users: RunVar[dict[Toolset, _Users]] = RunVar("agentkit_toolset_users")


@asynccontextmanager
async def opened(toolsets: Iterable[Toolset]) -> AsyncGenerator[None]:
    """Keep these toolsets open; runs side by side and toolsets that derive from one another share one opening."""
    async with AsyncExitStack() as stack:
        for root in dict.fromkeys(toolset.root for toolset in toolsets):
            await _open(root)
            stack.push_async_callback(_close, root)
        yield


async def _open(root: Toolset) -> None:
    table = _users.get(None)
    if table is None:
        table = dict[Toolset, _Users]()
        _users.set(table)
    users = table.setdefault(root, _Users())
    users.count += 1
    try:
        async with users.lock:
            if not users.is_open:
                await _awaited(root.open(), root, "open")
                users.is_open = True
    except BaseException:
        users.count -= 1
        raise


async def _close(root: Toolset) -> None:
    table = _users.get()
    users = table[root]
    users.count -= 1
    with anyio.CancelScope(shield=True):
        async with users.lock:
            if users.count == 0 and users.is_open:
                users.is_open = False
                del table[root]
                await _awaited(root.close(), root, "close")


async def _awaited(begun: object, root: Toolset, name: str) -> None:
    if not inspect.isawaitable(begun):  # a plain `def` in a subclass has run by now
        raise ConfigurationError(f"{type(root).__name__}.{name} is no async function; write `async def {name}(self)`")
    await begun


def _named(tools: Sequence[Tool], names: Iterable[str]) -> list[Tool]:
    known = {tool.name: tool for tool in tools}
    missing = [name for name in names if name not in known]
    if missing:
        raise ConfigurationError(f"this toolset has no tool {', '.join(missing)}; it has {', '.join(known) or 'none'}")
    return [known[name] for name in names]


def _hidden(tool: Tool) -> Tool:
    return tool.copy(is_hidden=True)


def _search_tool(tools: Sequence[Tool], name: str, count: int) -> Tool:
    words = {tool.name: _words(f"{tool.name} {tool.description}") for tool in tools}
    descriptions = {tool.name: tool.description for tool in tools}

    async def search(query: str) -> Found:
        wanted = _words(query)
        scores = {known: len(wanted & own) for known, own in words.items()}
        best = sorted((known for known in scores if scores[known]), key=lambda known: -scores[known])[:count]
        if not best:
            return Found((), f"Nothing fits {query!r}. Try other words; there are {len(words)} tools.")
        return Found(tuple(best), [{"name": known, "description": descriptions[known]} for known in best])

    schema = {
        "type": "object",
        "properties": {"query": {"type": "string", "description": "Words for what the tool should do."}},
        "required": ["query"],
        "additionalProperties": False,
    }
    description = f"Find tools by what they do. There are {len(tools)}; those found can be called from then on."
    return Tool.from_schema(name, description, schema, search, effect="read")


def _words(text: str) -> set[str]:
    spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", text.replace("_", " "))
    return {word.lower().rstrip("s") for word in re.findall(r"[A-Za-z0-9]{2,}", spaced)}
