"""What the doctor finds."""

from __future__ import annotations

import importlib.metadata

import pytest

from workbench.cli import doctor


def test_healthy_machine_ends_with_0(run):
    said = run("doctor", "--json")
    assert said.code == 0, said.out
    assert said.json["healthy"] is True
    assert {finding["name"] for finding in said.json["findings"]} >= {"python", "packages", "store", "kernels"}


def test_missing_package_is_named_and_ends_with_1(run, monkeypatch):
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: ["numpy>=1", "no-such-package>=3"])
    said = run("doctor")
    assert said.code == 1
    assert "BAD  packages       no-such-package is missing. Run `python bootstrap.py setup`" in said.out


def test_package_of_another_version_is_named(monkeypatch):
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: ["numpy>=99"])
    (finding,) = doctor.unmet_requirements()
    assert finding == f"numpy is {importlib.metadata.version('numpy')}, not >=99"


def test_requirement_of_another_platform_is_left_aside(monkeypatch):
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: ["no-such-package>=3; sys_platform == 'plan9'"])
    assert not list(doctor.unmet_requirements())


def test_store_that_cannot_be_written_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("WORKBENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(doctor, "is_writable", lambda folder: False)
    finding = doctor.store()
    assert not finding.good
    assert str(tmp_path / "data") in finding.detail


def test_writable_is_tried(tmp_path):
    assert doctor.is_writable(tmp_path)
    assert not doctor.is_writable(tmp_path / "nowhere")


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_nearest_folder_is_one_that_exists(tmp_path, depth):
    assert doctor.nearest_folder(tmp_path.joinpath(*["deeper"] * depth)) == tmp_path
