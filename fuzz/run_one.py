"""One target under atheris: `python -m fuzz.run_one unified -max_total_time=60`; the options are libFuzzer's."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["workbench.connectors", "ccxt.base", "ccxt.async_support", "ccxt.pro"]):
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
