"""Logs are lines of JSON, their files bounded and private, and nothing secret gets into any of them."""

from __future__ import annotations

import base64
import json
import logging
import pickle
import sys
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from workbench import log
from workbench.log import redacting

CANARY = "CANARYkey+/9f8e7d6c5b4a3210zyx"


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(redacting, "_hidden", {})
    monkeypatch.setattr(redacting, "_pattern", None)
    log.forget_warnings()
    level = logging.getLogger().level
    yield
    log.close()
    logging.getLogger().setLevel(level)


def lines(file: Path | None) -> list[dict[str, Any]]:
    assert file is not None
    return [json.loads(line) for line in file.read_text().splitlines()]


# --- lines -----------------------------------------------------------------------------------------------------------


def test_a_line_says_when_who_and_what(tmp_path):
    file = log.configure(tmp_path / "log")
    log.get("live").info("order sent", instrument="BTC/USDT", amount=0.5)
    logging.getLogger("ccxt.okx").info("%s bars", 5)
    ours, theirs = lines(file)
    assert (ours["source"], ours["event"], ours["instrument"], ours["amount"]) == (
        "workbench.live", "order sent", "BTC/USDT", 0.5,
    )  # fmt: skip
    assert ours["time"].endswith("Z")
    assert (theirs["source"], theirs["event"]) == ("ccxt.okx", "5 bars")


def test_an_exception_is_told_without_the_values_of_its_names(tmp_path):
    file = log.configure(tmp_path)
    try:
        hidden_name = CANARY  # noqa: F841
        raise ValueError("no such order")
    except ValueError:
        log.get("live").exception("it failed")
    (line,) = lines(file)
    assert "ValueError: no such order" in line["exception"]
    assert CANARY not in line["exception"].replace(f'"{CANARY}"', "")


def test_less_than_the_level_is_not_written(tmp_path):
    file = log.configure(tmp_path, level="WARNING")
    log.get("live").info("quiet")
    log.get("live").warning("loud")
    assert [line["event"] for line in lines(file)] == ["loud"]


@pytest.mark.parametrize("args", [("%d orders", "many"), ("%s %s", "one")])
def test_a_line_that_cannot_be_put_together_is_written_all_the_same(tmp_path, args, monkeypatch):
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # pytest's own one raises
    file = log.configure(tmp_path)
    logging.getLogger("other").info(*args)
    assert "its arguments do not fit" in lines(file)[0]["event"]


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no")


def test_what_cannot_be_printed_stops_nobody(tmp_path):
    file = log.configure(tmp_path)
    log.get("live").info("odd", thing=Unprintable())
    assert "cannot be printed: RuntimeError" in lines(file)[0]["thing"]


# --- files -----------------------------------------------------------------------------------------------------------


def test_files_are_rotated_by_size_and_only_so_many_are_kept(tmp_path):
    folder = tmp_path / "log"
    log.configure(folder, max_bytes=2_000, keep=3)
    for number in range(200):
        log.get("live").info("line", number=number)
    files = sorted(folder.iterdir())
    assert [file.name for file in files] == ["run.jsonl", "run.jsonl.1", "run.jsonl.2"]
    assert all(file.stat().st_size <= 2_000 for file in files)
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in files)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert lines(files[0])[-1]["number"] == 199


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full, a disk that is always full")
def test_a_full_disk_stops_nobody_and_is_warned_of(tmp_path):
    (tmp_path / "run.jsonl").symlink_to("/dev/full")
    log.configure(tmp_path)
    for _ in range(3):
        log.get("live").info("line")
    (warned,) = log.warnings()
    assert "log lines are lost" in warned.text
    assert "No space left" in warned.text
    assert warned.count == 3


# --- warnings --------------------------------------------------------------------------------------------------------


def test_warnings_reach_a_status_once_with_how_often_they_came(tmp_path):
    log.configure(level="ERROR")
    for _ in range(3):
        log.get("live").warning("the venue is slow", venue="okx")
    log.get("live").error("down")
    log.get("live").info("fine")
    told = log.warnings()
    assert [(warned.level, warned.text, warned.count) for warned in told] == [
        ("warning", "the venue is slow", 3), ("error", "down", 1),
    ]  # fmt: skip
    assert told[0].details == {"venue": "okx"}
    assert log.warnings(after_ms=told[1].last_ms) == []


def test_the_ring_of_warnings_is_bounded():
    log.configure()
    for number in range(1_000):
        log.get("live").warning(f"number {number}")
    told = log.warnings()
    assert len(told) == 200
    assert told[-1].text == "number 999"


# --- secrets ---------------------------------------------------------------------------------------------------------

FORMS = {
    "plain": CANARY,
    "url": urllib.parse.quote(CANARY, safe=""),
    "url of a form": urllib.parse.quote_plus(CANARY),
    "hex": CANARY.encode().hex(),
    "HEX": CANARY.encode().hex().upper(),
    "base64": base64.b64encode(CANARY.encode()).decode(),
    "base64 of a pair": base64.b64encode(f"user:{CANARY}".encode()).decode(),
    "base64 of a header": base64.b64encode(f"u:{CANARY}!".encode()).decode(),
    "backwards": CANARY[::-1],
    "in a sentence": f"key={CANARY}, please",
    "bytes": CANARY.encode(),
    "nested": {"a": [{"b": (CANARY, 1)}]},
    "a name": {CANARY: 1},
}


def leaks(text: str) -> list[str]:
    """Which forms of the canary a text holds."""
    base = [base64.b64encode(b"\0" * shift + CANARY.encode()).decode().rstrip("=")[4:-4] for shift in range(3)]
    forms = [CANARY, urllib.parse.quote(CANARY, safe=""), CANARY.encode().hex(), CANARY[::-1], *base]
    return [form for form in forms if form.lower() in text.lower()]


@pytest.mark.parametrize("form", FORMS)
def test_a_hidden_secret_gets_into_no_sink_in_any_form(tmp_path, capsys, form):
    assert leaks(str(FORMS[form]))
    log.hide(CANARY)
    file = log.configure(tmp_path, terminal=True)
    value = FORMS[form]
    log.get("live").warning("sent", what=value)
    log.get("live").warning(str(value))
    logging.getLogger("ccxt").warning("%s", value)
    logging.getLogger("ccxt").warning("request", extra={"request": value})
    try:
        raise ValueError(value)
    except ValueError:
        log.get("live").exception("failed")
    assert file is not None
    seen = file.read_text() + capsys.readouterr().err + repr(log.warnings()) + str(pickle.dumps(log.warnings()))
    assert seen.count("failed") >= 3
    assert not leaks(seen)


@pytest.mark.parametrize(
    "text",
    [
        f"X-MBX-APIKEY: {CANARY}",
        f"{{'X-MBX-APIKEY': '{CANARY}', 'Content-Type': 'json'}}",
        f'{{"apiKey": "{CANARY}", "a": 1}}',
        f"https://venue/order?symbol=BTCUSDT&signature={CANARY}&x=1",
        f"https://venue/order?timestamp=1&apiKey={urllib.parse.quote(CANARY)}",
        f"Authorization: Bearer {CANARY}",
        f"OK-ACCESS-SIGN={CANARY}",
        f"OK-ACCESS-PASSPHRASE: {CANARY}",
        f"secret={CANARY!r}",
        f"listenKey={CANARY}",
        f"postgresql://me:{CANARY.replace('/', '')}@host/name",
        f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----",
    ],
)
def test_what_looks_like_a_secret_is_taken_out_even_if_nobody_hid_it(text):
    said = log.redacted(text)
    assert CANARY not in said
    assert CANARY.replace("/", "") not in said
    assert log.redacted({"event": text})["event"] == said
    assert "[redacted]" in said


@pytest.mark.parametrize("name", ["apiKey", "secret", "X-MBX-APIKEY", "signature", "password", "token", "headers"])
def test_fields_with_the_names_of_secrets_are_taken_out(name):
    assert log.redacted({"x": {name: CANARY, "price": 5}}) == {"x": {name: "[redacted]", "price": 5}}


@pytest.mark.parametrize("text", ["BTC/USDT: 5 orders, 0.1 at 100.0", "key levels: 5, 6", "a sign of life", "1e-8"])
def test_what_is_no_secret_stays(text):
    assert log.redacted(text) == text


def test_a_client_at_debug_is_not_written_whoever_turned_it_on(tmp_path):
    file = log.configure(tmp_path, level="DEBUG")
    client = logging.getLogger("ccxt.base.exchange")
    for logger in (client, logging.getLogger("ccxt")):
        logger.setLevel(logging.DEBUG)
    client.debug("fetch Request: binance POST %s", {"X-MBX-APIKEY": CANARY})
    log.get("live").debug("ours")
    assert [line["event"] for line in lines(file)] == ["ours"]


def test_the_real_client_of_ccxt_leaves_no_key_in_a_log(tmp_path, capfd):
    """Its own request logging, turned on, with a signed request that goes nowhere."""
    import ccxt

    file = log.configure(tmp_path, level="DEBUG", terminal=True)
    logging.getLogger("ccxt.base.exchange").setLevel(logging.DEBUG)
    venue = ccxt.binance({"apiKey": CANARY, "secret": f"secret{CANARY}", "timeout": 500})
    venue.urls["api"] = dict.fromkeys(venue.urls["api"], "http://127.0.0.1:9")
    with pytest.raises(ccxt.NetworkError) as failed:
        venue.private_get_account()
    log.get("live").error("request failed", error=failed.value)
    log.get("live").warning("venue", venue=vars(venue))
    assert file is not None
    printed = capfd.readouterr()
    assert not leaks(file.read_text() + printed.out + printed.err + repr(log.warnings()))
    assert "signature=[redacted]" in file.read_text()


def test_logging_needs_no_setting_up():
    log.get("live").info("nobody listens")
    assert "workbench.log" in sys.modules
