"""What the venue says no with: a code, a message and an HTTP status, each as its documents have them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Refusal(Exception):
    """The venue's no. It is an answer on the wire, not a failure of ours, so it stands outside `WorkbenchError`."""

    code: int
    message: str
    status: int = 400
    headers: dict[str, str] = field(default_factory=dict)
    data: Any = None

    @property
    def body(self) -> dict[str, Any]:
        """The answer's JSON."""
        return {"code": self.code, "msg": self.message} | ({} if self.data is None else {"data": self.data})


# --- requests --------------------------------------------------------------------------------------------------------


def missing(name: str) -> Refusal:
    """A mandatory parameter is not there, or cannot be read."""
    return Refusal(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def either(first: str, second: str) -> Refusal:
    """One of two parameters has to be sent."""
    return Refusal(-1102, f"Param '{first}' or '{second}' must be sent, but both were empty/null!")


def illegal(name: str, legal: str) -> Refusal:
    """A parameter holds characters that it may not hold."""
    return Refusal(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")


def unread(read: int, sent: int) -> Refusal:
    """More parameters came than the endpoint knows."""
    return Refusal(-1104, f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'.")


def not_required(name: str) -> Refusal:
    """A parameter came that this order type does not take."""
    return Refusal(-1106, f"Parameter '{name}' sent when not required.")


BAD_SYMBOL = (-1121, "Invalid symbol.")
BAD_INTERVAL = (-1120, "Invalid interval.")
BAD_SIDE = (-1117, "Invalid side.")
BAD_TYPE = (-1116, "Invalid orderType.")
BAD_TIME_IN_FORCE = (-1115, "Invalid timeInForce.")
BAD_PRECISION = "Precision is over the maximum defined for this asset."
TOO_BIG_A_WINDOW = (-1127, "More than 24 hours between startTime and endTime.")

# --- who asks, and when ----------------------------------------------------------------------------------------------

BAD_KEY_FORMAT = (-2014, "API-key format invalid.", 401)
BAD_KEY = (-2015, "Invalid API-key, IP, or permissions for action.", 401)
BAD_SIGNATURE = (-1022, "Signature for this request is not valid.")
TOO_LATE = (-1021, "Timestamp for this request is outside of the recvWindow.")
TOO_EARLY = (-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
BAD_WINDOW = (-1131, "recvWindow must be less than 60000.")
BAD_LISTEN_KEY = (-1125, "This listenKey does not exist.")

# --- orders ----------------------------------------------------------------------------------------------------------

NO_FUNDS = (-2010, "Account has insufficient balance for requested action.")
DUPLICATE = (-2010, "Duplicate order sent.")
CLOSED = (-2010, "Market is closed.")
CANCEL_ONLY = (-2010, "This symbol is in cancel-only mode.")
NOT_PERMITTED = (-2010, "This action is disabled on this account.")
WOULD_TAKE = (-2010, "Order would immediately match and take.")
WOULD_TRIGGER = (-2010, "Order would trigger immediately.")
EMPTY_BOOK = (-2010, "Order book liquidity is less than symbol minimum quantity.")
BAD_LIST_PRICES = (-2010, "The relationship of the prices for the orders is not correct.")
BAD_COMBINATION = (-1014, "Unsupported order combination")
UNKNOWN_ORDER = (-2011, "Unknown order sent.")
RESTRICTED = (-2011, "Order was not canceled due to cancel restrictions.")
BAD_RESTRICTION = (-1145, "Invalid cancelRestrictions")
NO_SUCH_ORDER = (-2013, "Order does not exist.")
BAD_AMENDMENT = (-2038, "The requested quantity must be less than the original quantity.")

# --- futures ---------------------------------------------------------------------------------------------------------

FUTURES_DUPLICATE = (-4116, "ClientOrderId is duplicated.")
FUTURES_NO_MARGIN = (-2019, "Margin is insufficient.")
REDUCE_ONLY = (-2022, "ReduceOnly Order is rejected.")
POST_ONLY = (-5022, "Due to the order could not be executed as maker, the Post Only order will be rejected.")
FILL_OR_KILL = (-5021, "Due to the order could not be filled immediately, the FOK order has been rejected.")
WOULD_TRIGGER_NOW = (-2021, "Order would immediately trigger.")
TOO_MUCH_LEVERAGE = (-2027, "Exceeded the maximum allowable position at current leverage.")
BAD_LEVERAGE = (-4028, "Leverage {leverage} is not valid")
SAME_MARGIN_TYPE = (-4046, "No need to change margin type.")
MARGIN_TYPE_BUSY = (-4047, "Margin type cannot be changed if there exists open orders.")
MARGIN_TYPE_HELD = (-4048, "Margin type cannot be changed if there exists position.")
ISOLATED_ONLY = (-4051, "Isolated balance insufficient.")
SAME_POSITION_MODE = (-4059, "No need to change position side.")
POSITION_SIDE = (-4061, "Order's position side does not match user's setting.")
NOT_ISOLATED = (-4046, "Margin is not isolated, so it cannot be adjusted.")
POSITION_MODE_BUSY = (-4067, "Position side cannot be changed if there exists open orders.")
POSITION_MODE_HELD = (-4068, "Position side cannot be changed if there exists position.")
ALGO_ELSEWHERE = (
    -4120,
    "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead.",
)
NO_NEED_TO_MODIFY = (-5027, "No need to modify the order.")
PRICE_ABOVE = "Limit price can't be higher than {limit}."
PRICE_BELOW = "Limit price can't be lower than {limit}."


def refuse(known: tuple[int, str] | tuple[int, str, int]) -> Refusal:
    """One of the refusals above, fresh: an exception collects tracebacks, so it is not shared."""
    return Refusal(*known)


def filter_failure(name: str) -> Refusal:
    """An order breaks one of the symbol's rules."""
    return Refusal(-1013, f"Filter failure: {name}")
