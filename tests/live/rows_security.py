"""Part G of the catalogue: security."""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

from tests.live import canary
from tests.live.rows_process import at_work, quick
from workbench.errors import WorkbenchError
from workbench.live.freezing import thaw

TESTS = {
    83: "tests/settings/test_vault.py::test_secrets_show_themselves_nowhere "
    "tests/settings/test_vault.py::test_tracebacks_with_local_names_show_no_secret",
}
NOT_AUTOMATED = {
    88: "no MQTT here: a run is commanded over its UNIX socket alone, so there is no broker to be open",
    90: "no Gateway here: nothing of ours starts it, shares its port, or kills by port",
    91: "no chain here: no connector of ours asks for an allowance",
    92: "no chain here: no connector of ours sends a transaction",
}
ROOT = Path(__file__).parents[2]


def row_81(home: Path) -> str:
    """keys in logs"""
    found = canary.scan(home)
    assert found.hits == [], found.hits
    return f"{found.sinks} sinks, {found.forms} forms of {found.secrets} secrets, {found.size:,} bytes: nothing found"


def row_82(home: Path) -> str:
    """keys in a notebook's output, traceback, repr or vars()"""
    hits, places = canary.scan_objects(home)
    assert hits == [], hits
    return f"{places} places (repr, str, vars, pickle, copy, json, tracebacks with local names): nothing found"


def row_84(home: Path) -> str:
    """core dump, swap"""
    with quick(home) as b:
        at_work(b)
        assert b.run is not None
        limits = Path(f"/proc/{b.run.pid}/limits").read_text()
        core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
        assert core.split()[4:6] == ["0", "0"], core
        status = os.stat(f"/proc/{b.run.pid}/mem")
        assert status.st_uid == 0  # of a process that may not be dumped it is root's, whoever runs it
    return "core files of 0 bytes, not dumpable; swap is the machine's to encrypt"


class Evil:
    """What runs code when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.mark}",)


def row_85(home: Path) -> str:
    """pickle, YAML and journals that run code"""
    with quick(home) as b:
        at_work(b)
        b.client.stop(hold=False)
        b.ended()
        mark = home / "ran"
        blob = zlib.compress(pickle.dumps(Evil(mark)))
        try:
            thaw(blob, b.plan, b.plan.bot.load(b.folder.path))
        except WorkbenchError as error:
            said = str(error)
        else:
            raise AssertionError("a snapshot with code in it was taken")
        (home / "config.yaml").write_text(f"logs: !!python/object/apply:os.system ['touch {mark}']\n")
        from workbench.settings import load_config

        try:
            load_config(home)
        except WorkbenchError:
            pass
        else:
            raise AssertionError("a YAML with code in it was taken")
        assert not mark.exists()
    return f"a snapshot with code does nothing ({said[:60]}…); nor does a YAML tag"


def row_86(home: Path) -> str:
    """a web page reaches the control channel"""
    with quick(home) as b:
        at_work(b)
        assert b.run is not None
        listening = _listening(b.run.pid)
        assert listening == [], listening
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--no-header",
             "tests/live/test_control.py", "-k", "hostile or guessing or another_user or tcp or dribbles"]  # fmt: skip
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-500:]
    return f"no TCP socket listens; hostile requests: {done.stdout.strip().rpartition(chr(10))[2]}, none accepted"


def _listening(pid: int) -> list[str]:
    """TCP sockets on which a process listens."""
    mine = {os.readlink(one) for one in Path(f"/proc/{pid}/fd").iterdir() if one.is_symlink()}
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            parts = line.split()
            if parts[3] == "0A" and f"socket:[{parts[9]}]" in mine:
                found.append(parts[1])
    return found


def row_87(home: Path) -> str:
    """another local user reads keys, journals or sockets"""
    with quick(home) as b:
        at_work(b)
        wide = [f"{path.name} {path.stat().st_mode & 0o777:o}" for path in (b.folder.path, *b.folder.path.rglob("*"))
                if path.name != "bot.py" and path.stat().st_mode & 0o077]  # fmt: skip
        assert wide == [], wide
        n = len(list(b.folder.path.rglob("*")))
    return f"{n} files and folders of a run at work: none is open to anybody but its owner"


def row_89(home: Path) -> str:
    """a dependency is swapped"""
    lock = (ROOT / "requirements.lock").read_text()
    named = [line for line in lock.splitlines() if "==" in line and not line.lstrip().startswith("#")]
    assert lock.count("--hash=sha256:") >= len(named) > 50
    wheel = home / "tampered-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as made:
        made.writestr("tampered.py", "")
        made.writestr("tampered-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tampered\nVersion: 1.0\n")
        made.writestr("tampered-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        made.writestr("tampered-1.0.dist-info/RECORD", "")
    right = hashlib.sha256(wheel.read_bytes()).hexdigest()
    codes = []
    for place, said in (("one", right), ("other", right[::-1])):  # what is installed already would be no test
        (home / "lock.txt").write_text(f"tampered==1.0 --hash=sha256:{said}\n")
        words = ["uv", "pip", "install", "--offline", "--no-index", "--find-links", str(home), "--require-hashes",
                 "--target", str(home / place), "-r", str(home / "lock.txt")]  # fmt: skip
        codes.append(subprocess.run(words, capture_output=True, check=False).returncode)
    assert [bool(code) for code in codes] == [False, True], codes
    return f"{len(named)} dependencies are pinned by hash; a wheel of another hash is refused, the right one installed"
