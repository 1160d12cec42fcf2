"""What each number of a summary is called, how it is written, and what it means."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Metric:
    """One number of a summary.

    `unit` is "quote" (quote currency), "fraction" (0.05, shown as 5 %), "ratio" (no unit), "days" or "count".
    """

    label: str
    unit: str
    meaning: str

    def show(self, value: float) -> str:
        """The value as a person reads it; a dash where there is none."""
        if math.isnan(value):
            return "–"
        if self.unit == "fraction":
            return f"{100.0 * value:,.2f} %"
        if self.unit == "count":
            return f"{value:,.0f}" if value == round(value) else f"{value:,.2f}"
        if self.unit == "days":
            return f"{value:,.1f}"
        return f"{value:,.2f}" if self.unit == "quote" else f"{value:,.3f}"


METRICS: dict[str, Metric] = {
    "net_profit": Metric("Net profit", "quote", "Last equity less starting cash, after all fees"),
    "total_return": Metric("Total return", "fraction", "Net profit over starting cash"),
    "cagr": Metric(
        "Annual growth (CAGR)", "fraction", "The yearly rate, of 365 days, that compounds to the total return"
    ),
    "buy_and_hold": Metric(
        "Buy and hold", "fraction", "Return of the benchmark from first close to last, equal weights"
    ),
    "alpha": Metric("Alpha", "fraction", "Jensen's, a year: mean return less beta times the benchmark's"),
    "beta": Metric("Beta", "ratio", "Slope of returns on the benchmark's"),
    "annual_volatility": Metric("Annual volatility", "fraction", "Sample deviation of returns, by the root of time"),
    "sharpe": Metric("Sharpe ratio", "ratio", "Mean over sample deviation of returns, annualised by the root of time"),
    "sortino": Metric("Sortino ratio", "ratio", "Annual mean return over the root mean square of negative returns"),
    "calmar": Metric("Calmar ratio", "ratio", "Annual growth over the largest drawdown"),
    "omega": Metric("Omega ratio", "ratio", "Sum of gains over sum of losses of the returns"),
    "tail_ratio": Metric("Tail ratio", "ratio", "95th percentile of returns over the 5th, without sign"),
    "max_drawdown": Metric("Largest drawdown", "fraction", "Deepest fall from a peak, at the bars' closes"),
    "max_drawdown_days": Metric("Longest drawdown", "days", "Longest time from a peak until it was reached again"),
    "average_drawdown": Metric("Average drawdown", "fraction", "Mean depth of all drawdowns, at days' ends"),
    "average_drawdown_days": Metric(
        "Average drawdown time", "days", "Mean time from a peak until it was reached again"
    ),
    "ulcer_index": Metric("Ulcer index", "fraction", "Root mean square of the drawdown over all bars"),
    "skew": Metric("Skew", "ratio", "Of returns; below 0: the long tail is on the losing side"),
    "kurtosis": Metric("Kurtosis", "ratio", "Of returns; 3 for a normal distribution, more with fat tails"),
    "probabilistic_sharpe": Metric(
        "Probabilistic Sharpe",
        "fraction",
        "Probability that the true Sharpe ratio is above 0; knows of no other trials",
    ),
    "exposure_time": Metric("Exposure", "fraction", "Share of bars in which a position was held"),
    "turnover": Metric("Turnover a year", "ratio", "Value traded in a year as a multiple of average equity"),
    "volume_traded": Metric("Value traded", "quote", "Price times amount of all fills"),
    "fees": Metric("Fees", "quote", "All fees paid"),
    "fee_share": Metric("Fees of gross profit", "fraction", "Share of the profit before fees that went in fees"),
    "break_even_fee": Metric("Break-even fee", "fraction", "Fee rate at which the same fills would have made nothing"),
    "round_trips": Metric("Round trips", "count", "From entry to exit, closed ones"),
    "win_rate": Metric("Win rate", "fraction", "Share of round trips that made money after fees"),
    "profit_factor": Metric("Profit factor", "ratio", "What the winners made over what the losers lost"),
    "expectancy": Metric("Expectancy", "quote", "Mean net profit of a round trip"),
    "average_trade": Metric("Average round trip", "fraction", "Mean net return on the value entered"),
    "best_trade": Metric("Best round trip", "fraction", "Highest net return on the value entered"),
    "worst_trade": Metric("Worst round trip", "fraction", "Lowest net return on the value entered"),
    "average_trade_days": Metric("Average holding time", "days", "From entry to exit"),
    "longest_trade_days": Metric("Longest holding time", "days", "From entry to exit"),
    "sqn": Metric(
        "System quality (SQN)", "ratio", "Mean over deviation of net profits, times the root of their number"
    ),
    "kelly": Metric(
        "Kelly fraction", "fraction", "Win rate less loss rate over payoff; an upper bound for a bet's size"
    ),
    "days": Metric("Days", "days", "Length of the run, from the first bar's open to the last one's close"),
    "observations": Metric(
        "Returns measured", "count", "Number of returns behind Sharpe and its kin, daily or per bar"
    ),
    "periods_per_year": Metric("Periods a year", "count", "The factor that annualises them"),
}
