"""Tables and figures of a run: they draw what they are given, and fetch nothing."""

from workbench.reports.picture import figure
from workbench.reports.live import live_figure, plot
from workbench.reports.material import Material
from workbench.reports.tables import drawdown_table, monthly_table, trip_statistics, yearly_table
from workbench.reports.vectorbt import to_vectorbt

__all__ = [
    "Material",
    "drawdown_table",
    "figure",
    "live_figure",
    "monthly_table",
    "plot",
    "to_vectorbt",
    "trip_statistics",
    "yearly_table",
]
