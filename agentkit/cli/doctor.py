"""`agentkit doctor`: whether this installation works, and what it can reach."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import locale
import os
import platform
import shutil
import ssl
import sys
import textwrap
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import anyio
import click

from agentkit.agent import Agent
from agentkit.catalog import listed_on
from agentkit.cli.options import debug_option, json_option
from agentkit.cli.terminal import can_draw, print_json
from agentkit.errors import AgentkitError, ConfigurationError
from agentkit.messages import AssistantMessage
from agentkit.providers import PROVIDERS, Provider
from agentkit.providers.aws.credentials import find_region
from agentkit.providers.offline import OfflineModel
from agentkit.transport.default import VARIABLE, default_transport
from agentkit.transport.fast_transport import FastTransport

__all__ = ["command"]

Level = Literal["ok", "note", "broken"]

_PACKAGES = ("pydantic", "httpx", "httpcore", "jsonschema", "anyio", "opentelemetry-sdk", "docstring-parser", "click")
_OPTIONAL = (  # package, our extra
    ("httptools", "fast"),
    ("rich", "rich"),
    ("xllamacpp", "local"),
    ("google-auth", "vertex"),
    ("opentelemetry-exporter-otlp-proto-http", "otlp"),
    ("pyyaml", "yaml"),
)
_COLOURS = {"ok": "green", "note": "yellow", "broken": "red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    """"note" is worth knowing; "broken" keeps agentkit from working."""
    subject: str
    detail: str


@click.command("doctor")
@json_option("Print one JSON document.")
@debug_option
@click.pass_context
def command(ctx: click.Context, json: bool) -> None:
    """Check this installation: Python, packages, keys, the offline model, TLS, the terminal.

    Nothing is sent anywhere, and no key is shown. Exit code 1 when something essential is broken.
    """
    checks: Sequence[Callable[[], Iterable[Finding]]] = (
        _python,
        _packages,
        _offline,
        _tls,
        _network,
        _transport,
        _keys,
        _prices,
        _terminal,
    )
    findings = [finding for check in checks for finding in check()]
    broken = [finding for finding in findings if finding.level == "broken"]
    if json:
        print_json({"is_healthy": not broken, "findings": [asdict(finding) for finding in findings]})
    else:
        _show(findings, len(broken))
    if broken:
        ctx.exit(1)


def _show(findings: Sequence[Finding], broken: int) -> None:
    width = max(len(finding.subject) for finding in findings)
    indent = " " * (width + 10)
    columns = min(max(shutil.get_terminal_size((100, 24)).columns, 80), 120) - len(indent)
    for finding in findings:
        mark = click.style(finding.level.ljust(6), fg=_COLOURS[finding.level])
        lines = textwrap.wrap(finding.detail, columns, break_long_words=False, break_on_hyphens=False)
        click.echo(f"{mark}  {finding.subject.ljust(width)}  " + f"\n{indent}".join(lines))
    if broken:
        click.secho(f"\n{broken} thing{'s are' if broken > 1 else ' is'} broken", fg="red")
    else:
        click.echo("\nagentkit works here; `agentkit demo` shows it")


def _python() -> Iterable[Finding]:
    is_new = sys.version_info >= (3, 11)
    version = f"{platform.python_version()} ({sys.executable})"
    yield Finding("ok" if is_new else "broken", "Python", version if is_new else f"{version}; 3.11 or newer is needed")


def _packages() -> Iterable[Finding]:
    found = _version("pyagentkit")
    place = Path(__file__).parents[1]
    yield Finding("ok" if found else "note", "agentkit", f"{found or 'not installed, run from its folder'} ({place})")
    versions = {name: _version(name) for name in _PACKAGES}
    missing = [name for name, version in versions.items() if version is None]
    if missing:
        yield Finding("broken", "packages", f"missing: {', '.join(missing)}; pip install --upgrade pyagentkit")
    else:
        yield Finding("ok", "packages", ", ".join(f"{name} {version}" for name, version in versions.items()))
    for name, extra in _OPTIONAL:
        version = _version(name)
        detail = f"{name} {version}" if version else f"not installed; pip install 'pyagentkit[{extra}]' to have it"
        yield Finding("ok" if version else "note", f"extra {extra}", detail)
    if importlib.util.find_spec("sniffio") is None:
        yield Finding("note", "sniffio", "not installed; requests are slower without it: pip install sniffio")


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _offline() -> Iterable[Finding]:
    """A whole run: model, tool, model."""

    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    began = time.perf_counter()
    try:
        result = anyio.run(Agent(OfflineModel(), tools=[add]).run, "Add 2 and 3")
    except AgentkitError as error:
        yield Finding("broken", "offline model", f"a run failed: {error}")
        return
    made = [call.name for message in result.messages if isinstance(message, AssistantMessage) for call in message.calls]
    milliseconds = (time.perf_counter() - began) * 1000
    is_right = made == ["add"] and "5" in result.output
    yield Finding(
        "ok" if is_right else "broken",
        "offline model",
        f"a run with a tool took {milliseconds:.0f} ms" if is_right else f"a run answered {result.output!r}",
    )


def _tls() -> Iterable[Finding]:
    context = ssl.create_default_context()
    count = context.cert_store_stats()["x509_ca"]
    override = next((f"{name} is set" for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name)), "")
    if count or override:
        detail = ", ".join(filter(None, (ssl.OPENSSL_VERSION, f"{count} certificate authorities", override)))
        yield Finding("ok", "TLS", detail)
        return
    bundled = importlib.util.find_spec("certifi") is not None
    yield Finding(
        "note" if bundled else "broken",
        "TLS",
        f"{ssl.OPENSSL_VERSION}, no certificate authorities of the system"
        + ("; those of certifi are used" if bundled else ": set SSL_CERT_FILE or install certifi"),
    )


def _network() -> Iterable[Finding]:
    names = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
    used = [name for name in names if os.environ.get(name)]
    if used:  # its value may hold a password
        yield Finding("note", "proxy", f"{', '.join(used)} is set; requests go through it")


def _transport() -> Iterable[Finding]:
    try:
        chosen = default_transport()
    except ConfigurationError as error:
        yield Finding("broken", "HTTP client", str(error))
        return
    said = f" ({VARIABLE} is set)" if os.environ.get(VARIABLE) else ""
    if isinstance(chosen, FastTransport):
        yield Finding("ok", "HTTP client", f"fast under asyncio, httpx under trio and through proxies{said}")
    else:
        yield Finding("ok", "HTTP client", f"httpx{said}")


def _keys() -> Iterable[Finding]:
    keyed = [row for row in PROVIDERS.values() if row.key_variables]
    ready = [row for row in keyed if _is_set(row.key_variables)]
    if ready:
        yield Finding("ok", "keys", f"set for {_names(ready)}")
    else:
        yield Finding("note", "keys", "none set; the offline model works without. For OpenAI set OPENAI_API_KEY")
    wanting: dict[str, list[Provider]] = {}  # the usual variable -> who reads it
    for row in keyed:
        if row.needs_key and row not in ready:
            wanting.setdefault(row.key_variables[0], []).append(row)
    unset = [f"{variable} ({_names(rows)})" for variable, rows in wanting.items()]
    yield Finding("ok", "keys not set", ", ".join(unset) or "none")
    yield from _addresses(ready)
    for name in sorted({name for row in keyed for name in (*row.key_variables, *row.base_url_variables)}):
        value = os.environ.get(name, "")
        if value and value != value.strip().strip("'\""):
            yield Finding("note", name, "has spaces or quotes around its value")


def _addresses(ready: Sequence[Provider]) -> Iterable[Finding]:
    """Addresses of the user's own, by the names of their variables: an address may hold a password."""
    moved: dict[str, list[Provider]] = {}  # variable -> who is reached at its address
    for row in PROVIDERS.values():
        for variable in row.base_url_variables:
            if _is_set((variable,)):
                moved.setdefault(variable, []).append(row)
                break
    if moved:
        told = [f"{variable} ({_names(rows)})" for variable, rows in moved.items()]
        yield Finding("note", "addresses", f"{', '.join(told)}: requests go there")
    for row in ready:
        if row.base_url or _is_set(row.base_url_variables):
            continue
        if "region" in row.takes:  # AWS: the region makes the address
            if find_region() is None:
                yield Finding("note", row.name, "has a key and no region; set AWS_REGION")
        else:
            yield Finding("note", row.name, f"has a key and no address; set {' or '.join(row.base_url_variables)}")


def _is_set(variables: Iterable[str]) -> bool:
    return any(os.environ.get(name, "").strip() for name in variables)


def _names(rows: Iterable[Provider]) -> str:
    return ", ".join(row.name for row in rows)


def _prices() -> Iterable[Finding]:
    yield Finding("ok", "model list", f"of {listed_on()}")


def _terminal() -> Iterable[Finding]:
    size = os.get_terminal_size().columns if sys.stdout.isatty() else None
    encoding = sys.stdout.encoding or locale.getencoding()
    details = [
        f"{size} columns" if size else "no terminal (piped)",
        encoding,
        "NO_COLOR is set" if os.environ.get("NO_COLOR") else "",
        f"TERM={os.environ.get('TERM', 'unset')}",
    ]
    drawable = can_draw(sys.stdout)
    detail = ", ".join(filter(None, details))
    yield Finding("ok" if drawable else "note", "terminal", detail + ("" if drawable else "; trees are drawn in ASCII"))
