"""Tokens of Google's cloud, by google-auth: what finds and renews credentials is not written by hand.

Given nothing, it is what Google calls application-default credentials: the file that GOOGLE_APPLICATION_CREDENTIALS
names, what `gcloud auth application-default login` left, or the metadata server of a machine of Google's.
"""

from __future__ import annotations

import importlib
import importlib.util
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio.to_thread

from agentkit.error_bodies import one_line, without_keys
from agentkit.errors import AuthenticationError, ConfigurationError, MissingExtraError
from agentkit.providers.tokens import Token
from agentkit.transport.protocol import NotSentError
from agentkit.transport.redact import Secret

__all__ = ["GoogleTokens", "is_google_credential"]

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


def is_google_credential(value: object) -> bool:
    """Whether this is an object of google-auth, or like one."""
    return callable(getattr(value, "refresh", None)) and hasattr(value, "token")


class GoogleTokens:
    """Gives tokens of google-auth: of an object of its own, of a service account's file, or of what it finds."""

    def __init__(self, given: object | None = None) -> None:
        if importlib.util.find_spec("google") is None or importlib.util.find_spec("google.auth") is None:
            raise MissingExtraError("google-auth", extra="vertex", purpose="vertex with credentials of Google's")
        self.project = ""
        """The project that the credentials name; known once a token was fetched."""
        self._given = given
        self._credentials: Any = None
        self._lock = threading.Lock()  # google-auth's objects are not made for several threads

    def __repr__(self) -> str:
        return "GoogleTokens()"

    async def __call__(self, old: Token | None) -> Token:
        """Another token than `old`. Files are read and the network is asked, in a worker thread."""
        return await anyio.to_thread.run_sync(self._token, old, abandon_on_cancel=True)

    def _token(self, old: Token | None) -> Token:
        exceptions: Any = importlib.import_module("google.auth.exceptions")
        try:
            with self._lock:
                return self._renewed(old)
        except exceptions.DefaultCredentialsError as error:
            raise ConfigurationError(
                "vertex found no credentials of Google's: run `gcloud auth application-default login`, set "
                "GOOGLE_APPLICATION_CREDENTIALS to the file of a service account, or pass model(..., credentials=...); "
                f"google-auth says: {_said(error)}"
            ) from error
        except exceptions.GoogleAuthError as error:
            may_pass = isinstance(error, exceptions.TransportError) or error.retryable
            kind = NotSentError if may_pass else AuthenticationError
            raise kind(f"Google gave no token: {_said(error)}", provider="vertex") from error

    def _renewed(self, old: Token | None) -> Token:
        requests: Any = importlib.import_module("requests")
        transport: Any = importlib.import_module("google.auth.transport.requests")
        with requests.Session() as session:
            request = transport.Request(session)
            if self._credentials is None:
                self._credentials = self._found(request)
            credentials = self._credentials
            # Another event loop may have renewed it meanwhile, or its owner.
            if not credentials.valid or (old is not None and credentials.token == old.value):
                credentials.refresh(request)
        self.project = self.project or getattr(credentials, "project_id", None) or ""
        ends: datetime | None = credentials.expiry
        return Token(
            Secret(credentials.token),
            None if ends is None else (ends if ends.tzinfo else ends.replace(tzinfo=UTC)).timestamp(),
            getattr(credentials, "quota_project_id", None) or "",
        )

    def _found(self, request: Any) -> Any:
        auth: Any = importlib.import_module("google.auth")
        given = self._given
        if given is None:
            found, project = auth.default(scopes=[_SCOPE], request=request)
            self.project = project or ""
            return found
        if isinstance(given, Path):
            service_account: Any = importlib.import_module("google.oauth2.service_account")
            try:
                return service_account.Credentials.from_service_account_file(str(given), scopes=[_SCOPE])
            except (OSError, ValueError) as error:
                raise ConfigurationError(f"{given} is not the file of a service account: {_said(error)}") from error
        bases: Any = importlib.import_module("google.auth.credentials")
        return bases.with_scopes_if_required(given, [_SCOPE])


def _said(error: Exception) -> str:
    return without_keys(one_line(str(error.args[0] if error.args else error))).rstrip(".")
