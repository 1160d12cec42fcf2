"""Tables and figures of a run: they draw what they are given, and fetch nothing."""

from workbench.reports.figure import figure
from workbench.reports.material import Material
from workbench.reports.tables import drawdown_table, monthly_table, trip_statistics, yearly_table

__all__ = ["Material", "drawdown_table", "figure", "monthly_table", "trip_statistics", "yearly_table"]
