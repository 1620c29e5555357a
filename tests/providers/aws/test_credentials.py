"""AWS credentials are found where AWS's own tools find them, and never shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agentkit.errors import ConfigurationError, MissingKeyError
from agentkit.providers.aws import credentials as found_at
from agentkit.providers.aws.credentials import CredentialSource, find_region
from agentkit.providers.aws.signing import Credentials


@pytest.fixture
def files(tmp_path):
    """An environment whose shared files hold a default and two named profiles."""
    keys, config = tmp_path / "credentials", tmp_path / "config"
    keys.write_text(
        "[default]\naws_access_key_id = AKIDDEFAULT\naws_secret_access_key = s1\n"
        "[work]\naws_access_key_id=AKIDWORK\naws_secret_access_key=s%2\naws_session_token=t2\n"
        "[half]\naws_access_key_id=AKIDHALF\n"
    )
    config.write_text("[default]\nregion = us-west-2\n[profile work]\nregion=eu-west-1\n")
    return {"AWS_SHARED_CREDENTIALS_FILE": str(keys), "AWS_CONFIG_FILE": str(config)}


def test_the_environment_wins_over_the_files(files):
    files |= {"AWS_ACCESS_KEY_ID": "AKIDENV", "AWS_SECRET_ACCESS_KEY": "s0", "AWS_SESSION_TOKEN": "t0"}
    assert CredentialSource(environment=files).current() == Credentials("AKIDENV", "s0", "t0")


def test_a_profile_asked_for_by_name_wins_over_the_environment(files):
    files |= {"AWS_ACCESS_KEY_ID": "AKIDENV", "AWS_SECRET_ACCESS_KEY": "s0"}
    assert CredentialSource(profile="work", environment=files).current() == Credentials("AKIDWORK", "s%2", "t2")


@pytest.mark.parametrize("more, key", [({}, "AKIDDEFAULT"), ({"AWS_PROFILE": "work"}, "AKIDWORK")])
def test_the_files_are_read_by_profile(files, more, key):
    assert CredentialSource(environment=files | more).current().access_key == key


@pytest.mark.parametrize(
    "more, complaint",
    [
        ({"AWS_PROFILE": "nosuch"}, "there is no profile 'nosuch' in "),
        ({"AWS_PROFILE": "half"}, "the profile 'half' has an aws_access_key_id and no aws_secret_access_key"),
        ({"AWS_ACCESS_KEY_ID": "AKID"}, "AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not; set both"),
    ],
)
def test_half_of_what_is_needed_is_said_so(files, more, complaint):
    with pytest.raises(ConfigurationError, match=complaint):
        CredentialSource(environment=files | more).current()


def test_a_file_that_cannot_be_read_is_named_and_not_quoted(files, tmp_path):
    (tmp_path / "credentials").write_text("aws_secret_access_key = canary-secret\n")
    with pytest.raises(ConfigurationError, match="credentials cannot be read as an AWS file") as caught:
        CredentialSource(environment=files).current()
    assert "canary" not in str(caught.value)


def test_without_any_the_error_says_what_to_set(tmp_path, monkeypatch):
    monkeypatch.setattr(found_at.importlib.util, "find_spec", lambda name: None)
    nothing = {"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "a"), "AWS_CONFIG_FILE": str(tmp_path / "b")}
    with pytest.raises(MissingKeyError, match="AWS_ACCESS_KEY_ID"):
        CredentialSource(environment=nothing).current()


def test_temporary_credentials_that_were_said_stay_as_they_are():
    ended = Credentials("AKID", "s", "t", datetime.now(UTC) - timedelta(hours=1))
    assert CredentialSource(explicit=ended, environment={}).current() is ended


def test_regions_are_found_in_the_environment_then_in_the_profile(files):
    assert find_region(environment=files) == "us-west-2"
    assert find_region(environment=files, profile="work") == "eu-west-1"
    assert find_region(environment=files | {"AWS_DEFAULT_REGION": "us-east-2"}) == "us-east-2"
    assert (
        find_region(environment=files | {"AWS_DEFAULT_REGION": "us-east-2", "AWS_REGION": "sa-east-1"}) == "sa-east-1"
    )
    assert find_region(environment=files | {"AWS_PROFILE": "other"}) is None


def test_a_source_shows_no_secret(files):
    source = CredentialSource(environment=files)
    source.current()
    assert repr(source) == "CredentialSource(profile='default')"
