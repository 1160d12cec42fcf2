"""Promotion: a strategy of a notebook's cell becomes a file, and a fresh process proves that the file is the strategy.

The cell's text is exported with its imports and the names that it uses (`export`), written to `strategies/`, loaded by
a process that knows nothing of the notebook, and the backtest is run again there. Only if every order, fill and equity
is the same to the bit does the file stay; else what is to blame is named, and there is no file.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.backtest import Result, again, digest_of, sizes_of
from workbench.errors import ConfigError
from workbench.live.export import as_script, names_of
from workbench.live.plan import BotSource

FOLDER = "strategies"
PACK, RECORDS = "pack.bin", ".promoted.json"
PATIENCE_S = 600.0


@dataclass(frozen=True, slots=True)
class Promotion:
    """A strategy that is a file now.

    Attributes
    ----------
    path : Path
        The file.
    name, fingerprint : str
        Of the class; and over its text and its parameters.
    script_hash, result_hash : str
        SHA-256 of the file, and of every order, fill and equity of the backtest that was repeated.
    """

    path: Path
    name: str
    fingerprint: str
    script_hash: str
    result_hash: str
    orders: int
    fills: int

    def __str__(self) -> str:
        return (
            f"{self.name} is {self.path} now (sha256 {self.script_hash[:16]}…). A fresh process repeated its backtest: "
            f"{self.orders:,} orders and {self.fills:,} fills, equal to the bit."
        )

    __repr__ = __str__


def promote(result: Result, *, folder: str | Path = FOLDER) -> Promotion:
    """Make a file of the strategy of a backtest, if a fresh process comes to the same result, to the bit.

    Parameters
    ----------
    result : Result
        What `wb.backtest` gave for a strategy that was written in a cell.
    folder : str or Path
        Where the file goes; it is called after the class.

    Raises
    ------
    ConfigError
        If it cannot be exported, leans on hidden state, was changed since, or comes to something else in another
        process; the message names the culprit. No file is left then.
    """
    (made,) = promote_all([result], folder=folder)
    if isinstance(made, ConfigError):
        raise made
    return made


def promote_all(results: Sequence[Result], *, folder: str | Path = FOLDER) -> list[Promotion | ConfigError]:
    """`promote` for several, proved in one fresh process; a refusal stands in the place of the one refused."""
    target = Path(folder)
    found: list[Promotion | ConfigError | str] = []
    with tempfile.TemporaryDirectory(prefix="promote-") as home:
        for number, result in enumerate(results):
            try:
                found.append(_packed(result, Path(home) / str(number)))
            except ConfigError as error:
                found.append(error)
        told = _proved(Path(home)) if any(isinstance(one, str) for one in found) else {}
        return [
            one if not isinstance(one, str) else _judged(results[number], one, told[str(number)], target)
            for number, one in enumerate(found)
        ]


def promoted(fingerprint: str, folder: str | Path = FOLDER) -> dict[str, Any] | None:
    """What is on record of a strategy that was promoted, by its fingerprint; None if it was not."""
    return _records(Path(folder)).get(fingerprint)


def _records(folder: Path) -> dict[str, dict[str, Any]]:
    try:
        return dict(json.loads((folder / RECORDS).read_text()))
    except (OSError, ValueError):
        return {}


def proof_of(script: str, *, result: Result | None = None, folder: str | Path = FOLDER) -> dict[str, str]:
    """Which file a strategy of a cell is, proved by a fresh process: `file`, and the hashes `script` and `result`.

    Parameters
    ----------
    script : str
        Its text, as it stands in the notebook now.
    result : Result, optional
        A backtest of it: if it is in no file yet, it is promoted with that.

    Raises
    ------
    ConfigError
        If it was never promoted, was changed since, or its file was; or if it cannot be promoted.
    """
    found = _proof_of(script, Path(folder))
    if found is None and result is not None:
        promote(result, folder=folder)
        found = _proof_of(script, Path(folder))
    if found is None:
        raise ConfigError(
            f"money trades what a fresh process has proved, and this strategy of a cell is in no file of {folder}/, or "
            f"it or its file was changed since. Prove it: `wb.promote(wb.backtest(bot, candles))`, or give wb.live "
            f"`backtest=result`, and it does that first."
        )
    return found


def _proof_of(script: str, folder: Path) -> dict[str, str] | None:
    wanted = hashlib.sha256(script.encode()).hexdigest()
    for facts in _records(folder).values():
        path = folder / facts["file"]
        if facts["script"] == wanted and path.is_file() and path.read_text() == script:
            return {"file": str(path), "script": wanted, "result": facts["result"]}
    return None


# --- in the notebook --------------------------------------------------------------------------------------------------


def _packed(result: Result, home: Path) -> str:
    """Check what can be checked here, and pack the rest for the other process; the script."""
    bot = result.bot
    cls = type(bot)
    here = vars(sys.modules[cls.__module__])
    if cls.__name__ in here and here[cls.__name__] is not cls:
        raise ConfigError(
            f"{cls.__name__} was defined anew after this backtest was made. Run the backtest of the class as it stands "
            f"now, then promote that."
        )
    script = as_script(cls)
    was, now = digest_of(result.tape), digest_of(again(bot, result))
    if was != now:
        raise ConfigError(f"{cls.__name__} cannot be promoted: {_what_changed(result, now)}")
    home.mkdir(parents=True)
    (home / "bot.py").write_text(script)
    source = BotSource.of(bot, source="bot.py").model_dump_json()
    facts = (source, result.market, result.bars, result.settings, result.finer, result.given)
    (home / PACK).write_bytes(pickle.dumps(facts))
    return script


def _what_changed(result: Result, now: str) -> str:
    """Why a backtest that is run once more in the same notebook is another one."""
    name = type(result.bot).__name__
    if digest_of(again(result.bot, result)) != now:
        return (
            f"run three times, its backtest comes to three results. {name} keeps state between runs, or draws by "
            f"chance: make it a function of candles and parameters."
        )
    twice = _bound_twice(type(result.bot))
    blame = f"{' and '.join(map(repr, twice))} changed" if twice else "something of the notebook that it uses changed"
    return f"{blame} since this backtest was made. Run the backtest again, then promote that."


def _bound_twice(cls: type) -> list[str]:
    """Names that a strategy leans on and that more than one cell has bound, by what the notebook remembers."""
    import ast

    cells = vars(sys.modules[cls.__module__]).get("In") or []
    counts: dict[str, int] = {}
    for cell in cells:
        try:
            tree = ast.parse(cell)
        except SyntaxError:
            continue
        bound = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        inner = ast.FunctionDef | ast.ClassDef
        for name in bound | {node.name for node in tree.body if isinstance(node, inner)}:
            counts[name] = counts.get(name, 0) + 1
    return [name for name in names_of(cls) if counts.get(name, 0) > 1]


def _judged(result: Result, script: str, told: dict[str, Any], folder: Path) -> Promotion | ConfigError:
    bot, name = result.bot, type(result.bot).__name__
    if told.get("error"):
        return ConfigError(f"{name} cannot be promoted: in a fresh process it says: {told['error']}")
    was, odd = digest_of(result.tape), _other_values(bot, told)
    if odd or told["digest"] != was:
        return ConfigError(f"{name} cannot be promoted: {_blame(odd, told)}")
    path = folder / f"{_file_name(name)}.py"
    _write(path, script)
    made = Promotion(path, name, bot.fingerprint, hashlib.sha256(script.encode()).hexdigest(), was,
                     told["orders"], told["fills"])  # fmt: skip
    _record(folder, made)
    return made


def _other_values(bot: Any, told: dict[str, Any]) -> list[str]:
    """Values of the class that another process does not come to."""
    here = {name: _shown(value) for name, value in _class_values(type(bot)).items()}
    there = told["values"]
    return [f"`{name}` ({here[name]} here, {there[name]} there)" for name in here if there.get(name) != here[name]]


def _blame(odd: list[str], told: dict[str, Any]) -> str:
    if odd:
        return (
            f"a fresh process comes to another value of {', '.join(odd)}: a name that it was made from has been bound "
            f"anew since its cell was run. Run the cells from the top, then the backtest."
        )
    return (
        f"a fresh process comes to another result ({told['fills']} fills). It leans on state of the notebook that its "
        f"text does not show: run the cells from the top, then the backtest."
    )


def _class_values(cls: type) -> dict[str, Any]:
    fields = {name: field.default for name, field in cls.model_fields.items()}  # type: ignore[attr-defined]
    own = {name: value for name, value in vars(cls).items() if not name.startswith("_") and not callable(value)}
    return {**own, **fields}


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, int | float | str | tuple | list | dict | set | None) else ""


def _file_name(name: str) -> str:
    import re

    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _write(path: Path, text: str) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.write_text(text)
    os.replace(draft, path)


def _record(folder: Path, made: Promotion) -> None:
    facts = {"file": made.path.name, "name": made.name, "script": made.script_hash, "result": made.result_hash}
    _write(folder / RECORDS, json.dumps({**_records(folder), made.fingerprint: facts}, indent=1))


# --- in the fresh process ---------------------------------------------------------------------------------------------


def _proved(home: Path) -> dict[str, dict[str, Any]]:
    """What a process that knows nothing of the notebook comes to, by the number of each pack."""
    done = subprocess.run(
        [sys.executable, "-m", "workbench.live.promotion", str(home)], capture_output=True, text=True,
        timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    try:
        return json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        raise ConfigError(
            f"the process that was to prove it ended with {done.returncode}: {done.stderr[-400:]}"
        ) from None


def prove(home: Path) -> dict[str, Any]:
    """Load a packed strategy from its file, run its backtest, and say what it came to."""
    source, market, bars, settings, finer, given = pickle.loads((home / PACK).read_bytes())  # our own, made just now
    try:
        bot = BotSource.model_validate_json(source).load(home)
        blank: Any = None
        tape = again(bot, Result(bot, market, bars, settings, blank, [], None, 0, finer, given))
    except Exception as error:  # whatever the strategy raises is the answer
        return {"error": f"{type(error).__name__}: {error}"}
    values = {name: _shown(value) for name, value in _class_values(type(bot)).items()}
    orders, fills = sizes_of(tape)
    return {"digest": digest_of(tape), "orders": orders, "fills": fills, "values": values}


def main() -> int:
    """Prove every pack of a folder; one line of JSON."""
    home = Path(sys.argv[1])
    told = {one.name: prove(one) for one in sorted(home.iterdir()) if (one / PACK).exists()}
    sys.stdout.write(json.dumps(told) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
