"""One target under atheris: `python -m fuzz.run_one unified -max_total_time=60`; the options are libFuzzer's."""

from __future__ import annotations

import importlib
import sys

import atheris
import ccxt.pro

VENUE = sys.argv[1].partition("_")[0] if len(sys.argv) > 1 else ""

with atheris.instrument_imports(include=["workbench.connectors", "ccxt"]):
    # All of ccxt would take minutes to instrument: what it has of one venue is imported anew.
    for name in [one for one in ("binance", VENUE) if VENUE.startswith(one)]:
        for kind in ("async_support", "pro") if name in ccxt.exchanges else ():
            del sys.modules[f"ccxt.{kind}.{name}"]
            made = importlib.import_module(f"ccxt.{kind}.{name}")
            setattr(importlib.import_module(f"ccxt.{kind}"), name, getattr(made, name))

    from fuzz.mutate import mutate
    from fuzz.targets import TARGETS


def main() -> None:
    """Fuzz until an option says stop, or something other than our errors comes out."""
    name, *options = sys.argv[1:]
    target = TARGETS[name]
    target(b"\x00{}")  # clients are made with the first input, which is no part of its second
    atheris.Setup([sys.argv[0], *options], target, custom_mutator=lambda data, most, seed: mutate(data, most, seed))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
