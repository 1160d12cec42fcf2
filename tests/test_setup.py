"""The set-up: lock files, conda's file and bootstrap.py agree with pyproject.toml, and name no host."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import workbench

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKS = (ROOT / "requirements.lock", ROOT / "requirements-dev.lock")


def pinned() -> dict[str, set[str]]:
    """Every package that the lock files name, with its versions."""
    found: dict[str, set[str]] = {}
    for lock in LOCKS:
        for name, version in re.findall(r"^([\w.\-]+)==(\S+)", lock.read_text(encoding="utf-8"), re.MULTILINE):
            found.setdefault(canonicalize_name(name), set()).add(version)
    return found


def wanted() -> list[Requirement]:
    groups = PROJECT["dependency-groups"]
    return [Requirement(text) for text in [*PROJECT["project"]["dependencies"], *groups["setup"], *groups["dev"]]]


@pytest.mark.parametrize("requirement", wanted(), ids=str)
def test_lock_pins_what_the_project_asks_for(requirement):
    versions = pinned().get(canonicalize_name(requirement.name), set())
    assert versions, f"{requirement.name} is not locked: run `python bootstrap.py lock`"
    assert all(requirement.specifier.contains(version, prereleases=True) for version in versions)


def test_lock_is_complete():
    """Following every requirement of every package leads to a pinned package, in a version that is asked for."""
    locked, seen = pinned(), set()
    open_ones = wanted()
    while open_ones:
        requirement = open_ones.pop()
        name = canonicalize_name(requirement.name)
        assert name in locked, f"{requirement} is needed and not locked: run `python bootstrap.py lock`"
        version = importlib.metadata.version(name)
        assert version in locked[name], f"{name} {version} is installed, {locked[name]} locked: run bootstrap.py setup"
        assert requirement.specifier.contains(version, prereleases=True), f"{requirement} is not met by {version}"
        key = (name, frozenset(requirement.extras))
        if key not in seen:
            seen.add(key)
            open_ones += needs(name, requirement.extras)


def needs(name: str, extras: set[str]) -> list[Requirement]:
    """What an installed package asks for, here and with these extras."""
    found = [Requirement(text) for text in importlib.metadata.requires(name) or []]
    kinds = ({"extra": extra} for extra in ["", *extras])
    settings = list(kinds)
    return [need for need in found if not need.marker or any(need.marker.evaluate(setting) for setting in settings)]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_lock_names_hashes_and_no_host(lock):
    text = lock.read_text(encoding="utf-8")
    blocks = re.split(r"^(?=[\w.\-]+==)", text, flags=re.MULTILINE)[1:]
    assert len(blocks) > 10
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", block) for block in blocks)
    assert "://" not in text
    assert " @ " not in text
    assert "--index" not in text


def test_only_what_is_in_neither_lock_twice():
    runtime, tools = (set(re.findall(r"^([\w.\-]+==\S+)", lock.read_text(), re.MULTILINE)) for lock in LOCKS)
    assert not runtime & tools


def environment() -> dict:
    return yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))


def test_conda_entries_are_understood_by_conda():
    rattler = pytest.importorskip("rattler", reason="py-rattler has no wheel for this platform")
    specs = [rattler.MatchSpec(entry, strict=True) for entry in environment()["dependencies"] if isinstance(entry, str)]
    assert [spec.name.normalized for spec in specs] == ["python", "pip"]
    assert environment()["channels"] == ["conda-forge"]


def test_conda_and_the_package_ask_for_the_same_python():
    python = next(entry for entry in environment()["dependencies"] if str(entry).startswith("python"))
    assert SpecifierSet(python.removeprefix("python")) == SpecifierSet(PROJECT["project"]["requires-python"])


def test_conda_leaves_the_rest_to_the_package(tmp_path):
    """The pip section installs this package, and its metadata ask for what pyproject.toml asks for."""
    (section,) = (entry["pip"] for entry in environment()["dependencies"] if isinstance(entry, dict))
    assert section == ["-e ."]
    uv = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "install",
        "--quiet",
        "--python",
        sys.executable,
        "--target",
        str(tmp_path),
    ]
    offline = ["--offline", "--no-deps", "--no-build-isolation"]
    subprocess.run([*uv, *offline, *section[0].split()], cwd=ROOT, check=True)
    (made,) = importlib.metadata.distributions(name="workbench", path=[str(tmp_path)])
    always = [one for one in made.requires or [] if "extra ==" not in one]
    assert normal(always) == normal(PROJECT["project"]["dependencies"])


def normal(requirements: list[str]) -> set[tuple[str, str, tuple[str, ...]]]:
    """Requirements in a form that can be compared, whatever their spelling."""
    parsed = [Requirement(text) for text in requirements]
    return {(canonicalize_name(one.name), str(one.specifier), tuple(sorted(one.extras))) for one in parsed}


def test_bootstrap_and_the_package_ask_for_the_same_python():
    bootstrap = load_bootstrap()
    (oldest, newest), span = (bootstrap.OLDEST, bootstrap.NEWEST), SpecifierSet(PROJECT["project"]["requires-python"])
    fitting = [minor for minor in range(6, 30) if span.contains(f"3.{minor}")]
    assert [oldest[1], newest[1]] == [fitting[0], fitting[-1]]


def test_bootstrap_can_be_read_by_an_old_python():
    """It has to run there, to say that a newer one is needed."""
    ast.parse((ROOT / "bootstrap.py").read_text(encoding="utf-8"), feature_version=(3, 7))


def test_old_python_is_refused_with_advice():
    with pytest.raises(SystemExit, match=r"This is Python 3\.9; workbench needs 3\.11 to 3\.14\."):
        load_bootstrap().check_python((3, 9, 2))


def load_bootstrap() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "bootstrap.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_version_is_one_number():
    assert workbench.__version__ == PROJECT["project"]["version"]
    assert f"## {workbench.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.fixture
def bootstrap(tmp_path, monkeypatch):
    """bootstrap.py, at work in a folder of its own where all is set up for running, not for testing."""
    module = load_bootstrap()
    for name in ("pyproject.toml", "requirements.lock", "requirements-dev.lock"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "LOCK", tmp_path / "requirements.lock")
    monkeypatch.setattr(module, "DEV_LOCK", tmp_path / "requirements-dev.lock")
    monkeypatch.setattr(module, "STAMP", tmp_path / "stamp")
    monkeypatch.setattr(module, "PYTHON", Path(sys.executable))
    made_from = [module.stamp_line(tmp_path / name) for name in ("pyproject.toml", "requirements.lock")]
    module.STAMP.write_text("\n".join(made_from))
    return module


def test_second_run_starts_at_once(bootstrap):
    assert bootstrap.is_ready(with_tools=False)
    assert not bootstrap.is_ready(with_tools=True)


@pytest.mark.parametrize("name", ["pyproject.toml", "requirements.lock"])
def test_changed_dependencies_are_noticed(bootstrap, name):
    with (bootstrap.ROOT / name).open("a") as file:
        file.write("\n# changed\n")
    assert not bootstrap.is_ready(with_tools=False)


def test_uv_itself_is_checked_against_a_hash(bootstrap):
    pin = bootstrap.pin_of("uv")
    assert re.match(r"uv==[\d.]+ \\\n +--hash=sha256:", pin)
    assert len(re.findall("^[a-z]", pin, re.MULTILINE)) == 1


def test_failing_step_stops_with_its_code_and_advice(bootstrap):
    with pytest.raises(SystemExit, match=r"stopped with exit code 3\. Plug it in\."):
        bootstrap.run([sys.executable, "-c", "raise SystemExit(3)"], "Plug it in.")


def test_command_that_does_not_start_is_no_uv(bootstrap, tmp_path):
    assert bootstrap.working_uv("no-such-command-as-this") == ""
    assert bootstrap.working_uv(sys.executable) == sys.executable
