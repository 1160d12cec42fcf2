"""The logits of CSCV, drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.errors import DataError

if TYPE_CHECKING:
    from workbench.research.luck.verdict import Significance

OVERFIT, KEPT = "#d62728", "#1f77b4"


def logit_histogram(found: Significance) -> Any:
    """How far the best of each past came in its future; left of 0 it fell below the middle."""
    import plotly.graph_objects as go

    if found.overfitting is None:
        raise DataError(f"There are no logits to draw: {'; '.join(found.notes) or 'PBO was not computed'}.")
    logits = found.overfitting.logits
    bars = [
        go.Histogram(x=part, name=name, marker_color=color, xbins={"size": 0.25})
        for part, name, color in (
            (logits[logits < 0.0], f"below the middle: PBO {found.pbo:.0%}", OVERFIT),
            (logits[logits >= 0.0], "in the better half", KEPT),
        )
    ]
    look = {
        "title": "Where the best of one half ranks in the other", "barmode": "overlay", "template": "plotly_white",
        "xaxis_title": "logit of the rank out of sample", "yaxis_title": "splits", "height": 320,
    }  # fmt: skip
    return go.Figure(bars, look)
