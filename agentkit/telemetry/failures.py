"""What is told of an exception: a class or a code always, its words only where content is recorded."""

from __future__ import annotations

import re
import traceback

from opentelemetry.util.types import AttributeValue

from agentkit.content import ContentWriter
from agentkit.errors import AgentkitError, ExchangeError
from agentkit.telemetry import names

__all__ = ["describe", "error_type_of", "exception_attributes", "words_of"]


def error_type_of(error: BaseException) -> str:
    """The error.type of an exception: a provider's code, an HTTP status, "timeout", or the class; never its message."""
    if isinstance(error, ExchangeError):
        for known in (error.code, error.error_type):
            if known and _PLAIN_CODE.fullmatch(known):
                return known
        if error.status is not None:
            return str(error.status)
        if isinstance(error, TimeoutError):
            return "timeout"
    return _class_name(error)


def describe(error: BaseException) -> str:
    """What went wrong, in words that cannot hold content: what the class of one of our errors says of itself."""
    meaning = (type(error).__doc__ or "").partition("\n")[0] if isinstance(error, AgentkitError) else ""
    status = f" (HTTP {error.status})" if isinstance(error, ExchangeError) and error.status is not None else ""
    return (meaning or _class_name(error)) + status


def words_of(error: BaseException) -> str:
    """The text of an exception, which a user's class may fail to give."""
    try:
        return str(error)
    except Exception:  # of a user's class, which may fail in any way
        return "its text cannot be read"


def exception_attributes(error: Exception, content: ContentWriter | None) -> dict[str, AttributeValue]:
    """The attributes of an exception event."""
    if content is not None:
        return {
            names.EXCEPTION_TYPE: _class_name(error),
            names.EXCEPTION_MESSAGE: content.text(words_of(error)),
            names.EXCEPTION_STACKTRACE: content.text("".join(traceback.format_exception(error))),
        }
    # No source lines: a literal in one may be what must not leave.
    places = [
        f'  File "{frame.f_code.co_filename}", line {line}, in {frame.f_code.co_name}'
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    name = _class_name(error)
    return {names.EXCEPTION_TYPE: name, names.EXCEPTION_STACKTRACE: "\n".join([*places, name])}


def _class_name(error: BaseException) -> str:
    kind = type(error)
    if kind.__module__ == "builtins":
        return kind.__name__
    module = names.SCOPE_NAME if kind.__module__ == AgentkitError.__module__ else kind.__module__
    return f"{module}.{kind.__qualname__}".replace(".<locals>", "")[-120:]


_PLAIN_CODE = re.compile(r"[\w.:/-]{1,64}")
