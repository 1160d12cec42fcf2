"""Where a strategy speaks: the rows with a signal or an exit, of many combinations at once."""

from __future__ import annotations

import mmap

import numpy as np
import numpy.typing as npt
from numba.cpython.unsafe.numbers import trailing_zeros

from workbench.compiled import compiled

TILE = 512  # bars whose averages stay in the processor's cache
BLOCK = 64  # bars that are looked at at once, a bit each
SAME = 1e-12  # as in `workbench.indicators.crossing`
ULP = 2.0**-53
BITS = np.left_shift(np.int64(1), np.arange(BLOCK))

Crossings = tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], npt.NDArray[np.int8]]


def sma_crossings(close: npt.NDArray[np.float64], pairs: npt.NDArray[np.int64]) -> Crossings:
    """The crosses of many pairs of simple averages: the rows in which `sma_cross` is not 0.

    The averages of each length are made once for all pairs, a tile of bars at a time. They differ from those of
    `sma_cross` in their last bits; where that could matter, a pair is marked, and has to be asked for alone.

    Parameters
    ----------
    close : float64 array of shape (n_bars,), finite and above 0
    pairs : int64 array of shape (n_pairs, 2)
        Lengths, the first below the second.

    Returns
    -------
    rows : int32 array of shape (n_pairs, room)
        The first `counts` of each are the rows of its crosses.
    counts : int64 array of shape (n_pairs,)
        −1: ask `sma_cross` for this pair.
    sides : int8 array of shape (n_pairs,)
        Side of the first cross; they take turns.
    """
    lengths, places = np.unique(pairs, return_inverse=True)
    room = max(len(close) // 8, 64)
    rows = thin_plane(len(pairs), room)
    counts, sides = np.zeros(len(pairs), np.int64), np.zeros(len(pairs), np.int8)
    state, means = np.zeros(len(pairs), np.int8), np.empty((len(lengths), TILE))
    blocks, places = means.reshape(-1, TILE // BLOCK, BLOCK), places.reshape(pairs.shape)
    _crossings(close, pairs, lengths, places, BITS, means, blocks, state, rows, counts, sides)
    return rows, counts, sides


def thin_plane(count: int, room: int) -> npt.NDArray[np.int32]:
    """Rows of numbers of which mostly the beginning is used: NumPy's own would be given memory in pieces of 2 MB."""
    return np.frombuffer(mmap.mmap(-1, max(4 * count * room, 1)), np.int32, count * room).reshape(count, room)


@compiled
def _crossings(close, pairs, lengths, places, bits, means, blocks, state, rows, counts, sides):
    n_bars, tile = close.shape[0], means.shape[1]
    above, unsure = np.zeros(blocks.shape[1], np.int64), np.zeros(blocks.shape[1], np.int64)
    for start in range(0, n_bars, tile):
        stop = min(start + tile, n_bars)
        done = 0
        while done + 4 <= lengths.shape[0] and stop - start == tile:
            if start < lengths[done + 3] - 1:
                break
            _four(close, lengths, done, start, stop, means)
            done += 4
        for k in range(done, lengths.shape[0]):
            _averages(close, lengths[k], start, stop, means[k])
        # Prices that fell far make the rounding of older, larger sums linger.
        low, high = _range(close, max(0, start - 2 * lengths[-1] - tile), stop)
        for p in range(pairs.shape[0]):
            slow = pairs[p, 1]
            # What both ways of summing may be off by: each step of a running sum rounds twice.
            off = (8.0 * slow + 4.0 * tile) * ULP * high / low
            if off >= SAME:
                counts[p] = -1
            first = max(start, slow - 1)
            if counts[p] < 0 or first >= stop:
                continue
            fast, calm = places[p, 0], places[p, 1]
            if first > start or stop < start + tile or state[p] == 0:
                _one_by_one(
                    means[fast], means[calm], off, first - start, stop - start, p, start, state, rows, counts, sides
                )
                continue
            _words(blocks[fast], blocks[calm], bits, high * (SAME + off), above, unsure)
            for w in range(above.shape[0]):
                begin = w * BLOCK
                if unsure[w] != 0:
                    _one_by_one(
                        means[fast], means[calm], off, begin, begin + BLOCK, p, start, state, rows, counts, sides
                    )
                    continue
                turns = above[w] ^ ((above[w] << 1) | (1 if state[p] > 0 else 0))
                while turns != 0:
                    j = trailing_zeros(turns)
                    _turn(p, start + begin + j, 1 if (above[w] >> j) & 1 else -1, rows, counts, sides)
                    turns &= turns - 1
                state[p] = 1 if above[w] < 0 else -1  # the highest bit is the last bar


@compiled(part=True)
def _words(a, b, bits, limit, above, unsure):
    """A bit for each bar in which one line is above the other; and is any so near that it has to be looked at?"""
    for w in range(a.shape[0]):
        up, near = np.int64(0), np.int64(0)
        for j in range(a.shape[1]):
            gap = a[w, j] - b[w, j]
            up += bits[j] * np.int64(gap > 0.0)
            near |= np.int64(abs(gap) <= limit)
        above[w], unsure[w] = up, near


@compiled(part=True)
def _one_by_one(fast, calm, off, first, stop, p, start, state, rows, counts, sides):
    """The turns of a pair where something is equal, in doubt, or not known yet."""
    for j in range(first, stop):
        gap, larger = fast[j] - calm[j], max(fast[j], calm[j])
        if counts[p] < 0 or abs(gap) <= larger * (SAME - off):
            continue
        side = 1 if gap > 0.0 else -1
        if abs(gap) <= larger * (SAME + off):
            counts[p] = -1
        elif state[p] == -side:
            _turn(p, start + j, side, rows, counts, sides)
        state[p] = side


@compiled(part=True)
def _turn(p, row, side, rows, counts, sides):
    """Write down a turn; without room for it, the pair is to be asked alone."""
    count = counts[p]
    if count < 0 or count >= rows.shape[1]:
        counts[p] = -1
        return
    if count == 0:
        sides[p] = side
    rows[p, count] = row
    counts[p] = count + 1


@compiled(part=True)
def _averages(close, length, start, stop, out):
    """Means of the last `length` closes at each bar of a tile, from a sum that is made afresh for it."""
    t = max(start, length - 1)
    if t >= stop:
        return
    part, total = 1.0 / length, _sum(close, t, length)
    out[t - start] = total * part
    for u in range(t + 1, stop):
        total += close[u] - close[u - length]
        out[u - start] = total * part


@compiled(part=True)
def _four(close, lengths, k, start, stop, means):
    """The same for four lengths at once, all of them warm: an addition need not wait for the one before."""
    one, two, three, four = lengths[k], lengths[k + 1], lengths[k + 2], lengths[k + 3]
    a, b, c, d = _sum(close, start, one), _sum(close, start, two), _sum(close, start, three), _sum(close, start, four)
    of_a, of_b, of_c, of_d = 1.0 / one, 1.0 / two, 1.0 / three, 1.0 / four
    first, second, third, fourth = means[k], means[k + 1], means[k + 2], means[k + 3]
    first[0], second[0], third[0], fourth[0] = a * of_a, b * of_b, c * of_c, d * of_d
    # Slices: a computed index may be negative, and would be tested.
    new, begin = close[start + 1 : stop], start + 1
    old_a, old_b = close[begin - one : stop - one], close[begin - two : stop - two]
    old_c, old_d = close[begin - three : stop - three], close[begin - four : stop - four]
    first, second, third, fourth = first[1:], second[1:], third[1:], fourth[1:]
    for i in range(new.shape[0]):
        now = new[i]
        a += now - old_a[i]
        b += now - old_b[i]
        c += now - old_c[i]
        d += now - old_d[i]
        first[i], second[i], third[i], fourth[i] = a * of_a, b * of_b, c * of_c, d * of_d


@compiled(part=True)
def _sum(close, t, length):
    """Sum of the last `length` closes at a bar."""
    total = one = two = three = 0.0
    for k in range(t + 1 - length, t - 2, 4):
        total += close[k]
        one += close[k + 1]
        two += close[k + 2]
        three += close[k + 3]
    for k in range(t + 1 - length % 4, t + 1):
        total += close[k]
    return total + (one + two + three)


@compiled(part=True)
def _range(close, start, stop):
    """Lowest and highest of some closes."""
    low = high = close[start]
    for t in range(start, stop):
        low, high = min(low, close[t]), max(high, close[t])
    return low, high


@compiled
def spoken(sides, exits, rows, said, closing):
    """The rows in which a column of sides or exits says anything; returns how many there are."""
    count = 0
    for t in range(sides.shape[0]):
        out = exits[t if exits.shape[0] > 1 else 0]
        if sides[t] != 0 or out:
            rows[count], said[count], closing[count] = t, sides[t], out
            count += 1
    return count
