from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from lab import ROOT

from . import rules

BOOKS = sorted(path for path in (ROOT / "notebooks").rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)
COMPILING = "workbench: compiling"  # said once a machine


def is_notice(output: Any) -> bool:
    """Is this what is said once a machine, in the cell that compiles first?"""
    return output.output_type == "display_data" and output.data.get("text/plain", "").startswith("workbench: compil")


each_book = pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.stem)


def cells_of(book: Path) -> list[rules.Cell]:
    cells: list[rules.Cell] = json.loads(book.read_text("utf-8"))["cells"]
    return cells


@each_book
def test_it_runs_from_top_to_bottom_without_a_complaint(book, executed):
    outputs = [output for cell in executed(book).cells if cell.cell_type == "code" for output in cell.outputs]
    assert outputs
    complaints = "".join(output.text for output in outputs if output.get("name") == "stderr").splitlines()
    assert [line for line in complaints if line and not line.startswith(COMPILING)] == []


@each_book
def test_its_first_cell_asks_and_its_last_one_answers_in_words(book, executed):
    cells = executed(book).cells
    assert cells[0].cell_type == "markdown"
    assert "?" in cells[0].source
    answer = cells[-1].outputs[-1].data["text/markdown"]
    assert len(answer) > 100
    assert "nan" not in answer.split()


@each_book
def test_a_cell_has_one_output_at_most(book, executed):
    for cell in executed(book).cells:
        kept = [
            output for output in cell.get("outputs", []) if output.get("name") != "stderr" and not is_notice(output)
        ]
        assert len(kept) <= 1, cell.source


@each_book
def test_no_output_is_the_address_of_an_object(book, executed):
    texts = [str(output) for cell in executed(book).cells for output in cell.get("outputs", [])]
    assert [text for text in texts if " at 0x" in text] == []


@each_book
def test_no_name_is_bound_twice(book):
    assert rules.bound_twice(cells_of(book)) == []


@each_book
def test_all_is_imported_in_the_first_code_cell(book):
    assert rules.importing(cells_of(book)) == [0]


@each_book
def test_functions_fit_in_ten_lines(book):
    assert rules.long_functions(cells_of(book), lines=10) == []


@each_book
def test_text_stands_before_every_cell(book):
    assert rules.unexplained(cells_of(book)) == []


@each_book
def test_it_is_stored_bare(book):
    metadata = json.loads(book.read_text("utf-8"))["metadata"]
    stripped = subprocess.run([sys.executable, "-m", "nbstripout", "--verify", str(book)], check=False)
    assert stripped.returncode == 0, f"run `nbstripout {book.name}`"
    assert set(metadata) == {"kernelspec"}, "keep nothing but the kernelspec in its metadata"
    assert metadata["kernelspec"]["name"] == "python3"


def test_the_rules_find_what_breaks_them():
    def cells(*texts: str) -> list[rules.Cell]:
        return [{"cell_type": "code", "source": text} for text in texts]

    assert rules.bound_twice(cells("a = [a for a in b]", "def f():\n    a = 2\n    f = 3")) == []
    assert rules.bound_twice(cells("a = 1", "for a in b:\n    c = 1", "with d() as c: pass")) == ["a", "c"]
    assert rules.bound_twice(cells("import numpy as np", "np += 1", "print(e := 1)", "def e(): ...")) == ["e", "np"]
    assert rules.importing(cells("import a", "b", "def f():\n    from c import d")) == [0, 2]
    assert rules.long_functions(cells('def f():\n    """It."""\n    a\n    b\n\ndef g():\n    a'), lines=1) == ["f"]
    assert rules.unexplained(cells("a", "b\nc")) == ["b"]
