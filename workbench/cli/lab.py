"""`workbench lab`: JupyterLab, with the Python that workbench runs on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from workbench.cli.output import AsJson, answer
from workbench.errors import ConfigError
from workbench.settings import same_folders


def lab(
    folder: Annotated[Path, typer.Argument(help="Where the notebooks are.")] = Path(),
    port: Annotated[int, typer.Option(help="First port to try.", min=1, max=65535)] = 8888,
    browser: Annotated[bool, typer.Option(help="Open a browser.")] = True,
    json: AsJson = False,
) -> None:
    """Start JupyterLab in FOLDER and stay until it ends; --json first prints what is started.

    Its kernels use the store and the home of the folder in which this command was given.
    """
    command = lab_command(folder, port=port, browser=browser)
    answer(
        {"folder": folder.resolve(), "command": command},
        f"JupyterLab in {folder.resolve()}; stop it with Ctrl-C. Notebook 01 is a good start.",
        as_json=json,
    )
    raise typer.Exit(subprocess.call(command, env=same_folders()))


def lab_command(folder: Path, *, port: int, browser: bool) -> list[str]:
    """The command that starts JupyterLab there; `ConfigError` if there is no such folder."""
    if not folder.is_dir():
        raise ConfigError(f"{folder} is not a folder. Name the one that holds your notebooks.")
    options = [f"--ServerApp.root_dir={folder.resolve()}", f"--ServerApp.port={port}"]
    return [sys.executable, "-m", "jupyterlab", *options, *([] if browser else ["--no-browser"])]
