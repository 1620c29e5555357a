"""Where AWS credentials and the region come from.

In this order, as AWS's own tools do: what was said; the environment; the shared files with their profiles; and, where
botocore is installed, whatever it finds (SSO, assumed roles, the metadata of containers and machines).
Facts: the AWS SDKs and Tools reference guide on settings and the shared config and credentials files.
"""

from __future__ import annotations

import configparser
import importlib
import importlib.util
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from agentkit.errors import ConfigurationError, MissingKeyError
from agentkit.providers.aws.signing import Credentials

__all__ = ["KEY_VARIABLE", "CredentialSource", "find_region"]

KEY_VARIABLE = "AWS_BEARER_TOKEN_BEDROCK"
"""Where an API key of Bedrock may stand; no other service has such keys."""

_EARLY = timedelta(minutes=5)
"""Temporary credentials are renewed so long before they end."""
_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


class CredentialSource:
    """Gives credentials, found once and again when they are about to end."""

    def __init__(
        self,
        *,
        profile: str | None = None,
        environment: Mapping[str, str] | None = None,
        explicit: Credentials | Callable[[], Any] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        provider: str = "bedrock",
        variables: Sequence[str] = (*_VARIABLES[:2], KEY_VARIABLE),
    ) -> None:
        """`provider` and `variables` are named where there are none."""
        self._asker = provider, variables
        self._environment = os.environ if environment is None else environment
        self._profile = profile
        self._found = explicit if isinstance(explicit, Credentials) else None
        self._is_explicit = self._found is not None
        self._give = None if self._is_explicit else cast("Callable[[], Any] | None", explicit)
        self._now = now
        self._session: Any = None  # botocore's, which keeps and renews what it found
        self._lock = threading.Lock()  # many exchanges begin at once, and one of them looks

    def __repr__(self) -> str:
        return f"CredentialSource(profile={self._profile_name!r})"

    @property
    def cached(self) -> Credentials | None:
        """Credentials that were found and are good for some minutes; None when they have to be looked for."""
        found = self._found
        if found is None or self._is_explicit or found.expires is None:  # nobody else knows better explicit ones
            return found
        return found if found.expires - self._now() > _EARLY else None

    @property
    def are_at_hand(self) -> bool:
        """Whether they were said, or stand in the environment or the files: the network is not asked.

        Raises ConfigurationError for a profile that is not there or incomplete.
        """
        return (self._give or self._found or self._from_environment() or self._from_files()) is not None

    @property
    def may_be_found(self) -> bool:
        """Whether it is worth looking: they are at hand, or botocore may find them. Raises what `are_at_hand` does."""
        return self.are_at_hand or importlib.util.find_spec("botocore") is not None

    def current(self) -> Credentials:
        """Credentials that are good for some minutes. Files and, with botocore, the network may be read.

        Raises MissingKeyError when there are none, ConfigurationError for a profile that is not there or incomplete.
        """
        with self._lock:
            found = self.cached
            if found is None:
                found = self._found = self._given() if self._give is not None else self._looked_for()
            if found is None:
                raise self.missing()
            return found

    def missing(self) -> MissingKeyError:
        """The error of there being none."""
        provider, variables = self._asker
        return MissingKeyError(provider, variables, has_key=KEY_VARIABLE in variables)

    def forget(self) -> None:
        """Find them anew next time: the service refused these."""
        if not self._is_explicit:
            self._found = self._session = None

    @property
    def _profile_name(self) -> str:
        return self._profile or self._environment.get("AWS_PROFILE", "").strip() or "default"

    def _given(self) -> Credentials | None:
        """What the caller's function gives: Credentials of ours, or of botocore, which renews them itself."""
        assert self._give is not None
        found = self._give()
        return found if found is None or isinstance(found, Credentials) else self._frozen(found)

    def _looked_for(self) -> Credentials | None:
        return self._from_environment() or self._from_files() or self._from_botocore()

    def _frozen(self, found: Any) -> Credentials:
        frozen = found.get_frozen_credentials()
        # Those that end are asked for again after the time in which botocore may have renewed them.
        ends = self._now() + 2 * _EARLY if hasattr(found, "refresh_needed") else None
        return Credentials(frozen.access_key, frozen.secret_key, frozen.token, ends)

    def _from_environment(self) -> Credentials | None:
        if self._profile:  # a profile asked for by name wins, as with AWS's own tools
            return None
        key, secret, token = (self._environment.get(name, "").strip() for name in _VARIABLES)
        if key and not secret:
            raise ConfigurationError("AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not; set both")
        return Credentials(key, secret, token or None) if key else None

    def _from_files(self) -> Credentials | None:
        name = self._profile_name
        section = {**_section(_config_path(self._environment), name), **_section(_keys_path(self._environment), name)}
        if not section and name != "default":
            raise ConfigurationError(
                f"there is no profile {name!r} in {_keys_path(self._environment)} or "
                f"{_config_path(self._environment)}; name another with AWS_PROFILE"
            )
        key, secret = section.get("aws_access_key_id"), section.get("aws_secret_access_key")
        if not key:
            return None
        if not secret:
            raise ConfigurationError(f"the profile {name!r} has an aws_access_key_id and no aws_secret_access_key")
        return Credentials(key, secret, section.get("aws_session_token"))

    def _from_botocore(self) -> Credentials | None:
        if importlib.util.find_spec("botocore") is None:
            return None
        if self._session is None:
            self._session = importlib.import_module("botocore.session").Session(profile=self._profile)
        found = self._session.get_credentials()
        return None if found is None else self._frozen(found)


def find_region(*, profile: str | None = None, environment: Mapping[str, str] | None = None) -> str | None:
    """The region of the environment, or of the profile in the shared config file; None where neither says one."""
    known = os.environ if environment is None else environment
    said = known.get("AWS_REGION", "").strip() or known.get("AWS_DEFAULT_REGION", "").strip()
    name = profile or known.get("AWS_PROFILE", "").strip() or "default"
    return said or _section(_config_path(known), name).get("region")


def _keys_path(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials").expanduser()


def _config_path(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("AWS_CONFIG_FILE") or "~/.aws/config").expanduser()


def _section(path: Path, profile: str) -> dict[str, str]:
    """The settings of a profile in one file; empty where file or profile is missing."""
    parser = configparser.RawConfigParser()
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError) as error:
        # The message of a parser quotes the line, which may hold a key.
        raise ConfigurationError(f"{path} cannot be read as an AWS file: {type(error).__name__}") from None
    for name in (profile, f"profile {profile}"):
        if parser.has_section(name):
            return {key: value.strip() for key, value in parser.items(name)}
    return {}
