"""The wheel: what is in it, and that it works where nothing but it and its dependencies is installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from project.documents import ROOT
from project.environment import clean_environment

SMOKE = Path(__file__).with_name("smoke.py")
SOURCES = ("agentkit", "tools", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", ".gitignore")
SLOWEST_HELP_SECONDS = 2.0
LARGEST_WHEEL_BYTES = 2**20

pytestmark = [pytest.mark.slow, pytest.mark.timeout(280)]


def run(command: Sequence[str | Path], cwd: Path, environment: Mapping[str, str] | None = None) -> str:
    """What a command printed; fails with all of it."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=None if environment is None else dict(environment),
        capture_output=True,
        text=True,
        timeout=250,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of the sources, as a release is."""
    folder = tmp_path_factory.mktemp("build")
    probe = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder / "probe"), "click"]
    reached = subprocess.run(probe, capture_output=True, text=True, timeout=120)
    if reached.returncode:
        pytest.skip(f"pip cannot reach a package index, which the build needs: {reached.stderr.strip()[-300:]}")
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / "source" / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (folder / "source").mkdir(exist_ok=True)
            shutil.copy(source, folder / "source" / name)
    run([sys.executable, "-m", "build", "--wheel", "--outdir", folder, "source"], folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def bin_folder(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of a fresh environment into which the wheel was installed."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    run([sys.executable, "-m", "venv", folder], folder.parent)
    run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel], folder)
    return folder / "bin"


@pytest.fixture
def environment(bin_folder: Path) -> dict[str, str]:
    """Nothing of the checkout's environment, and none of its folders on a path."""
    found = clean_environment()
    found.pop("VIRTUAL_ENV", None)
    return {**found, "PATH": f"{bin_folder}:/usr/bin:/bin"}


def test_the_wheel_holds_both_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"agentkit", "agentkit_tools"}
    packaged = {
        str(file.relative_to(folder))
        for folder in (ROOT, ROOT / "tools")
        for package in ("agentkit", "agentkit_tools")
        for file in (folder / package).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert {name for name in names if ".dist-info/" not in name} == packaged
    assert {"agentkit/py.typed", "agentkit_tools/py.typed", "agentkit/data/models.json"} <= set(names)
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_the_wheel_is_smaller_than_a_megabyte(wheel: Path) -> None:
    assert wheel.stat().st_size < LARGEST_WHEEL_BYTES


def test_an_installation_runs_the_demo(bin_folder: Path, environment: dict[str, str], tmp_path: Path) -> None:
    printed = run([bin_folder / "agentkit", "demo"], tmp_path, environment)
    assert "invoke_agent demo" in printed
    assert list(tmp_path.iterdir()) == []


def test_an_installation_answers_help_at_once(bin_folder: Path, environment: dict[str, str], tmp_path: Path) -> None:
    began = time.monotonic()
    printed = run([bin_folder / "agentkit", "--help"], tmp_path, environment)
    assert "Commands:" in printed
    assert time.monotonic() - began < SLOWEST_HELP_SECONDS


def test_an_installation_passes_the_smoke_part(bin_folder: Path, environment: dict[str, str], tmp_path: Path) -> None:
    assert run([bin_folder / "python", "-I", SMOKE, tmp_path], tmp_path, environment) == "smoke: ok\n"


def test_an_installation_has_no_test_tools(bin_folder: Path, environment: dict[str, str], tmp_path: Path) -> None:
    code = "import importlib.util as u; print([n for n in ('pytest', 'trio', 'openai', 'rich') if u.find_spec(n)])"
    assert run([bin_folder / "python", "-I", "-c", code], tmp_path, environment) == "[]\n"


def test_tools_that_a_newcomer_wrote_can_be_called(
    bin_folder: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "my_tools.py").write_text(
        'def greet(name: str) -> str:\n    """Greet a person by name."""\n    return f"Hello, {name}!"\n'
    )
    command = [bin_folder / "agentkit", "run", "--tools", "my_tools.py", 'Greet "Ada"']
    assert "Hello, Ada!" in run(command, tmp_path, environment)
