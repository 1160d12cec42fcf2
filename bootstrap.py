#!/usr/bin/env python3
"""Set the project up with nothing but Python, then run one of its commands.

    python bootstrap.py demo        set up, then run `workbench demo`
    python bootstrap.py test        set up with the developers' tools, then check and test everything
    python bootstrap.py setup       set up, the developers' tools included, and stop there
    python bootstrap.py lock        write the two lock files after a change of pyproject.toml; --upgrade takes
                                    the newest versions of everything
    python bootstrap.py COMMAND …   set up, then run any other command of workbench, such as `lab`

The packages go into `.venv` beside this file, each one checked against the hash in `requirements.lock`. A second run
finds them there and starts at once.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

OLDEST, NEWEST = (3, 11), (3, 14)
MOST_WORKERS = 4  # of the tests; each compiles and holds the kernels by itself
ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
LOCK, DEV_LOCK = ROOT / "requirements.lock", ROOT / "requirements-dev.lock"
STAMP = VENV / "workbench-setup.txt"
CHECKS = (
    ("style", ["ruff", "check", "."]),
    ("format", ["ruff", "format", "--check", "."]),
    ("types", ["mypy"]),
    ("imports", ["lint-imports"]),
)


def main(arguments: list) -> int:
    """Do what the command line asks for, and return an exit code."""
    check_python(sys.version_info)
    command = arguments[0] if arguments else "--help"
    if command in ("-h", "--help"):
        print(__doc__.strip())
        return 0
    if command == "lock":
        return lock(arguments[1:])
    set_up(with_tools=command in ("test", "setup"))
    if command == "setup":
        return 0
    if command == "test":
        return test(arguments[1:])
    return subprocess.call([str(PYTHON), "-m", "workbench", *arguments])


def check_python(version: tuple) -> None:
    """Stop, with advice, unless this Python is one that workbench runs on."""
    if OLDEST <= tuple(version[:2]) <= NEWEST:
        return
    names = [f"python3.{minor}" for minor in range(NEWEST[1], OLDEST[1] - 1, -1)]
    found = [name for name in names if shutil.which(name)]
    advice = f"Here is one: {found[0]} bootstrap.py …" if found else "Install one and run this script with it."
    span = f"{OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}"
    sys.exit(f"This is Python {version[0]}.{version[1]}; workbench needs {span}. {advice}")


def set_up(with_tools: bool) -> None:
    """Bring `.venv` in line with the lock files, unless it is so already."""
    if is_ready(with_tools):
        return
    began = time.monotonic()
    say("bringing .venv in line with the lock" if PYTHON.exists() else "setting up in .venv: about 1.3 GB, once")
    make_environment()
    uv = find_uv()
    locks = [LOCK, DEV_LOCK] if with_tools or DEV_LOCK.name in stamp_text() else [LOCK]
    STAMP.unlink(missing_ok=True)
    install_packages(uv, locks)
    install_project(uv)
    STAMP.write_text("\n".join(stamp_line(path) for path in [ROOT / "pyproject.toml", *locks]) + "\n", encoding="utf-8")
    say(f"set up in {time.monotonic() - began:.0f} s")


def is_ready(with_tools: bool) -> bool:
    """Was `.venv` made from the lock files as they are now?"""
    wanted = [ROOT / "pyproject.toml", LOCK] + ([DEV_LOCK] if with_tools else [])
    made_from = stamp_text().splitlines()
    return PYTHON.exists() and all(stamp_line(path) in made_from for path in wanted)


def stamp_text() -> str:
    """What the last set-up left behind, or nothing."""
    return STAMP.read_text(encoding="utf-8") if STAMP.exists() else ""


def stamp_line(path: Path) -> str:
    """A file's name and the hash of its content."""
    return f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}"


def make_environment() -> None:
    """Make `.venv`, unless a working one is there."""
    if PYTHON.exists() and subprocess.call([str(PYTHON), "-c", "import sys"]) == 0:
        return
    uv = working_uv("uv")
    if uv:
        command = [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(VENV)]
    else:
        command = [sys.executable, "-m", "venv", "--clear", str(VENV)]
    run(
        command,
        "Python could not make a virtual environment. On Debian and Ubuntu that module is a package of its own: "
        f"apt install python{sys.version_info[0]}.{sys.version_info[1]}-venv. Then run this again.",
    )


def find_uv() -> str:
    """An installer: the one in `.venv`, the one on PATH, or else the one that the lock names, got with pip."""
    present = working_uv(str(BIN / "uv")) or working_uv("uv")
    if present:
        return present
    say("installing uv, which installs the rest")
    pinned = VENV / "uv.lock.txt"
    pinned.write_text(pin_of("uv"), encoding="utf-8")
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    run([*pip, "--no-deps", "--require-hashes", "-r", str(pinned)], NO_PACKAGES)
    return str(BIN / "uv")


def working_uv(name: str) -> str:
    """The path of a uv that starts, or an empty string."""
    path = shutil.which(name)
    if path is None:
        return ""
    answer = subprocess.run([path, "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return path if answer.returncode == 0 else ""


def pin_of(package: str) -> str:
    """The lines of the lock that name one package and its hashes."""
    for block in pins(LOCK.read_text(encoding="utf-8")):
        if block.startswith(package + "=="):
            return block
    sys.exit(f"{LOCK.name} does not name {package}. Restore the file as it is in the repository.")


def pins(text: str) -> list:
    """A lock file's text, cut into one piece per pinned package."""
    pieces = []
    for line in text.splitlines(keepends=True):
        if line[0] not in " #\n":
            pieces.append("")
        if pieces:
            pieces[-1] += line
    return pieces


def install_packages(uv: str, locks: list) -> None:
    """Install what the lock files name, remove what they do not, and compile it all to bytecode."""
    began = time.monotonic()
    count = sum(len(pins(path.read_text(encoding="utf-8"))) for path in locks)
    say(f"installing {count} packages ({' and '.join(path.name for path in locks)}) and compiling them to bytecode")
    loudness = [] if sys.stderr.isatty() else ["--quiet"]
    command = [uv, "pip", "sync", *loudness, "--python", str(PYTHON), "--require-hashes", "--compile-bytecode"]
    run([*command, *map(str, locks)], NO_PACKAGES)
    say(f"installed in {time.monotonic() - began:.0f} s")


def install_project(uv: str) -> None:
    """Install workbench itself, as a link to this folder; its builder came with the lock."""
    command = [uv, "pip", "install", "--quiet", "--python", str(PYTHON), "--no-deps", "--no-build-isolation"]
    run([*command, "--editable", str(ROOT)], "workbench itself could not be installed; the lines above say why.")


def test(arguments: list) -> int:
    """Run every check and every test; with arguments, only pytest with those arguments."""
    if arguments:
        return subprocess.call([str(PYTHON), "-m", "pytest", *arguments], cwd=ROOT)
    failed = [name for name, command in CHECKS if not passes(name, command)]
    workers = min(os.cpu_count() or 1, MOST_WORKERS)
    side_by_side = ["-n", str(workers), "--dist", "loadfile", "--no-loadscope-reorder"] if workers > 1 else []
    command = [str(PYTHON), "-m", "pytest", "--cov", "--cov-report=term:skip-covered", *side_by_side]
    code = subprocess.call(command, cwd=ROOT)
    if failed:
        say("these checks failed, see above: " + ", ".join(failed))
    return code or (1 if failed else 0)


def passes(name: str, command: list) -> bool:
    """Run one checker and say how it went."""
    began = time.monotonic()
    good = subprocess.call([str(BIN / command[0]), *command[1:]], cwd=ROOT) == 0
    say(f"{name}: {'good' if good else 'FAILED'} in {time.monotonic() - began:.1f} s")
    return good


def lock(options: list) -> int:
    """Write both lock files: what everybody needs, and what only developers need on top of it."""
    make_environment()
    uv = find_uv()
    everything = VENV / "everything.lock"
    compile_lock(uv, ["--group", "setup", *options], LOCK)
    compile_lock(uv, ["--group", "setup", "--group", "dev", "--constraint", LOCK.name], everything)
    shared = {block.split()[0] for block in pins(LOCK.read_text(encoding="utf-8"))}
    extra = [block for block in pins(everything.read_text(encoding="utf-8")) if block.split()[0] not in shared]
    DEV_LOCK.write_text("".join(extra).replace(f"    #   -c {LOCK.name}\n", ""), encoding="utf-8")
    say(f"wrote {LOCK.name} and {DEV_LOCK.name}")
    return 0


def compile_lock(uv: str, options: list, output: Path) -> None:
    """Resolve pyproject.toml for every platform and Python; the file names packages and hashes, and no host."""
    fixed = ["--universal", "--generate-hashes", "--no-emit-index-url", "--no-header", "--quiet"]
    oldest = f"{OLDEST[0]}.{OLDEST[1]}"
    command = [uv, "pip", "compile", "pyproject.toml", *options, *fixed, "--python-version", oldest]
    run([*command, "--output-file", str(output)], NO_PACKAGES)


def run(command: list, advice: str) -> None:
    """Run a command from the project's folder; on failure stop, after the command's own words, with advice."""
    code = subprocess.call(command, cwd=ROOT)
    if code:
        sys.exit(f"\n{Path(command[0]).name} stopped with exit code {code}. {advice}")


def say(words: str) -> None:
    """Tell the person what is going on."""
    print(f"bootstrap: {words}", flush=True)


NO_PACKAGES = (
    "The packages could not be had; the lines above say why. Without a network nothing can be installed; behind a "
    "proxy or a mirror, set HTTPS_PROXY, or the index in pip's and uv's own settings. Then run this again: it goes on "
    "where it stopped."
)

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
