"""The risk gate: an intent is approved, or refused with the limit, its value and its bound; nothing goes round it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from workbench.market import BUY
from workbench.trading.limits import Limits
from workbench.trading.messages import ZERO, Intent
from workbench.trading.standing import MINUTE_MS, Standing

Number = Decimal | float | int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an intent may not be sent; an answer, not an exception. `value` is what it came to, `bound` the limit."""

    limit: str
    value: str
    bound: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """Why the kill switch falls."""

    limit: str
    value: str
    bound: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Gate:
    """The limits of a run, asked for every intent. It keeps nothing: all that counts is in the standing.

    Examples
    --------
    >>> gate = Gate(Limits(max_order_notional=500))
    >>> gate.approve(intent, standing, now_ms=now) is None      # may be sent; tell `standing.sent` when it is
    """

    limits: Limits

    def approve(self, intent: Intent, standing: Standing, *, now_ms: int, controller: str = "") -> Refusal | None:
        """None if the intent may be sent, or the first limit that it breaks.

        Parameters
        ----------
        now_ms : int
            The time of the entry that asks; never the machine's, so that a refolding comes to the same.
        controller : str
            Whose intent it is, for the drawdown of one controller.
        """
        refusal = self._rate(standing, now_ms)
        if refusal is not None or standing.reduces(intent):
            return refusal
        return next(self._breaches(intent, standing, now_ms, controller), None)

    def opens(self, standing: Standing, *, controller: str = "") -> Refusal | None:
        """None if anything may be opened at all; or what stands in the way, whatever the intent."""
        return next(self._halts(standing, controller), None)

    def alarm(self, standing: Standing) -> Alarm | None:
        """None, or why the kill switch falls: loss, profit or fall from the peak. Asked after every equity."""
        if standing.equity is None or standing.start_equity <= 0.0:
            return None
        limits, equity = self.limits, standing.equity
        gain, fall = -_lost(equity.now, standing.start_equity), _lost(equity.now, equity.peak)
        if limits.kill_loss is not None and gain <= -limits.kill_loss:
            return _alarm("kill_loss", -gain, limits.kill_loss, "lost since the start")
        if limits.kill_profit is not None and gain >= limits.kill_profit:
            return _alarm("kill_profit", gain, limits.kill_profit, "won since the start")
        if limits.kill_trailing is not None and fall >= limits.kill_trailing:
            return _alarm("kill_trailing", fall, limits.kill_trailing, "lost from the peak")
        return None

    # --- the limits, each yielding a refusal if it is broken ---

    def _rate(self, standing: Standing, now_ms: int) -> Refusal | None:
        most = self.limits.max_orders_per_minute
        if most is None or len(standing.sent_ms) < most:
            return None
        sent = sum(1 for time_ms in standing.sent_ms if time_ms > now_ms - MINUTE_MS)
        if sent < most:
            return None
        return _refusal("max_orders_per_minute", sent + 1, most, f"{sent} orders went out within a minute already")

    def _breaches(self, intent: Intent, standing: Standing, now_ms: int, controller: str) -> Iterator[Refusal]:
        yield from self._halts(standing, controller)
        yield from self._stale(intent, standing, now_ms)
        yield from self._size(intent, standing)
        yield from self._band(intent, standing)
        yield from self._position(intent, standing)
        yield from self._kept(intent, standing)

    def _halts(self, standing: Standing, controller: str) -> Iterator[Refusal]:
        if standing.is_paused:
            yield Refusal("pause", "paused", "running", "The run is paused: it opens nothing. Resume it.")
        if standing.is_tripped:
            said = "too many refusals and oddities within a minute; look at the warnings, then resume"
            yield _refusal("max_oddities", len(standing.odd_ms), self.limits.max_oddities or 0, said)
        yield from self._losses(standing, controller)

    def _losses(self, standing: Standing, controller: str) -> Iterator[Refusal]:
        limits, equity = self.limits, standing.equity
        if equity is not None and limits.max_daily_loss is not None:
            yield from _beyond("max_daily_loss", standing.day_equity - equity.now, limits.max_daily_loss, "lost today")
        if equity is not None and equity.peak > 0.0 and limits.max_drawdown is not None:
            yield from _beyond(
                "max_drawdown", _lost(equity.now, equity.peak), limits.max_drawdown, "fall from the peak"
            )
        one, all_ = standing.controllers.get(controller), standing.total
        if one is not None and limits.max_controller_drawdown is not None:
            fall = one.peak - one.now
            yield from _beyond("max_controller_drawdown", fall, limits.max_controller_drawdown, f"fall of {controller}")
        if all_ is not None and limits.max_total_drawdown is not None:
            yield from _beyond(
                "max_total_drawdown", all_.peak - all_.now, limits.max_total_drawdown, "fall of all runs"
            )

    def _stale(self, intent: Intent, standing: Standing, now_ms: int) -> Iterator[Refusal]:
        known, most = standing.prices.get(intent.instrument), self.limits.max_data_age_ms
        if known is None and self._needs_price:
            said = f"no price of {intent.instrument} was heard yet; nothing is opened before the first one"
            yield _refusal("max_data_age_ms", "never", most or 0, said)
        elif known is not None and most is not None and now_ms - known[1] > most:
            said = f"the price of {intent.instrument} is {now_ms - known[1]} ms old"
            yield _refusal("max_data_age_ms", now_ms - known[1], most, said)

    @property
    def _needs_price(self) -> bool:
        limits = self.limits
        return any(
            bound is not None
            for bound in (limits.max_data_age_ms, limits.price_band, limits.max_order_notional, limits.max_exposure)
        )

    def _size(self, intent: Intent, standing: Standing) -> Iterator[Refusal]:
        most, name = self.limits.of("max_order_amount", intent.instrument), f"{_order(intent)}"
        if most is not None and intent.amount > most:
            yield _refusal("max_order_amount", intent.amount, most, f"{name} is for {intent.amount}")
        most, value = self.limits.max_order_notional, intent.amount * standing.dearest(intent)
        if most is not None and value > most:
            yield _refusal("max_order_notional", value, most, f"{name} is worth {value:f}")

    def _band(self, intent: Intent, standing: Standing) -> Iterator[Refusal]:
        last, most = standing.last(intent.instrument), self.limits.price_band
        if most is None or last is None:
            return
        for name, price in (("price", intent.price), ("trigger", intent.trigger)):
            if price is not None and abs(price - last) > Decimal(str(most)) * last:
                away = abs(price / last - 1)
                said = f"{_order(intent)} has its {name} {price} at {float(away):.4g} of the last price, {last}, away"
                yield _refusal("price_band", float(away), most, said)

    def _position(self, intent: Intent, standing: Standing) -> Iterator[Refusal]:
        leg = (intent.instrument, intent.position_side)
        low, high = standing.reach(leg)
        after = high + intent.amount if intent.side == BUY else low - intent.amount
        most = self.limits.of("max_position", intent.instrument)
        if most is not None and abs(after) > most:
            yield _refusal("max_position", abs(after), most, f"{_order(intent)} could bring the position to {after}")
        yield from self._exposure(intent, standing, max(abs(after), standing.largest(leg)) - standing.largest(leg))

    def _exposure(self, intent: Intent, standing: Standing, more: Decimal) -> Iterator[Refusal]:
        most = self.limits.max_exposure
        if most is None or more <= 0:
            return
        value = standing.exposure() + more * standing.dearest(intent)
        if value > most:
            yield _refusal("max_exposure", value, most, f"{_order(intent)} could bring all positions to {value:f}")

    def _kept(self, intent: Intent, standing: Standing) -> Iterator[Refusal]:
        asset, spent = standing.takes(intent)
        least, free = self.limits.keep.get(asset), standing.free.get(asset)
        if least is None or free is None:
            return
        left = free - standing.spent.get(asset, ZERO) - spent
        if left < least:
            yield _refusal("keep", left, least, f"{_order(intent)} would leave {left:f} {asset} free")


def _order(intent: Intent) -> str:
    return f"{'a buy' if intent.side == BUY else 'a sale'} of {intent.instrument}"


def _lost(now: float, before: float) -> float:
    """The fraction that was lost, without the dust of a division: a tenth is 0.1."""
    return round(1.0 - now / before, 12)


def _beyond(limit: str, value: float, bound: Number, what: str) -> Iterator[Refusal]:
    if value >= bound:
        yield _refusal(limit, value, bound, f"{what}: {value:.6g}; nothing more is opened")


def _refusal(limit: str, value: Number | str, bound: Number, said: str) -> Refusal:
    return Refusal(limit, _plain(value), _plain(bound), f"{said[0].upper()}{said[1:]}; `{limit}` is {_plain(bound)}.")


def _alarm(limit: str, value: float, bound: float, what: str) -> Alarm:
    said = f"{value:.4%} {what}: the kill switch falls at {bound:.4%} (`{limit}`)."
    return Alarm(limit, f"{value:.10g}", f"{bound:.10g}", said)


def _plain(value: Number | str) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else f"{value:.10g}" if isinstance(value, float) else str(value)
