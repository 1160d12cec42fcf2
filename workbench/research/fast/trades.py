"""From signals to fills without the bars between: the position executor of `trading`, for one position at a time.

It is docs/execution.md again, cut down to what a sweep mostly asks: one market, orders at market, no latency, one
position at once; a stop, a target, a time limit and a trailing stop, by price or net of fees. Between two signals
nothing happens but the first touch of a barrier, so only those bars are looked at. Every sum is made in the order in
which the engine makes it: the numbers are the same to the last bit, and a test holds the two together.
"""

from __future__ import annotations

import numpy as np

from workbench.compiled import compiled
from workbench.market import BUY, Sizing
from workbench.research.fast.leaving import NEVER, barriers, exit_of, followed, met, trailing, waits
from workbench.trading import to_lot

DUST, ROOM, SPARE = 1e-12, 1e-9, 1e-12  # as in `trading`

# The terms of one combination.
TERMS = np.dtype(
    [
        ("cash", "f8"),
        ("leverage", "f8"),
        ("taker", "f8"),
        ("slippage", "f8"),
        ("lot", "f8"),
        ("min_amount", "f8"),
        ("min_notional", "f8"),
        ("size", "f8"),
        ("stop_loss", "f8"),
        ("take_profit", "f8"),
        ("trailing_activation", "f8"),
        ("trailing_delta", "f8"),
        ("margin", "i8"),
        ("sizing", "i8"),
        ("path", "i8"),
        ("time_limit_ms", "i8"),
        ("cooldown_ms", "i8"),
        ("close_on_opposite", "i8"),
        ("net_of_fees", "i8"),
        ("allowed", "i8"),  # of signals that take turns: the side that opens positions, 0 for both
    ],
    align=True,
)

# How the account stands from the close of a bar on.
STAND = np.dtype([("row", "i8"), ("quote", "f8"), ("position", "f8")], align=True)

# Rows of the plane of closed round trips: net profit, the same as a fraction of the value entered, days held.
PNL, GAIN, HELD = 0, 1, 2
DAY_MS = 86_400_000

# What trading leaves behind beside the stands and the trips.
ACCOUNT = np.dtype([("fees", "f8"), ("volume", "f8"), ("exposed", "i8"), ("stands", "i8"), ("trips", "i8")], align=True)


@compiled
def trade(time, opens, touch, closes, timeframe_ms, rows, sides, exits, count, terms, account, stands, trips):
    """Trade the signals of one combination.

    Parameters
    ----------
    rows : int32 array
        The first `count` are the rows with a signal or an exit, ascending; `sides` and `exits` say which.
    stands : array of STAND, at least 2 · count + 2 rows
        Filled with how the account stood, from its start on.
    trips : float64 array of shape (3, at least count)

    `account` keeps how many of both were written, and the sums. All state is in local variables: in a record, each
    step would wait for the memory of the one before.
    """
    n_bars, first_ms = closes.shape[0], np.iinfo(np.int64).min // 2
    quote, position, fees, volume = terms.cash, 0.0, 0.0, 0.0
    taker, slippage = terms.taker, terms.slippage
    side, held, value, paid, entered_ms = 0, 0.0, 0.0, 0.0, 0
    stop, target, deadline, guarded = np.nan, np.nan, NEVER, False
    arming, distance, armed, peak, trail = np.nan, np.nan, False, np.nan, np.nan
    asked, amount, asked_deadline, leaving = 0, np.nan, NEVER, False
    long_ms, short_ms = first_ms, first_ms
    n_stands, n_trips, exposed = 1, 0, 0
    stands[0].row, stands[0].quote, stands[0].position = 0, quote, position
    t, k, closing = 0, 0, terms.close_on_opposite != 0
    heeded = closing or np.any(exits[:count])
    while t < n_bars:
        if asked != 0 or leaving:
            event = t
        elif guarded:
            # Signals that do nothing to a position are passed over while it is held.
            next_k = k if heeded else count
            while next_k < count and not (exits[next_k] or (closing and sides[next_k] == -side)):
                next_k += 1
            end = min(rows[next_k] + 1, n_bars) if next_k < count else n_bars
            against, ahead = waits(side, stop, target, arming, armed, peak, trail)
            event = met(time, touch, timeframe_ms, side, against, ahead, deadline, t, end)
            while k < next_k and rows[k] < event:
                k += 1
        else:
            event = n_bars
        signal = rows[k] if k < count else n_bars
        busy = event <= signal and event < n_bars
        event = min(event, signal)
        if position != 0.0:
            exposed += event - t
        if event >= n_bars:
            break
        if busy:
            o, open_ms = opens[event], time[event]
            was_quote, was_position = quote, position
            price, when = o if leaving else np.nan, open_ms
            for again in range(2):
                if price == price:
                    fill = price * (1.0 - side * slippage)
                    worth = held * fill
                    fee = worth * taker
                    quote -= -side * worth
                    quote -= fee
                    position = moved(position, -side * held)
                    fees += fee
                    volume += worth
                    pnl = side * (worth - value) - (paid + fee)
                    trips[PNL, n_trips], trips[GAIN, n_trips] = pnl, pnl / value
                    trips[HELD, n_trips] = float(when - entered_ms) / DAY_MS
                    n_trips += 1
                    side, leaving, guarded = 0, False, False
                if again == 1:
                    break
                if asked != 0:
                    fill = o * (1.0 + asked * slippage)
                    equity = quote + position * o if position != 0.0 else quote
                    if amount != amount:
                        wish = terms.size if terms.sizing == Sizing.QUOTE else terms.size * equity
                        amount = sized(terms, asked, wish, fill, quote)
                    if approved(terms, asked, amount, fill, quote, position, equity):
                        side, held, value = asked, amount, amount * fill
                        paid = value * taker
                        quote -= side * value
                        quote -= paid
                        position = moved(position, side * held)
                        fees += paid
                        volume += value
                        entered_ms, deadline = open_ms, asked_deadline
                        stop, target = barriers(terms, side, held, fill, value, paid)
                        arming, distance = trailing(terms, side, held, fill, value, paid)
                        armed = False
                        guarded = stop == stop or target == target or deadline != NEVER or arming == arming
                    asked = 0
                price, when = np.nan, open_ms
                if guarded and arming == arming:
                    price, when, armed, peak, trail = followed(
                        terms, side, stop, target, deadline, arming, distance, armed, peak, trail, open_ms,
                        timeframe_ms, o, touch.high[event], touch.low[event], closes[event],
                    )  # fmt: skip
                elif guarded:
                    price, when = exit_of(terms, side, stop, target, deadline, open_ms, timeframe_ms, o,
                                          touch.high[event], touch.low[event], closes[event])  # fmt: skip
            if quote != was_quote or position != was_position:
                if stands[n_stands - 1].row == event:
                    n_stands -= 1
                stands[n_stands].row, stands[n_stands].quote, stands[n_stands].position = event, quote, position
                n_stands += 1
        if position != 0.0:
            exposed += 1
        if event == signal:
            wanted, now, last = sides[k], time[event] + timeframe_ms, closes[event]
            if side != 0 and (exits[k] or (closing and side == -wanted)):
                leaving = True
            created = long_ms if wanted == BUY else short_ms
            if wanted != 0 and (side != wanted or leaving) and now - created >= terms.cooldown_ms:
                equity = quote + position * last if position != 0.0 else quote
                accepted, amount = asks(terms, wanted, last, quote, position, equity)
                if accepted:
                    asked = wanted
                    long_ms, short_ms = now if wanted == BUY else long_ms, short_ms if wanted == BUY else now
                    asked_deadline = now + terms.time_limit_ms if 0 < terms.time_limit_ms < NEVER - now else NEVER
            k += 1
        t = event + 1
    account.fees, account.volume, account.exposed = fees, volume, exposed
    account.stands, account.trips = n_stands, n_trips


@compiled
def turn(time, opens, closes, timeframe_ms, rows, first, count, terms, account, stands, trips):
    """Trade signals that take turns, the first one `first`, each of which closes what the one before opened.

    The same as `trade`, for what has no barriers: an entry or an exit lies in the bar after each signal, and nothing
    between two of them.
    """
    n_bars, first_ms = closes.shape[0], np.iinfo(np.int64).min // 2
    quote, position, fees, volume = terms.cash, 0.0, 0.0, 0.0
    taker, slippage, patience = terms.taker, terms.slippage, terms.cooldown_ms
    side, held, value, paid, entered_ms = 0, 0.0, 0.0, 0.0, 0
    long_ms, short_ms = first_ms, first_ms
    n_stands, n_trips, exposed, since = 1, 0, 0, 0
    stands[0].row, stands[0].quote, stands[0].position = 0, quote, position
    wanted = -first
    for k in range(count):
        row, wanted = rows[k], -wanted
        now, last, bar = time[row] + timeframe_ms, closes[row], row + 1
        asked, amount = False, np.nan
        may_open = terms.allowed == 0 or terms.allowed == wanted
        if may_open and now - (long_ms if wanted == BUY else short_ms) >= patience and side != wanted:
            equity = quote + position * last if position != 0.0 else quote
            asked, amount = asks(terms, wanted, last, quote, position, equity)
            if asked:
                long_ms, short_ms = now if wanted == BUY else long_ms, short_ms if wanted == BUY else now
        if bar >= n_bars:
            break
        was_position, o, open_ms = position, opens[bar], time[bar]
        if side == -wanted:
            fill = o * (1.0 - side * slippage)
            worth = held * fill
            fee = worth * taker
            quote -= -side * worth
            quote -= fee
            position = moved(position, -side * held)
            fees += fee
            volume += worth
            pnl = side * (worth - value) - (paid + fee)
            trips[PNL, n_trips], trips[GAIN, n_trips] = pnl, pnl / value
            trips[HELD, n_trips] = float(open_ms - entered_ms) / DAY_MS
            n_trips += 1
            side = 0
        if asked:
            fill = o * (1.0 + wanted * slippage)
            equity = quote + position * o if position != 0.0 else quote
            if amount != amount:
                wish = terms.size if terms.sizing == Sizing.QUOTE else terms.size * equity
                amount = sized(terms, wanted, wish, fill, quote)
            if approved(terms, wanted, amount, fill, quote, position, equity):
                side, held, value = wanted, amount, amount * fill
                paid = value * taker
                quote -= side * value
                quote -= paid
                position = moved(position, side * held)
                fees += paid
                volume += value
                entered_ms = open_ms
        if was_position != 0.0:
            exposed += bar - since
        since = bar
        if stands[n_stands - 1].row == bar:
            n_stands -= 1
        stands[n_stands].row, stands[n_stands].quote, stands[n_stands].position = bar, quote, position
        n_stands += 1
    if position != 0.0:
        exposed += n_bars - since
    account.fees, account.volume, account.exposed = fees, volume, exposed
    account.stands, account.trips = n_stands, n_trips


@compiled(part=True)
def asks(terms, side, last, quote, position, equity):
    """Is an entry accepted at a close, to be answered by the next open? With its amount, if that is known."""
    if terms.sizing == Sizing.BASE:
        amount = to_lot(terms.size, terms.lot)
        return approved(terms, side, amount, last, quote, position, equity), amount
    # A spot account has no base but what its position holds.
    return 0.0 < terms.size < np.inf and (side == BUY or terms.margin != 0), np.nan


@compiled(part=True)
def sized(terms, d, wish, paid, quote):
    """Base units for an amount of quote currency."""
    if d == BUY:
        if not terms.margin:
            wish = min(wish, quote)
        return to_lot(wish / (paid * (1.0 + terms.taker)), terms.lot)
    return to_lot(wish / paid, terms.lot)


@compiled(part=True)
def approved(terms, d, amount, price, quote, position, equity):
    """Can the account carry it, and is it large enough?"""
    if not amount > 0.0 or amount < terms.min_amount or amount * price < terms.min_notional:
        return False
    if terms.margin:
        wanted = abs(position + d * amount)
        return wanted <= abs(position) or wanted * price <= terms.leverage * equity * (1.0 + ROOM)
    return d == BUY and amount * price * (1.0 + terms.taker) <= quote * (1.0 + SPARE)


@compiled(part=True)
def moved(before, change):
    """A position after a change; dust is nothing."""
    after = before + change
    return 0.0 if abs(after) <= DUST * max(abs(before), abs(change)) else after
