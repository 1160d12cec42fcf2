"""What the spot and the futures side share: time, accounts, ledger, numbers, and the reports of the step under way."""

from __future__ import annotations

import random
import string
from decimal import Decimal

from workbench.connectors.simulated.accounts import Account
from workbench.connectors.simulated.events import BalanceReport, DepositReport, FuturesReport, Report
from workbench.connectors.simulated.keys import PublicKey
from workbench.connectors.simulated.ledger import FUTURES, OUTSIDE, SPOT, Ledger, Posting
from workbench.connectors.simulated.refusals import BAD_KEY, refuse

LETTERS = string.ascii_letters + string.digits


class State:
    """What the spot and the futures side share."""

    def __init__(self, seed: int, start_ms: int) -> None:
        self.time_ms = start_ms
        self.random = random.Random(seed)
        self.ledger = Ledger()
        self.accounts: dict[str, Account] = {}
        self.names: dict[str, str] = {}  # API key → account
        self.public_keys: dict[str, PublicKey] = {}  # of the API keys that do not sign with a shared secret
        self.reports: list[Report] = []
        self._order_id = 0
        self._report_number = 0
        self._moved: dict[str, dict[str, None]] = {}
        self._futures_moved: dict[tuple[str, str], tuple[dict[str, Decimal], dict[tuple[str, str], None]]] = {}

    def account(self, name: str) -> Account:
        """The account of that name; a request that names none is refused as the venue refuses an unknown key."""
        found = self.accounts.get(name)
        if found is None:
            raise refuse(BAD_KEY)
        return found

    def next_order_id(self) -> int:
        """A number that no order has had."""
        self._order_id += 1
        return self._order_id

    def next_report(self) -> int:
        """The number of an order report."""
        self._report_number += 1
        return self._report_number

    def client_id(self) -> str:
        """An id for an order whose owner gave none: 22 letters and digits."""
        return "".join(self.random.choices(LETTERS, k=22))

    def moved(self, account: Account, *assets: str) -> None:
        """Remember that spot money has moved, to report it once when the step is over."""
        self._moved.setdefault(account.name, {}).update(dict.fromkeys(assets))
        account.updated_ms = self.time_ms

    def futures_moved(self, account: Account, reason: str, asset: str = "", change: Decimal = Decimal(0),
                      position: tuple[str, str] | None = None) -> None:  # fmt: skip
        """Remember that a futures wallet or a position has changed."""
        changes, positions = self._futures_moved.setdefault((account.name, reason), ({}, {}))
        if asset:
            changes[asset] = changes.get(asset, Decimal(0)) + change
        if position is not None:
            positions[position] = None
        account.futures.updated_ms = self.time_ms

    def deposit(self, account: Account, asset: str, amount: Decimal, wallet: str) -> None:
        """Book money that comes from outside (below 0: goes there)."""
        self.ledger.book(self.time_ms, "deposit", Posting(account.name, wallet, asset, amount),
                         Posting(OUTSIDE, wallet, asset, -amount))  # fmt: skip
        if wallet == SPOT:
            account.add(asset, amount)
            self.moved(account, asset)
            self.reports.append(DepositReport(account.name, asset, amount, self.time_ms))
        else:
            self.add_futures(account, asset, amount)
            self.ledger.add_income(account.name, "", "TRANSFER", asset, amount, self.time_ms)
            self.futures_moved(account, "DEPOSIT" if amount >= 0 else "WITHDRAW", asset, amount)

    def transfer(self, account: Account, asset: str, amount: Decimal) -> None:
        """Book money that goes from the spot to the futures wallet (below 0: back)."""
        self.ledger.book(self.time_ms, "transfer", Posting(account.name, SPOT, asset, -amount),
                         Posting(account.name, FUTURES, asset, amount))  # fmt: skip
        account.add(asset, -amount)
        self.moved(account, asset)
        self.add_futures(account, asset, amount)
        self.ledger.add_income(account.name, "", "TRANSFER", asset, amount, self.time_ms)
        self.futures_moved(account, "DEPOSIT" if amount >= 0 else "WITHDRAW", asset, amount)

    def add_futures(self, account: Account, asset: str, amount: Decimal) -> None:
        """More, or less, money in the futures wallet."""
        account.futures.wallet[asset] = account.futures.wallet.get(asset, Decimal(0)) + amount

    def report_moves(self) -> None:
        """Report what money has moved since the last call."""
        for name, assets in self._moved.items():
            account = self.accounts[name]
            now = {
                asset: (account.free.get(asset, Decimal(0)), account.locked.get(asset, Decimal(0))) for asset in assets
            }
            self.reports.append(BalanceReport(name, now, self.time_ms))
        for (name, reason), (changes, positions) in self._futures_moved.items():
            self.reports.append(FuturesReport(name, reason, changes, tuple(positions), self.time_ms))
        self._moved, self._futures_moved = {}, {}
