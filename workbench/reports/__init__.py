"""Tables and figures of a run: they draw what they are given, and fetch nothing."""

from workbench.reports.digest import Summary, summary
from workbench.reports.live import live_figure, plot
from workbench.reports.material import Bounds, Material, Verdict
from workbench.reports.page import report
from workbench.reports.picture import figure
from workbench.reports.tables import drawdown_table, monthly_table, trip_statistics, yearly_table
from workbench.reports.vectorbt import to_vectorbt

__all__ = [
    "Bounds",
    "Material",
    "Summary",
    "Verdict",
    "drawdown_table",
    "figure",
    "live_figure",
    "monthly_table",
    "plot",
    "report",
    "summary",
    "to_vectorbt",
    "trip_statistics",
    "yearly_table",
]
