"""A PostgreSQL server of the tests' own: no network, a folder of its own, gone afterwards."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

UNPRIVILEGED = ("postgres", "nobody")


def programs() -> Path | None:
    """Where PostgreSQL's own programs are: on PATH, or where Debian puts them."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    return next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)


class Server:
    """A server that tests start, stop, and have databases of."""

    def __init__(self, folder: Path, bin_: Path, user: str | None) -> None:
        self.folder, self.bin, self.user = folder, bin_, user
        self.names = itertools.count(1)

    def run(self, program: str, *words: str) -> None:
        as_user = (
            ["setpriv", f"--reuid={self.user}", f"--regid={gid(self.user)}", "--clear-groups"] if self.user else []
        )
        command = [*as_user, str(self.bin / program), *words]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.folder, timeout=120, check=False)
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stdout} {done.stderr}")

    def start(self) -> None:
        options = f"-c listen_addresses='' -c unix_socket_directories={self.folder} -c fsync=off"
        self.run(
            "pg_ctl", "-D", str(self.folder / "data"), "-l", str(self.folder / "log"), "-w", "-o", options, "start"
        )

    def stop(self, how: str = "fast") -> None:
        self.run("pg_ctl", "-D", str(self.folder / "data"), "-w", "-m", how, "stop")

    def url(self, name: str) -> str:
        return f"postgresql:///{name}?host={self.folder}&user=tester"

    def database(self) -> str:
        """The address of a new, empty database."""
        import psycopg

        name = f"journal{next(self.names)}"
        with psycopg.connect(f"host={self.folder} user=tester dbname=postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)


def gid(user: str) -> int:
    return pwd.getpwnam(user).pw_gid


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A server at work."""
    found = programs()
    if found is None or shutil.which("setpriv") is None:
        pytest.skip("needs PostgreSQL's initdb and pg_ctl on this machine (Debian: postgresql)")
    user = None
    if os.geteuid() == 0:  # it refuses to be root
        user = next((name for name in UNPRIVILEGED if any(one.pw_name == name for one in pwd.getpwall())), None)
        if user is None:
            pytest.skip("PostgreSQL does not run as root, and there is no user to run it as")
    folder = Path(tempfile.mkdtemp(prefix="wb-pg-"))
    folder.chmod(0o755)
    if user is not None:
        os.chown(folder, pwd.getpwnam(user).pw_uid, gid(user))
    server = Server(folder, found, user)
    try:
        server.run(
            "initdb", "-D", str(folder / "data"), "-U", "tester", "-A", "trust", "-E", "UTF8", "--no-locale",
            "--no-sync",
        )  # fmt: skip
        server.start()
        yield server
        server.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
