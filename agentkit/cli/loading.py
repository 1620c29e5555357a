"""Agents and tools by name, as a person writes them: `shop.tools`, `my_tools.py`, `my_agents.py:support`."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias, cast

from agentkit.agent import Agent
from agentkit.errors import AgentkitError, ConfigurationError, nearest
from agentkit.providers.offline import OfflineModel
from agentkit.tools import Tool
from agentkit.toolsets import Toolset

__all__ = ["ToolSource", "found_from_anywhere", "is_agent_name", "load_agent", "load_for_tools", "load_tools"]

ToolSource: TypeAlias = "Tool | Toolset | Callable[..., Any]"


@dataclass(frozen=True, slots=True)
class _Name:
    """`place:name` taken apart; `place` is a file or a module."""

    place: str
    name: str

    @property
    def is_file(self) -> bool:
        return self.place.endswith(".py") or "/" in self.place or "\\" in self.place


def is_agent_name(text: str) -> bool:
    """Whether the text reads as the name of an agent and not as a prompt."""
    found = _taken_apart(text)
    if any(char.isspace() for char in found.place):
        return found.place.endswith(".py") and Path(found.place).is_file()
    if found.place.endswith(".py"):
        return True
    is_dotted = all(piece.isidentifier() for piece in found.place.split("."))
    return is_dotted and found.name.isidentifier()


def found_from_anywhere(text: str) -> str:
    """The name with its file, if it has one, as a path that holds in every folder."""
    found = _taken_apart(text)
    if not found.is_file:
        return text
    return str(Path(found.place).resolve()) + (f":{found.name}" if found.name else "")


def load_agent(text: str) -> Agent[Any, Any]:
    """The agent of `module:agent` or `path.py:agent`; without a name the only one there. Raises ConfigurationError."""
    found = _taken_apart(text)
    module = _load(found)
    if found.name:
        value = _member(module, found.name, found.place)
        if not isinstance(value, Agent):
            raise ConfigurationError(
                f"{text} is {_article(type(value).__name__)}, not an Agent; {_agents_there(module, found.place)}"
            )
        return cast("Agent[Any, Any]", value)
    agents = _agents(module)
    if not agents:
        raise ConfigurationError(f"{found.place} has no agent; to run its functions as tools: --tools {found.place}")
    if len(agents) != 1:
        raise ConfigurationError(f"say which agent: {found.place}:name; {_agents_there(module, found.place)}")
    return next(iter(agents.values()))


def load_tools(text: str) -> list[ToolSource]:
    """The tools of a file or a module: decorated functions and toolsets, else public functions defined there.

    `place:name` takes one of them; `place:Name("argument", key=1)` makes a toolset with these arguments.
    Raises ConfigurationError.
    """
    found = _taken_apart(text)
    module = _load(found)
    if found.name:
        return _named_tools(module, found)
    marked = _marked(module, found.place)
    plain = [] if marked else [value for name, value in vars(module).items() if _is_own_function(module, name, value)]
    if not marked and not plain:
        raise ConfigurationError(
            f"{found.place} defines no tools: write a function with a docstring there, or say which name: "
            f"{found.place}:name"
        )
    return [*marked, *plain]


def load_for_tools(text: str) -> Agent[Any, Any]:
    """An agent whose tools are those of the file, module or agent named; it has no model to speak of."""
    found = _taken_apart(text)
    if found.name.isidentifier():
        value = _member(_load(found), found.name, found.place)
        if isinstance(value, Agent):
            return cast("Agent[Any, Any]", value)
    return Agent(OfflineModel(), tools=load_tools(text))


def _taken_apart(text: str) -> _Name:
    """At the colon after the file or module; a drive letter's colon is none of ours."""
    start = 2 if text[1:3] in (":\\", ":/") else 0
    place, _, name = text[start:].partition(":")
    return _Name(text[:start] + place, name)


def _load(found: _Name) -> ModuleType:
    return _load_file(Path(found.place)) if found.is_file else _load_module(found.place)


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise ConfigurationError(f"the file {str(path)!r} {what}{_files_like(path)}")
    resolved = path.resolve()
    for loaded in list(sys.modules.values()):
        if getattr(loaded, "__file__", None) == str(resolved):
            return loaded  # named twice: one module, as with `import`
    name = path.stem if path.stem.isidentifier() and path.stem not in sys.modules else f"loaded_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, resolved)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"{str(path)!r} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # annotations are looked up there
    _reach(resolved.parent)
    try:
        _run_module(str(path), lambda: cast("Any", spec.loader).exec_module(module))
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _load_module(name: str) -> ModuleType:
    _reach(Path.cwd())
    try:
        found = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        found = None
    if found is None:
        is_file = Path(f"{name}.py").is_file()
        hint = f"did you mean {name}.py?" if is_file else "name a module that Python finds from here, or a file.py"
        raise ConfigurationError(f"no module {name!r}; {hint}")
    return _run_module(name, lambda: importlib.import_module(name))


def _reach(folder: Path) -> None:
    """Let imports find the neighbours of what is loaded, as `python file.py` does."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _run_module(name: str, load: Callable[[], Any]) -> Any:
    """Execute a user's module; what goes wrong there is told with its line."""
    try:
        return load()
    except AgentkitError:
        raise
    except SyntaxError as error:
        line = f", line {error.lineno}" if error.lineno else ""
        text = f": {error.text.strip()}" if error.text else ""
        raise ConfigurationError(f"{error.filename or name}{line}: {error.msg}{text}") from error
    except Exception as error:  # a user's file may raise anything
        raise ConfigurationError(
            f"{name} cannot be loaded: {type(error).__name__}: {error}{_line_of(error)}; --debug shows where"
        ) from error


def _line_of(error: Exception) -> str:
    trace = error.__traceback__
    line = ""
    while trace is not None:
        code = trace.tb_frame.f_code
        if "importlib" not in code.co_filename and code.co_filename != __file__:
            line = f" ({Path(code.co_filename).name}, line {trace.tb_lineno})"
        trace = trace.tb_next
    return line


def _member(module: ModuleType, name: str, place: str) -> Any:
    value = getattr(module, name, None)
    if value is None:
        close = nearest(name, [known for known in vars(module) if not known.startswith("_")], count=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ConfigurationError(f"{place} has no {name!r}{hint}")
    return value


def _agents(module: ModuleType) -> dict[str, Agent[Any, Any]]:
    return {name: value for name, value in vars(module).items() if isinstance(value, Agent)}


def _agents_there(module: ModuleType, place: str) -> str:
    agents = _agents(module)
    return f"it has {', '.join(f'{place}:{name}' for name in agents)}" if agents else f"{place} has no agent"


def _marked(module: ModuleType, place: str) -> list[ToolSource]:
    """What was made for a model: tools, decorated functions, toolsets, and classes of toolsets that need nothing."""
    members = vars(module)
    sources: list[ToolSource] = [value for name, value in members.items() if name[0] != "_" and _is_marked(value)]
    made = {type(source) for source in sources}
    classes = [value for value in members.values() if _is_own_toolset(module, value) and value not in made]
    sources += [cls() for cls in classes if not _needs_arguments(cls)]
    if not sources:
        needy = [name for name, value in members.items() if _is_own_toolset(module, value)]
        if needy:
            raise ConfigurationError(
                f"the toolset {needy[0]}{_signature(members[needy[0]])} needs arguments: say them, as in "
                f"'{place}:{needy[0]}(\".\")', or make one in the file: my_tools = {needy[0]}(...)"
            )
    return sources


def _is_marked(value: Any) -> bool:
    if isinstance(value, (Tool, Toolset)):
        return True
    return callable(value) and not inspect.isclass(value) and isinstance(getattr(value, "tool", None), Tool)


def _is_own_toolset(module: ModuleType, value: Any) -> bool:
    return inspect.isclass(value) and issubclass(value, Toolset) and value.__module__ == module.__name__


def _is_own_function(module: ModuleType, name: str, value: Any) -> bool:
    return inspect.isfunction(value) and value.__module__ == module.__name__ and name[0] != "_" and name != "main"


def _needs_arguments(cls: type[Any]) -> bool:
    parameters = inspect.signature(cls).parameters.values()
    return any(each.default is each.empty and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
               for each in parameters)  # fmt: skip


def _signature(cls: type[Any]) -> str:
    names = [name for name, each in inspect.signature(cls).parameters.items() if each.default is each.empty]
    return f"({', '.join(names)})"


def _named_tools(module: ModuleType, found: _Name) -> list[ToolSource]:
    name, arguments, named = _called(found)
    value = _member(module, name, found.place)
    if inspect.isclass(value) and issubclass(value, Toolset):
        try:
            return [value(*arguments, **named)]
        except TypeError as error:
            raise ConfigurationError(
                f"{found.place}:{found.name}: {error}; its arguments are {inspect.signature(value)}"
            ) from error
    if isinstance(value, (list, tuple)):
        return list(cast("Sequence[ToolSource]", value))
    if callable(value) or isinstance(value, (Tool, Toolset)):
        return [value]
    raise ConfigurationError(
        f"{found.place}:{found.name} is {_article(type(value).__name__)}; "
        "a tool is a function, a Tool, a Toolset or a list of them"
    )


def _called(found: _Name) -> tuple[str, list[Any], dict[str, Any]]:
    """`Name` or `Name("a", b=1)`: the name and its arguments, literals only."""
    if found.name.isidentifier():
        return found.name, [], {}
    try:
        call = ast.parse(found.name, mode="eval").body
        assert isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
        arguments = [ast.literal_eval(argument) for argument in call.args]
        named = {keyword.arg or "": ast.literal_eval(keyword.value) for keyword in call.keywords}
    except (SyntaxError, ValueError, AssertionError) as error:
        raise ConfigurationError(
            f"{found.name!r} after {found.place}: is neither a name nor a call with plain values, "
            'such as Files(".", writable=True)'
        ) from error
    return call.func.id, arguments, named


def _files_like(path: Path) -> str:
    if path.is_dir() or not path.parent.is_dir():
        return ""
    close = nearest(path.name, [other.name for other in path.parent.glob("*.py")], count=1)
    return f"; did you mean {str(path.with_name(close[0]))!r}?" if close else ""


def _article(word: str) -> str:
    return f"an {word}" if word[:1].lower() in "aeiou" else f"a {word}"
