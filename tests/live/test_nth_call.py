"""Files of a run, whatever call fails; `python -m tests.live.nth_call` lets each commit of a run fail too."""

from __future__ import annotations

import pytest

from tests.live.nth_call import fail_commit, try_all, writings


@pytest.mark.parametrize("writing", writings(), ids=lambda one: one.name)
def test_a_file_is_the_old_or_the_new_whichever_call_fails(writing, tmp_path):
    n, wrong = try_all(writing, tmp_path)
    assert wrong == []
    assert n >= 2


def test_a_commit_that_fails_once_loses_nothing(tmp_path):
    fired, wrong = fail_commit(30, tmp_path, surely=True)
    assert fired
    assert wrong == []
