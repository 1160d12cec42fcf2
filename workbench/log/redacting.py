"""What must not stand in a log is taken out: fields by their names, texts by their form, and what was hidden by name.

A secret is hidden in every form that a client may send or print it in: plain, URL-encoded, base64, hexadecimal.
"""

from __future__ import annotations

import base64
import json
import re
import threading
import urllib.parse
from collections.abc import Mapping
from typing import Any

GONE = "[redacted]"
SHORTEST = 6
DEEPEST = 8

NAMES = re.compile(
    r"(?i)(api[-_]?key|secret|passw(or)?d|passphrase|private[-_]?key|mnemonic|signature|^sign$|token|authorization|cookie"
    r"|credential|listen[-_]?key|mbx-apikey|access[-_](key|sign)|^headers$|wallet[-_]?address)"
)
# name=value and "name": value, in requests, headers, bodies and their reprs.
PAIRS = re.compile(
    r"""(?ix)
    (?P<name> ["']? [\w-]* (?: api[-_]?key | secret | passw(?:or)?d | passphrase | private[-_]?key | signature | token
        | authorization | listen[-_]?key | access[-_](?:key|sign) ) [\w-]* ["']? )
    (?P<sign> \s* [=:] \s* )
    (?P<value> "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' | (?:(?:bearer|basic)\s+)? [^\s&,;'"}\])]+ )
    """
)
SHAPES = re.compile(
    r"""(?x)
    \beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}            # a JSON web token
    | (?<=://)[^/\s:@]+:[^/\s@]+(?=@)               # user and password of an address
    | -----BEGIN[ ][A-Z ]*PRIVATE[ ]KEY-----.*?-----END[ ][A-Z ]*PRIVATE[ ]KEY-----
    | (?i:\bbearer\s+[\w.~+/-]{8,}=*)
    """,
    re.DOTALL,
)

_lock = threading.Lock()
_hidden: dict[str, None] = {}
_pattern: re.Pattern[str] | None = None


def hide(*secrets: str) -> None:
    """Take these texts out of every line from now on, in each form that they may be sent or printed in.

    Shorter ones than six characters are left: they would take words out of sentences.
    """
    global _pattern
    with _lock:
        for secret in secrets:
            for form in _forms(secret):
                if len(form) >= SHORTEST:
                    _hidden[form] = None
        longest_first = sorted(_hidden, key=len, reverse=True)
        _pattern = re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE) if longest_first else None


def _forms(secret: str) -> set[str]:
    raw = secret.encode()
    forms = {secret, urllib.parse.quote(secret, safe=""), urllib.parse.quote_plus(secret), raw.hex()}
    forms |= {json.dumps(secret)[1:-1], repr(secret)[1:-1], secret[::-1]}
    # In base64 a text looks different at each of three places; the ends hang together with what is around it.
    for shift in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            coded = encode(b"\0" * shift + raw).decode().rstrip("=")
            forms.add(coded[(0, 2, 3)[shift] : len(coded) if (shift + len(raw)) % 3 == 0 else -1])
    return forms


def redacted(value: Any, depth: int = 0) -> Any:
    """A value without secrets, for a log: of mappings and lists every part is looked at, of objects what they print."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bytes):
        return _text(value.decode("utf-8", "replace"))
    if depth >= DEEPEST:
        return _text(_printed(value))
    if isinstance(value, Mapping):
        return {_text(str(name)): GONE if NAMES.search(str(name)) else redacted(item, depth + 1)
                for name, item in value.items()}  # fmt: skip
    if isinstance(value, list | tuple | set | frozenset):
        return [redacted(item, depth + 1) for item in value]
    return _text(_printed(value))


def _printed(value: Any) -> str:
    try:
        return str(value)
    except Exception as error:  # a line that cannot be written must not stop who writes it
        return f"<{type(value).__name__} that cannot be printed: {type(error).__name__}>"


def _text(text: str) -> str:
    if _pattern is not None:
        text = _pattern.sub(GONE, text)
    text = SHAPES.sub(GONE, text)
    return PAIRS.sub(lambda found: f"{found['name']}{found['sign']}{GONE}", text)
