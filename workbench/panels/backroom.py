"""A process of its own for what a panel has computed: bars of a long history, and what other parameters would do.

It speaks a line of JSON for a line of JSON. A strategy of the user's own runs there, never in the Jupyter server.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from typing import Any

from workbench.errors import ConfigError, DataError

PATIENCE_S, IDLE_S = 90.0, 600.0


class BackRoom:
    """Starts the process when it is asked for something, and ends it when nobody has asked for a while.

    Parameters
    ----------
    task : str
        "bars" or "effect"; each has a process of its own, so that a chart does not wait for a backtest.
    data : str
        The folder of the store of candles.
    """

    def __init__(self, task: str, data: str) -> None:
        self.task, self.data = task, data
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self._used_s = time.monotonic()

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """The answer; one question at a time.

        Raises
        ------
        ConfigError, DataError
            With the sentence of whatever could not be done.
        """
        with self._lock:
            self._used_s = time.monotonic()
            answer = self._exchange(json.dumps(question))
        if "error" in answer:
            raise DataError(str(answer["error"]))
        return answer

    def close_if_idle(self) -> None:
        """End the process if it was not needed for ten minutes."""
        if self._process is not None and time.monotonic() - self._used_s > IDLE_S:
            self.close()

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def _exchange(self, question: str) -> dict[str, Any]:
        process = self._process if self._process is not None and self._process.poll() is None else self._start()
        assert process.stdin is not None, "it was asked for"
        assert process.stdout is not None, "it was asked for"
        late = threading.Timer(PATIENCE_S, process.kill)
        late.daemon = True
        late.start()
        try:
            process.stdin.write(question + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except OSError:
            line = ""
        finally:
            late.cancel()
        if not line:
            self.close()
            raise ConfigError(f"what computes the {self.task} ended, or took over {PATIENCE_S:g} s. Ask again; if it "
                              "stays so, the strategy is too slow to be tried here.")  # fmt: skip
        found: dict[str, Any] = json.loads(line)
        return found

    def _start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "workbench.panels.computing", self.task]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={**os.environ, "WORKBENCH_DATA": self.data}, start_new_session=True,
        )  # fmt: skip
        return self._process
