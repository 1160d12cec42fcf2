"""The README's first command."""

from __future__ import annotations

import re
import sys

from workbench.cli.demo import STOPS, flip


def test_demo_ends_with_summary_bounds_verdict_and_report(run, tmp_path):
    said = run("demo")
    assert said.code == 0, said.err
    places = [
        said.out.rfind(words)
        for words in (
            "Net profit  ",
            "Bounds: ",
            "look-ahead found",
            "workbench-demo.html",
            "kill -9",
            "PARITY: ",
        )
    ]
    assert -1 not in places
    assert places == sorted(places)
    assert len(re.findall(r"^\(\d+\.\d\d s\)$", said.out, re.MULTILINE)) == len(STOPS)
    assert "<html" in (tmp_path / "workbench-demo.html").read_text(encoding="utf-8")


def test_demo_in_json(run, tmp_path):
    said = run("demo", "--json")
    assert said.code == 0, said.err
    assert set(said.json) == {stop.__name__ for _, stop in STOPS} | {"seconds"}
    assert said.json["trust"]["audit"]["clean"] is True
    bounds = said.json["trust"]["bounds"]
    assert bounds["worst"] < said.json["trust"]["walked"] < bounds["best"]
    assert bounds["ambiguous_bars"] > 0
    assert said.json["report"]["file"] == str(tmp_path / "workbench-demo.html")
    flip = said.json["flip"]
    assert flip["decisions"] > 10
    assert flip["equal"] is True
    assert flip["doubled"] == 0


def test_demo_twice_is_the_same_run(run, monkeypatch):
    timeless = [stop for stop in STOPS if stop[1] is not flip]  # a run takes its own time
    monkeypatch.setattr(sys.modules["workbench.cli.demo"], "STOPS", timeless)
    first, second = run("demo", "--json").json, run("demo", "--json").json
    assert first["store"]["catalog"] == second["store"]["catalog"]
    assert first["trust"]["card"]["result"] == second["trust"]["card"]["result"]
