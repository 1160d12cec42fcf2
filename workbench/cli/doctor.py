"""`workbench doctor`: is this machine fit to work on?"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import typer

from workbench.cli import checks
from workbench.cli.checks import Finding
from workbench.cli.output import AsJson, answer

GIB = 2**30
LEAST_DISK = 2 * GIB


def doctor(json: AsJson = False) -> None:
    """Look at Python, packages, store, kernels, rights, settings, clock, disk, databases; exit 1 if one is bad."""
    findings = examine()
    text = "\n".join(f"{'ok ' if finding.good else 'BAD'}  {finding.name:<14} {finding.detail}" for finding in findings)
    healthy = all(finding.good for finding in findings)
    answer({"healthy": healthy, "findings": findings}, text, as_json=json)
    if not healthy:
        raise typer.Exit(1)


def examine() -> list[Finding]:
    """Every check, in order."""
    looks: list[Callable[[], Finding]] = [
        python, packages, bytecode, machine, store, kernels, checks.rights, checks.settings, checks.vault,
        checks.clock, checks.disk, checks.databases, checks.core_dumps,
    ]  # fmt: skip
    return [look() for look in looks]


def python() -> Finding:
    """Which Python, where."""
    return Finding("python", True, f"{platform.python_version()} at {sys.executable}")


def packages() -> Finding:
    """Are the packages that workbench asks for here, in versions that it accepts?"""
    wrong = list(unmet_requirements())
    advice = "; ".join(wrong) + ". Run `python bootstrap.py setup` in the project's folder."
    return Finding("packages", not wrong, advice if wrong else "all that workbench asks for")


def unmet_requirements() -> Iterator[str]:
    """Each requirement of the installed workbench that is missing or of another version."""
    from packaging.requirements import Requirement

    for text in importlib.metadata.requires("workbench") or []:
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            yield f"{requirement.name} is missing"
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            yield f"{requirement.name} is {version}, not {requirement.specifier}"


def bytecode() -> Finding:
    """Does Python keep its bytecode? Without it all works, slowly."""
    slow = "not kept, so every start is slow. Unset PYTHONDONTWRITEBYTECODE."
    return Finding("bytecode", True, slow if sys.dont_write_bytecode else "kept between starts")


def machine() -> Finding:
    """Cores, and room on the disk of the store."""
    from workbench.settings import data_folder

    free = shutil.disk_usage(nearest_folder(data_folder())).free
    detail = f"{os.cpu_count()} cores, {free / GIB:.0f} GiB free on the store's disk"
    good = free >= LEAST_DISK
    return Finding("machine", good, detail if good else f"{detail}. Make room: a year of 1m candles takes 20 MB.")


def store() -> Finding:
    """Where market data lie, and whether they can be written."""
    from workbench.settings import data_folder

    folder = data_folder()
    if not is_writable(nearest_folder(folder)):
        return Finding("store", False, f"{folder} cannot be written. Set WORKBENCH_DATA to a folder of yours.")
    return Finding("store", True, f"{folder}{'' if folder.is_dir() else ', to be made with the first candles'}")


def kernels() -> Finding:
    """Where compiled kernels are kept, and whether they have been compiled yet."""
    from workbench.compiled import cache_folder, is_warm

    state = "compiled" if is_warm() else "to be compiled with the first backtest"
    return Finding("kernels", is_writable(cache_folder()), f"{state}, in {cache_folder()}")


def nearest_folder(path: Path) -> Path:
    """The folder itself, or the closest one above it that exists."""
    return next(folder for folder in (path, *path.parents) if folder.is_dir())


def is_writable(folder: Path) -> bool:
    """Can a file be made here? Tried, not asked: permission bits do not tell the whole story."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
