"""A state machine: whatever is said in whatever order, money is booked once and comes out at the venue's trades."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from workbench.market import OrderKind
from workbench.trading import Booked, Fill, Intent, Life, News, Report, Tracker

BTC = "BTC/USDT"
ENDS = (Life.FILLED, Life.CANCELLED, Life.EXPIRED)


class OrdersAtAVenue(RuleBasedStateMachine):
    """The venue's truth on one side, the tracker on the other, and a bag of messages that get through or do not."""

    orders = Bundle("orders")
    messages = Bundle("messages")

    @initialize()
    def start(self) -> None:
        self.tracker = Tracker()
        self.now = 0
        self.count = 0
        self.life: dict[str, Life] = {}
        self.trades: dict[str, list[Fill]] = {}
        self.heard: dict[str, set[str]] = {}
        self.seen: dict[str, Life] = {}
        self.filled: dict[str, Decimal] = {}

    # --- the venue -------------------------------------------------------------------------------------------------

    @rule(target=orders, side=st.sampled_from([1, -1]), arrives=st.booleans())
    def place(self, side: int, arrives: bool) -> str:
        self.count += 1
        client_id = f"wb{self.count}"
        self.tracker.intend(
            Intent(client_id, BTC, side, OrderKind.LIMIT, Decimal(3), Decimal(100), created_ms=self.now)
        )
        self.tracker.sent(client_id, self.now)
        self.life[client_id] = Life.OPEN if arrives else Life.LOST
        self.trades[client_id], self.heard[client_id] = [], set()
        self.seen[client_id], self.filled[client_id] = Life.SENT, Decimal(0)
        return client_id

    @rule(target=messages, order=orders)
    def trade(self, order: str) -> Fill | Report:
        if self.life[order] == Life.OPEN:
            number = len(self.trades[order])
            fill = Fill(BTC, f"{order}.{number}", f"v{order}", 1, Decimal(100 + number), Decimal(1), self.now)
            self.trades[order].append(fill)
            if len(self.trades[order]) == 3:
                self.life[order] = Life.FILLED
            return fill
        return self.word(order)

    @rule(target=messages, order=orders, end=st.sampled_from(ENDS[1:]))
    def end(self, order: str, end: Life) -> Report:
        if self.life[order] == Life.OPEN:
            self.life[order] = end
        return self.word(order)

    @rule(target=messages, order=orders)
    def word(self, order: str) -> Report:
        life = self.life[order]
        named = order if life == Life.LOST else ""
        return Report(BTC, named, f"v{order}", life, Decimal(len(self.trades[order])), self.now)

    # --- what gets through -----------------------------------------------------------------------------------------

    @rule(message=messages)
    def arrive(self, message: Fill | Report) -> None:
        if isinstance(message, Report) and message.life == Life.LOST:
            return  # the venue never says that
        self.hear(self.tracker.fill(message) if isinstance(message, Fill) else self.tracker.report(message))

    @rule(message=consumes(messages))
    def lose(self, message: Fill | Report) -> None:
        pass

    @rule(order=orders)
    def answer(self, order: str) -> None:
        if self.life[order] == Life.LOST:
            self.hear(self.tracker.unanswered(order))
        else:
            self.hear(self.tracker.report(Report(BTC, order, f"v{order}", Life.OPEN, Decimal(0), 0)))

    @rule(order=orders)
    def time_out(self, order: str) -> None:
        self.hear(self.tracker.unanswered(order))

    @rule(ms=st.integers(1, 20_000))
    def wait(self, ms: int) -> None:
        self.now += ms

    @rule()
    def ask(self) -> None:
        for order, _ in self.tracker.questions(self.now):
            self.look_up(order)

    @rule()
    def reconnect(self) -> None:
        """After everything was asked for, the tracker is where the venue is."""
        for order, life in self.life.items():
            if life != Life.LOST:
                self.look_up(order)
                assert self.tracker.orders[order].life == life
                assert self.tracker.orders[order].filled == len(self.trades[order])

    def look_up(self, order: str) -> None:
        if self.life[order] == Life.LOST:
            self.hear(self.tracker.not_found(order, self.now))
            return
        truth = Report(BTC, order, f"v{order}", self.life[order], Decimal(len(self.trades[order])), self.now)
        self.hear(self.tracker.report(truth, asked_ms=self.now))
        for fill in self.trades[order]:
            self.hear(self.tracker.fill(fill))

    def hear(self, news: News) -> None:
        for one in news:
            if isinstance(one, Booked):
                assert one.fill.trade_id not in self.heard[one.client_id], "told twice"
                self.heard[one.client_id].add(one.fill.trade_id)

    # --- what always holds -----------------------------------------------------------------------------------------

    @invariant()
    def booked_is_what_was_told(self) -> None:
        for client_id, order in getattr(self, "tracker", Tracker()).orders.items():
            true = {fill.trade_id for fill in self.trades[client_id]}
            assert set(order.fills) == self.heard[client_id] <= true
            assert order.filled == len(order.fills)

    @invariant()
    def lives_and_amounts_go_forward(self) -> None:
        for client_id, order in getattr(self, "tracker", Tracker()).orders.items():
            assert order.life >= self.seen[client_id]
            assert order.reported <= len(self.trades[client_id])
            assert order.filled >= self.filled[client_id]
            if order.life in ENDS:
                assert order.life == self.life[client_id]
            self.seen[client_id], self.filled[client_id] = order.life, order.filled

    @invariant()
    def nothing_that_lives_is_given_up(self) -> None:
        for client_id, order in getattr(self, "tracker", Tracker()).orders.items():
            assert order.life != Life.LOST or self.life[client_id] == Life.LOST


TestOrdersAtAVenue = OrdersAtAVenue.TestCase
TestOrdersAtAVenue.settings = settings(max_examples=150, stateful_step_count=40)
