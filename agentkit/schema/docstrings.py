"""Descriptions of a tool and its parameters out of a docstring: Google, NumPy or Sphinx style."""

from __future__ import annotations

import inspect
import re
import textwrap
from dataclasses import dataclass, field

__all__ = ["Docstring", "parse_docstring"]

# Cheap marks of each style: trying all three with the parser costs three times as much.
_SPHINX = re.compile(r"^\s*:(?:param|parameter|arg|argument|key|keyword|returns?|raises?|rtype|type)\b", re.MULTILINE)
_NUMPY = re.compile(
    r"^\s*(?:(?:Other )?Parameters|Returns|Yields|Raises|Examples?|Notes)\s*\n\s*-{3,}\s*$", re.MULTILINE
)
_GOOGLE = re.compile(
    r"^\s*(?:Args|Arguments|Parameters|Params|Keyword Args|Keyword Arguments|Returns|Yields|Raises|Examples?):\s*$",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Docstring:
    """What a docstring says to a model."""

    description: str = ""
    parameters: dict[str, str] = field(default_factory=dict[str, str])


def parse_docstring(text: str | None) -> Docstring:
    """Summary and body without the sections, and one description a parameter; a text in no known style is all body."""
    if not text or not text.strip():
        return Docstring()
    import docstring_parser  # 15 ms: not at `import agentkit`
    from docstring_parser import DocstringStyle

    clean = _cleaned(text)
    for mark, style in (
        (_SPHINX, DocstringStyle.REST),
        (_NUMPY, DocstringStyle.NUMPYDOC),
        (_GOOGLE, DocstringStyle.GOOGLE),
    ):
        if not mark.search(clean):
            continue
        try:
            parsed = docstring_parser.parse(f"\n{clean}", style)  # it takes indentation away as well
        except docstring_parser.ParseError:
            continue
        said = {
            name.strip().lstrip("*"): _one_line(param.description)
            for param in parsed.params
            for name in param.arg_name.split(",")
            if param.description
        }
        return Docstring((parsed.description or "").strip(), said)
    return Docstring(clean)


def _cleaned(text: str) -> str:
    clean = inspect.cleandoc(text)
    first, _, rest = clean.partition("\n")
    if _GOOGLE.fullmatch(first) and rest[:1] not in ("", " "):  # cleandoc takes the section's own indentation away
        return f"{first}\n{textwrap.indent(rest, '    ')}"
    return clean


def _one_line(text: str) -> str:
    return " ".join(text.split())
