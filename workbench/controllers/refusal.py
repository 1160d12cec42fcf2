"""Why a parameter was refused, in words."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from workbench.errors import ConfigError

BOUNDS = {
    "greater_than": ("gt", "above"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "below"),
    "less_than_equal": ("le", "at most"),
    "multiple_of": ("multiple_of", "a multiple of"),
}
KINDS = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "True or False",
    "bool_parsing": "True or False",
    "string_type": "text in quotes",
}


def refusal(owner: str, fields: Collection[str], error: ValidationError) -> ConfigError:
    """The first thing that is wrong, and how many others are, as an error a trader can act on."""
    faults = sorted(error.errors(include_url=False), key=lambda fault: fault["type"] != "extra_forbidden")
    more = f" ({len(faults) - 1} more of its parameters are wrong too.)" if len(faults) > 1 else ""
    return ConfigError(_sentence(owner, fields, faults[0]) + more)


def unknown(owner: str, name: str, fields: Collection[str]) -> str:
    """That there is no such parameter, which one may be meant, and which there are."""
    near = get_close_matches(name, fields, n=1)
    guess = f"did you mean `{near[0]}`?" if near else "check the spelling."
    return f"{owner} has no parameter `{name}`: {guess} It has {', '.join(fields) or 'none'}."


def _sentence(owner: str, fields: Collection[str], fault: Mapping[str, Any]) -> str:
    name = ".".join(map(str, fault["loc"]))
    kind, context, value = fault["type"], fault.get("ctx", {}), _shown(fault["input"])
    if kind == "extra_forbidden":
        return unknown(owner, name, fields)
    if kind == "missing":
        return f"{owner} needs `{name}`: give it a value."
    if kind == "value_error":
        return f"{owner}: `{name}`: {context['error']}" if name else str(context["error"])
    if kind in BOUNDS:
        limit, words = BOUNDS[kind]
        return f"{owner}: `{name}` is {value}. It must be {words} {_number(context[limit])}."
    if kind == "literal_error":
        return f"{owner}: `{name}` is {value}. Choose {context['expected']}."
    if kind in KINDS:
        return f"{owner}: `{name}` is {value}. It must be {KINDS[kind]}."
    return f"{owner}: `{name}` is {value}. {fault['msg']}."


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _number(limit: Any) -> str:
    return f"{limit:g}" if isinstance(limit, float) else str(limit)
