"""A bot that does something of each kind, bar after bar: the runs of the tests trade with it."""

from __future__ import annotations

import workbench as wb


class Busy(wb.Controller):
    """Market and limit entries with barriers, quotes that move, a chaser, and a close now and then.

    `doing` is "all", or one thing, done at every close: see `DOINGS`. Once `calm`, it buys and holds.
    """

    amount: float = 0.01
    near: float = 0.0002
    calm: bool = wb.Field(False, hot=True)
    doing: str = "all"
    pair: tuple[str, ...] = ()

    def on_tick(self, context):
        """One thing a row, in turn; or the one."""
        DOINGS["calm" if self.calm else self.doing](self, context)


def everything(bot, context):
    """In turn."""
    last, turn = context.last, context.row % 6
    if turn == 0:
        context.enter(wb.BUY, amount=bot.amount, stop_loss=0.0015, take_profit=0.0015, time_limit_ms=4_000)
    elif turn == 1:
        context.enter(wb.BUY, price=last * (1 - bot.near), amount=bot.amount, stop_loss=0.002, take_profit=0.002,
                      time_limit_ms=5_000)  # fmt: skip
    elif turn in (2, 3, 4):
        context.quote_at(0, wb.BUY, last * (1 - bot.near), bot.amount, post_only=turn == 3)
        context.quote_at(1, wb.SELL, last * (1 + bot.near), bot.amount)
    else:
        context.quote_at(0, wb.BUY, float("nan"), 0.0)
        context.close()


def market(bot, context):
    """In and, a bar later, out."""
    context.enter(wb.BUY, amount=bot.amount, time_limit_ms=1_000)


def limit(bot, context):
    """Entries a little below; what is not filled in three bars is withdrawn, what is filled is sold."""
    context.enter(wb.BUY, price=context.last * (1 - bot.near / 4), amount=bot.amount, time_limit_ms=3_000)


def post_only(bot, context):
    """The same, never as a taker."""
    context.enter(wb.BUY, price=context.last * (1 - bot.near / 4), amount=bot.amount, post_only=True,
                  time_limit_ms=3_000)  # fmt: skip


def stop(bot, context):
    """Entries at market once a price a little above is reached."""
    context.enter(wb.BUY, trigger=context.last * (1 + bot.near / 4), amount=bot.amount, time_limit_ms=3_000)


def stop_limit(bot, context):
    """The same with a limit price."""
    last = context.last
    context.enter(wb.BUY, trigger=last * (1 + bot.near / 4), price=last * (1 + bot.near), amount=bot.amount,
                  time_limit_ms=3_000)  # fmt: skip


def cancel(bot, context):
    """Quotes that are far away, and every other bar withdrawn."""
    for level, side in ((0, wb.BUY), (1, wb.SELL)):
        price = context.last * (1 - 0.01 * side) if context.row % 2 else float("nan")
        context.quote_at(level, side, price, bot.amount if context.row % 2 else 0.0)


def amend(bot, context):
    """Quotes that move at each bar."""
    for level, side in ((0, wb.BUY), (1, wb.SELL)):
        context.quote_at(level, side, context.last * (1 - bot.near / 4 * side), bot.amount)


def holds(bot, context):
    """In once, and nothing more."""
    if not context.position:
        context.enter(wb.BUY, amount=bot.amount)


def calm(bot, context):
    """Its quotes withdrawn, in once, and nothing more."""
    for level, side in ((0, wb.BUY), (1, wb.SELL)):
        context.quote_at(level, side, float("nan"), 0.0)
    holds(bot, context)


def all_in(bot, context):
    """In with all the money and, a bar later, out."""
    context.enter(wb.BUY, time_limit_ms=1_000)


def two(bot, context):
    """Far quotes in two instruments, which stay."""
    if context.row % 4 == 0:
        for level, name in enumerate(bot.pair):
            price = float(context.candles_of(name).close[-1])
            context.quote_at(level, wb.BUY, price * 0.98, bot.amount, instrument=name)


DOINGS = {"all": everything, "market": market, "limit": limit, "post_only": post_only, "stop": stop,
          "stop_limit": stop_limit, "reduce_only": market, "cancel": cancel, "amend": amend, "holds": holds,
          "calm": calm, "all_in": all_in, "two": two}  # fmt: skip
