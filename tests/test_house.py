"""The house stands as it is drawn: its imports, its front door, its words and files."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import workbench
from workbench.compiled import KERNEL_ROOMS

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "workbench"
MODULES = sorted(PACKAGE.rglob("*.py"))
ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
LATE = {"anywidget", "ccxt", "ipywidgets", "matplotlib", "pandas", "plotly", "pyarrow", "scipy", "sklearn", "vectorbt"}


# --- imports ---------------------------------------------------------------------------------------------------------


def imports(source: Path, *, at_start_only: bool = False) -> Iterator[str]:
    """Full names of the modules that a file imports; `at_start_only` leaves out those inside functions."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    for node in _at_start(tree) if at_start_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names if not offers(node.module, alias.name))


def offers(room: str, name: str) -> bool:
    """Does the door of a room give out this name? A function may be called like the module that it is in."""
    return room.removeprefix("workbench.") in ROOMS and name in importlib.import_module(room).__all__


def _at_start(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        yield node
        for_types_only = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if not (for_types_only or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
            yield from _at_start(node)


def room_of(source: Path) -> str:
    return source.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_rooms_are_entered_by_their_doors():
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in MODULES}
    folders = {".".join(path.parent.relative_to(ROOT).parts) for path in PACKAGE.rglob("*/__init__.py")}
    cupboards = {name for name in modules | folders if name.count(".") >= 2 and not name.endswith("__init__")}
    wrong = [
        f"{source.relative_to(ROOT)} imports {name}"
        for source in MODULES
        for name in imports(source)
        if name in cupboards and name.split(".")[1] != room_of(source)
    ]
    assert not wrong, "\n".join(wrong)


def test_slow_packages_are_imported_where_they_are_needed():
    wrong = [
        f"{source.relative_to(ROOT)} imports {name} at its start"
        for source in MODULES
        for name in imports(source, at_start_only=True)
        if name.split(".")[0] in LATE or (name.split(".")[0] in {"rich", "typer"} and room_of(source) != "cli")
    ]
    assert not wrong, "\n".join(wrong)


def test_kernels_live_where_the_cache_looks_for_edits():
    homes = {room_of(source) for source in MODULES if "workbench.compiled" in imports(source)}
    assert homes - {"__init__", "cli"} <= {room.removesuffix(".py") for room in KERNEL_ROOMS}


def loaded_by(code: str) -> set[str]:
    """Names of the packages that a fresh process has loaded after `code`; this one has loaded all sorts of things."""
    script = f"{code}\nimport sys; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "code", ["import workbench", "import workbench as wb; wb.backtest, wb.candles, wb.controllers.Bollinger(length=50)"]
)
def test_starting_loads_nothing_slow(code):
    loaded = loaded_by(code)
    slow = loaded & (LATE | {"jupyterlab", "rich", "typer"}) - loaded_by("import numba, polars")
    assert "workbench" in loaded
    assert not slow


# --- the front door --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", workbench.__all__)
def test_front_door_has_what_it_offers(name):
    assert getattr(workbench, name) is not None
    assert name in dir(workbench)


def test_front_door_offers_what_editors_see():
    """The names imported for type checkers are those given out at run time."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    seen = [alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert sorted(seen) == sorted(workbench.__all__)


def test_backtest_stays_a_function_after_its_room_is_imported():
    importlib.import_module("workbench.backtest")
    importlib.import_module("workbench.compiled")
    assert inspect.isfunction(workbench.backtest)
    assert not isinstance(workbench.compiled, ModuleType)


def test_unknown_name_is_refused_with_what_there_is():
    with pytest.raises(AttributeError, match=r"no 'backtset'.*backtest"):
        workbench.backtset  # noqa: B018


def public_things() -> Iterator[tuple[str, object]]:
    for room in ROOMS:
        module = importlib.import_module(f"workbench.{room}")
        for name in getattr(module, "__all__", []):
            thing = getattr(module, name)
            if not (inspect.isclass(thing) or inspect.isroutine(thing)):
                continue
            yield f"{room}.{name}", thing
            if inspect.isclass(thing) and thing.__module__.startswith("workbench."):
                yield from methods(f"{room}.{name}", thing)


def methods(owner: str, cls: type) -> Iterator[tuple[str, object]]:
    for name, member in vars(cls).items():
        function = member.__func__ if isinstance(member, staticmethod | classmethod) else member
        if inspect.isfunction(function) and not name.startswith("_"):
            yield f"{owner}.{name}", function


def test_every_public_name_says_what_it_is():
    silent = [name for name, thing in public_things() if not (thing.__doc__ or "").strip()]
    assert not silent, "without a docstring: " + ", ".join(silent)


# --- words and files -------------------------------------------------------------------------------------------------

MACHINE = re.compile("|".join(["/wor" + "k/", "/roo" + "t/", "/hom" + "e/[a-z]+/", "/tm" + "p/[a-z]", "/Use" + "rs/"]))
HOSTS = ["pypi.or" + "g", "pythonhoste" + "d", "npmj" + "s.", "/simpl" + "e/", "conda.anacond" + "a", "deb.debia" + "n"]
HOST = re.compile("|".join(map(re.escape, HOSTS)))


def tracked_files() -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode:
        pytest.skip("needs the git repository: the list of files comes from it")
    return [ROOT / name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_file_names_a_machine_or_a_registry():
    wrong = []
    for path in tracked_files():
        content = path.read_bytes()
        if b"\0" in content:
            continue
        for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
            if MACHINE.search(line) or HOST.search(line):
                wrong.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert not wrong, "\n".join(wrong)


def test_no_test_holds_the_clock_to_a_bound_by_itself():
    """What a busy machine can miss goes through `within`, which holds it with `--timed` alone."""
    clocks = ("time." + "perf_counter", "time." + "process_time", "performance.now")
    timed = [path for path in (ROOT / "tests").rglob("test_*.py") if any(one in path.read_text() for one in clocks)]
    assert timed
    assert [path.name for path in timed if "within(" not in path.read_text()] == []


def test_changelog_has_the_known_sections():
    sections = re.findall(r"^### (.*)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sections
    assert set(sections) <= {"Results change", "Added", "Changed", "Deprecated", "Removed", "Fixed"}


@pytest.mark.parametrize("notebook", sorted((ROOT / "notebooks").rglob("*.ipynb")), ids=lambda path: path.name)
def test_notebook_is_stored_without_outputs(notebook):
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    ran = [cell for cell in cells if cell["cell_type"] == "code" and (cell["outputs"] or cell["execution_count"])]
    assert not ran, f"{len(ran)} cells hold outputs: run `nbstripout {notebook.name}`"


@pytest.mark.parametrize("page", ["README.md", "docs/house.md"])
def test_page_names_files_that_are_there(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    named = re.findall(r"`([\w./-]+\.(?:md|py|ipynb|lock|toml|yml))`|\]\(([^)]+)\)", text)
    missing = [name for pair in named for name in pair if name and not (ROOT / name).exists()]
    assert named
    assert not missing


def test_readme_prints_what_it_says(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    example = re.search(r"```python\n(.*?)```\n```text\n(.*?)```", readme, re.DOTALL)
    exec(compile(example[1], "README.md", "exec"), {})
    printed = [line.rstrip() for line in capsys.readouterr().out.strip().splitlines()]
    assert printed == [line.rstrip() for line in example[2].strip().splitlines()]
