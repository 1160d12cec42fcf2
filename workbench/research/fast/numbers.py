"""Sums as NumPy makes them, compiled: the same order of additions, so the same last bit."""

from __future__ import annotations

import numpy as np

from workbench.compiled import compiled

NAN = np.nan
NOISE = 1e-12


DEPTH = 64


@compiled(part=True)
def total(values, start, count):
    """Sum of a stretch of a contiguous array, in NumPy's pairwise order: halves first, then what they make."""
    if count <= 128:
        return _few(values, start, count)
    starts, counts, steps = np.empty(DEPTH, np.int64), np.empty(DEPTH, np.int64), np.zeros(DEPTH, np.int64)
    firsts, depth, result = np.empty(DEPTH), 0, 0.0
    starts[0], counts[0] = start, count
    while depth >= 0:
        half = counts[depth] // 2
        half -= half % 8
        if counts[depth] <= 128:
            result = _few(values, starts[depth], counts[depth])
            depth -= 1
        elif steps[depth] == 0:
            steps[depth] = 1
            depth += 1
            starts[depth], counts[depth], steps[depth] = starts[depth - 1], half, 0
        elif steps[depth] == 1:
            firsts[depth], steps[depth] = result, 2
            depth += 1
            starts[depth], counts[depth], steps[depth] = starts[depth - 1] + half, counts[depth - 1] - half, 0
        else:
            result = firsts[depth] + result
            depth -= 1
    return result


@compiled(part=True)
def _few(values, start, count):
    """Sum of at most 128."""
    if count >= 8:
        return _block(values, start, count)
    # −0.0 is what leaves every other number as it is.
    result = -0.0
    for i in range(count):
        result += values[start + i]
    return result if count > 0 else 0.0


@compiled(part=True)
def _block(values, start, count):
    a, b, c, d = values[start], values[start + 1], values[start + 2], values[start + 3]
    e, f, g, h = values[start + 4], values[start + 5], values[start + 6], values[start + 7]
    i = 8
    while i < count - count % 8:
        k = start + i
        a += values[k]
        b += values[k + 1]
        c += values[k + 2]
        d += values[k + 3]
        e += values[k + 4]
        f += values[k + 5]
        g += values[k + 6]
        h += values[k + 7]
        i += 8
    result = ((a + b) + (c + d)) + ((e + f) + (g + h))
    while i < count:
        result += values[start + i]
        i += 1
    return result


@compiled(part=True)
def mean(values, count):
    """Arithmetic mean of the first values; NaN of nothing."""
    return total(values, 0, count) / count if count > 0 else NAN


@compiled(part=True)
def deviation(values, count, spare):
    """Sample standard deviation of the first values, as `workbench.metrics` has it; `spare` is overwritten."""
    if count < 2:
        return NAN
    middle = total(values, 0, count) / count
    for i in range(count):
        distance = values[i] - middle
        spare[i] = distance * distance
    spread = np.sqrt(total(spare, 0, count) / (count - 1))
    return spread if spread > NOISE * abs(middle) else 0.0


@compiled(part=True)
def ratio(above, below):
    """A quotient; NaN where that is not a finite number."""
    if below == 0.0 or not np.isfinite(above) or not np.isfinite(below):
        return NAN
    quotient = above / below
    return quotient if np.isfinite(quotient) else NAN


@compiled(part=True)
def smallest(values, count, k):
    """The k-th smallest of the first values, which are put into another order."""
    low, high = 0, count - 1
    while low < high:
        pivot = values[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if k <= j:
            high = j
        elif k >= i:
            low = i
        else:
            break
    return values[k]


@compiled(part=True)
def percentile(values, count, share):
    """NumPy's percentile, interpolated linearly; `share` from 0 to 1. The values are put into another order."""
    place = (count - 1) * share
    before = int(np.floor(place))
    low = smallest(values, count, before)
    high = smallest(values, count, min(before + 1, count - 1))
    part, step = place - before, high - low
    return high - step * (1.0 - part) if part >= 0.5 else low + step * part
