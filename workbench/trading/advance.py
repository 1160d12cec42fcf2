"""One tick: targets → executors → intents → risk → orders. Only here is that sequence set."""

from __future__ import annotations

from workbench.compiled import compiled
from workbench.market import Action, ExecutorKind, OrderKind, Sizing
from workbench.trading.calls import STEP, call_kernel
from workbench.trading.executors import create, enter, halt, step
from workbench.trading.ledger import total_equity
from workbench.trading.matching.seams import has_heard, is_deaf
from workbench.trading.orders import cancel, has_room, knows_reduce, lingers, open_order
from workbench.trading.owners import created_ms, is_own, is_stopped, policy_of
from workbench.trading.quotes import quote
from workbench.trading.rare import step_rare, take_rare
from workbench.trading.risk import refuse
from workbench.trading.world import NO_SIDE, NO_SLOT, Phase, Purpose, Reason


@compiled
def advance(world, m, price):
    """Let every executor of a market see a tick, and ask for what it wants."""
    first_row = world.row + world.latency
    for slot in range(world.executors_top):
        executor = world.executors[slot]
        if executor.phase != Phase.FREE and executor.market == m and not is_deaf(world, slot):
            if executor.extended:
                step_rare(world, slot, price, first_row)
            else:
                step(world, slot, price, first_row)


@compiled
def trade_pairs(world, closes):
    """Step the executors of two markets, at the close of a row; NaN is a bar that is missing."""
    for m in range(world.n_markets):
        if closes[m] == closes[m]:
            world.markets[m].traded_row = world.row
    for slot in range(world.executors_top):
        executor = world.executors[slot]
        if executor.phase != Phase.FREE and executor.kind >= ExecutorKind.ARBITRAGE and has_heard(world, slot):
            call_kernel(world, executor.kind, STEP, slot, 0, world.row + 1 + world.latency, 0.0, 0.0, 0.0, 0.0)


@compiled
def decide(world, targets):
    """Take a controller's targets, in order, at the close of a row; their orders are active from the next open on."""
    account = total_equity(world)
    for level in range(targets.shape[0]):
        if targets[level].action != Action.NONE:
            take(world, targets[level], level, account)


@compiled
def take(world, target, level, account):
    """Turn one target record into executors and orders, with equity of `account`; docs/execution.md part 5."""
    if not is_sound(world, target, level):
        world.code = Reason.BAD_TARGET
        return
    if is_stopped(world, target, level):
        refuse(world, target.market, level, -1, Reason.STOPPED)
        return
    if target.reduce != 0 and not may_reduce(world, target):
        refuse(world, target.market, level, -1, Reason.NOT_REDUCING)
        return
    first_row = world.row + 1 + world.latency
    if target.action == Action.ENTER:
        if target.side != 0:
            _enter(world, target, level, first_row)
    elif target.action == Action.CLOSE:
        stop_early(world, target.market, target.side, target.keep, first_row)
    elif target.action != Action.NONE:
        take_rare(world, target, level, first_row, account)


@compiled(part=True)
def take_other(world, target, level, first_row, account):
    """Take a target that quotes, holds, creates or stops."""
    if target.action == Action.QUOTE:
        quote(world, target, level, first_row, account)
    elif target.action == Action.HOLD:
        _hold(world, target, level, first_row)
    elif target.action == Action.CREATE:
        if not is_known(world, target):
            world.code = Reason.BAD_TARGET
        elif target.side != 0:
            create(world, target, level, first_row)
    elif target.action == Action.STOP:
        _stop_level(world, level, target.keep, first_row)


@compiled(part=True)
def is_sound(world, target, level):
    """Can a record be acted on? A `decide` may have written anything into it."""
    known = 0 <= target.market < world.n_markets and 0 <= level < world.quotes.shape[0]
    coded = 0 <= target.action <= Action.STOP and 0 <= target.kind <= OrderKind.STOP_LIMIT
    # None of these may be negative; NaN is none.
    barred = target.stop_loss <= 0.0 or target.take_profit <= 0.0 or target.trailing_delta <= 0.0
    return not barred and known and coded and -1 <= target.side <= 1 and 0 <= target.sizing <= Sizing.FRACTION


@compiled(part=True)
def may_reduce(world, target):
    """Can what a record asks for be reduce-only? What stops or closes something only reduces anyway."""
    if target.action == Action.CLOSE or target.action == Action.STOP:
        return True
    created = target.action == Action.CREATE and target.executor == ExecutorKind.ORDER
    return knows_reduce(world) and (target.action == Action.QUOTE or created)


@compiled(part=True)
def is_known(world, target):
    """Does the executor that a record asks for exist in this run, with its config and its second market?"""
    kind, config = target.executor, target.config
    if not (0 <= kind < ExecutorKind.LP and -1 <= config < world.n_configs):
        return False
    if kind != ExecutorKind.POSITION and world.kernels[kind] == 0:
        return False
    if kind >= ExecutorKind.DCA and config < 0:
        return False
    return kind < ExecutorKind.ARBITRAGE or 0 <= world.configs[config].market2 < world.n_markets


@compiled(part=True)
def _enter(world, target, level, first_row):
    policy = policy_of(world)
    if policy.close_on_opposite:
        stop_early(world, target.market, -target.side, 0, first_row)
    if _at_work(world, target.market, target.side) >= policy.max_per_side:
        _pass_over(world, target, level, Reason.AT_WORK)
        return
    if world.time_ms - created_ms(world, target.market, target.side) < policy.cooldown_ms:
        _pass_over(world, target, level, Reason.COOLING)
        return
    enter(world, target, level, first_row)


@compiled(part=True)
def _pass_over(world, target, level, reason):
    """A policy's no, which is written down only for those who ask why."""
    if world.traces:
        refuse(world, target.market, level, -1, reason)


@compiled(part=True)
def _at_work(world, m, side):
    count = 0
    for slot in range(world.executors_top):
        executor = world.executors[slot]
        at_work = executor.phase == Phase.ENTERING or executor.phase == Phase.HOLDING
        if at_work and executor.market == m and executor.side == side and is_own(world, executor):
            count += 1
    return count


@compiled(part=True)
def stop_early(world, m, side, keep, first_row):
    """Stop a controller's executors of a market that are not exiting yet; `side` 0 means both sides."""
    for slot in range(world.executors_top):
        executor = world.executors[slot]
        at_work = executor.phase == Phase.ENTERING or executor.phase == Phase.HOLDING
        if at_work and executor.market == m and (side == 0 or executor.side == side) and is_own(world, executor):
            halt(world, slot, keep, first_row)


@compiled(part=True)
def _stop_level(world, level, keep, first_row):
    for slot in range(world.executors_top):
        executor = world.executors[slot]
        at_work = executor.phase == Phase.ENTERING or executor.phase == Phase.HOLDING
        if at_work and executor.level == level:
            halt(world, slot, keep, first_row)


@compiled(part=True)
def _hold(world, target, level, first_row):
    wish = target.size
    if wish != wish or wish == world.wishes[level]:
        return
    earlier = world.quotes[level]
    cancel(world, earlier)
    if not has_room(world, level):  # the last one is leaving still
        return
    asked = open_order(
        world,
        target.market,
        NO_SLOT,
        level,
        Purpose.HOLD.value,
        NO_SIDE,
        OrderKind.MARKET.value,
        0.0,
        0.0,
        wish,
        Sizing.FRACTION.value,
        first_row,
    )
    if asked != NO_SLOT or not lingers(world, earlier):
        world.quotes[level] = asked
    if asked != NO_SLOT:
        world.wishes[level] = wish
