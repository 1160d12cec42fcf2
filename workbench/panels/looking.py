"""`run.panel()` and `wb.dashboard()`: widgets that only say where to look; the browser does the looking.

Live values and commands go from the browser through the Jupyter server's relay to the run, and not through this kernel.
So a panel goes on while the kernel is busy, and after it died; here is nothing to lose.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from workbench.live import Run, runs
from workbench.settings import data_folder, home_folder

ESM = Path(__file__).with_name("assets") / "widget.js"


def panel(run: Run, *, history: str | None = None) -> Panel:
    """The panel of a run; `run.panel()` is the same.

    Parameters
    ----------
    history : str, optional
        Under which venue the store has older candles of its instrument; left out: under the run's own.
    """
    return Panel(run, history=history)


def dashboard() -> Dashboard:
    """All runs of this home, their state and PnL; a click on one opens its panel."""
    return Dashboard()


class Shown:
    """A widget, and the text that stands for it where none can be shown."""

    def __init__(self, about: dict[str, Any]) -> None:
        self.about = about
        self.widget = widget_class()(about=about)

    def close(self) -> None:
        """Take it away; the run does not notice."""
        self.widget.close()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        found = self.widget._repr_mimebundle_(**options)
        bundle = found[0] if isinstance(found, tuple) else found
        bundle = {**bundle, "text/plain": repr(self)}
        return (bundle, *found[1:]) if isinstance(found, tuple) else bundle


class Panel(Shown):
    """The panel of one run, shown as the last line of a cell. Two notebooks may look at once."""

    def __init__(self, run: Run, *, history: str | None = None) -> None:
        self.run = run
        home = run.folder.path.parent.parent
        super().__init__({
            "view": "panel", "name": run.name, "home": str(home), "data": str(data_folder()), "history": history,
        })  # fmt: skip

    def __repr__(self) -> str:
        again = f"wb.attach({self.run.name!r}).panel()"
        return f"{self.run.status()}\n  its panel shows in JupyterLab; {again} opens another"


class Dashboard(Shown):
    """All runs, shown as the last line of a cell."""

    def __init__(self) -> None:
        super().__init__({
            "view": "dashboard", "name": "", "home": str(home_folder()), "data": str(data_folder()), "history": None,
        })  # fmt: skip

    def __repr__(self) -> str:
        return str(runs())


@cache
def widget_class() -> Any:
    """The class of the widgets; anywidget is loaded when the first one is shown."""
    import anywidget
    import traitlets

    class RunWidget(anywidget.AnyWidget):
        _esm = ESM.read_text()
        about = traitlets.Dict().tag(sync=True)

    return RunWidget
