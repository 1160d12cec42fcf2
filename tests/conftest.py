"""Fixtures that all tests share."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

ROOT = Path(__file__).parents[1]
LONGEST_FIRST = ("notebooks", "live", "panels", "trading", "backtest", "cli", "journal", "research", "reports")
ANSWERS = pytest.StashKey[list[str]]()
Within = Callable[[str, float, float], None]

# Every run of the suite tries the same cases, however long one takes; `--hypothesis-profile=fresh` draws new ones.
UNHURRIED = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile("suite", derandomize=True, database=None, **UNHURRIED)
hypothesis.settings.register_profile("fresh", print_blob=True, **UNHURRIED)
hypothesis.settings.load_profile("suite")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--timed`: only the tests that know how long something may take, and they hold it to that."""
    parser.addoption(
        "--timed", action="store_true", help="hold what a person waits for to its bound; wants a quiet machine"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[ANSWERS] = []


def pytest_collection_modifyitems(config: pytest.Config, items: list[Any]) -> None:
    """Folders whose files take longest come first, so that no process is left alone with one at the end."""
    if config.getoption("--timed"):
        items[:] = [one for one in items if "within" in one.fixturenames]
    places = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda one: places.get(one.path.relative_to(ROOT).parts[1], len(places)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """A test marked `untraced` runs without the tracer of coverage, which makes plain Python several times slower."""
    traced, in_threads = sys.gettrace(), threading.gettrace()
    if item.get_closest_marker("untraced"):
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]
    try:
        return (yield)
    finally:
        sys.settrace(traced)
        threading.settrace(in_threads)  # type: ignore[arg-type]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if config.stash[ANSWERS]:
        terminalreporter.section("what a person waits for")
        terminalreporter.write("\n".join(config.stash[ANSWERS]) + "\n")


@pytest.fixture
def within(request: pytest.FixtureRequest, record_testsuite_property: Callable[[str, object], None]) -> Within:
    """Notes how long something took, in seconds; with `--timed` it must be under the bound.

    Without, a busy machine fails no test: the same test shows that what was waited for is right.
    """

    def note(what: str, took: float, bound: float) -> None:
        record_testsuite_property(f"{what}, in s", round(took, 4))
        request.config.stash[ANSWERS].append(f"{what}: {took:.3g} s, at most {bound:g}")
        if request.config.getoption("--timed"):
            assert took < bound, f"{what} took {took:.3g} s, at most {bound:g}"

    return note


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of recordings beside the checkout; tests that need it are skipped where it is not there."""
    folder = ROOT.parent / "shared"
    if not (folder / "marketdata").is_dir():
        pytest.skip("needs the recordings in ../shared, which are not published with the project")
    return folder


@pytest.fixture(autouse=True)
def _own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has a market-data store and a home of its own."""
    monkeypatch.setenv("WORKBENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))


@pytest.fixture(autouse=True, scope="module")
def _old_heap_left_alone() -> None:
    """What earlier modules left in memory, kernels above all, is not gone through again with every look for garbage."""
    gc.collect()
    gc.freeze()
