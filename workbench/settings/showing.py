"""Models shown: as prompts that ask for their values, as YAML that explains itself, and to be looked at only."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, NoReturn, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from workbench.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Prompt:
    """One question: where the answer belongs, what to ask, what is meant by no answer, and what may be answered."""

    path: str
    text: str
    default: Any
    choices: tuple[str, ...]
    check: Callable[[str], Any]


def prompts(model: type[BaseModel], *, under: str = "") -> Iterator[Prompt]:
    """The questions that fill a model, in its own order. What is kept by name is asked for elsewhere.

    Examples
    --------
    >>> from workbench.settings import Account
    >>> [prompt.path for prompt in prompts(Account)]
    ['note', 'instruments', 'max_leverage']
    """
    for name, field in model.model_fields.items():
        path = f"{under}.{name}" if under else name
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from prompts(annotation, under=path)
        elif get_origin(annotation) is not Mapping and name != "version" and not _is_mapping(annotation):
            text = (field.description or name.replace("_", " ")).rstrip(".")
            default = None if field.is_required() else field.get_default(call_default_factory=True)
            yield Prompt(path, text, default, _choices(annotation), _check(path, model, name))


def _is_mapping(annotation: Any) -> bool:
    origin = get_origin(annotation) or annotation
    return isinstance(origin, type) and issubclass(origin, Mapping | dict)


def _choices(annotation: Any) -> tuple[str, ...]:
    if annotation is bool:
        return ("yes", "no")
    return tuple(map(str, get_args(annotation))) if get_origin(annotation) is Literal else ()


def _check(path: str, model: type[BaseModel], name: str) -> Callable[[str], Any]:
    """An answer as the value that the field takes, or a sentence."""
    adapter = TypeAdapter(Any)
    field = model.model_fields[name]
    if field.annotation is not None:
        from typing import Annotated

        adapter = TypeAdapter(Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation)  # type: ignore[arg-type]

    def check(answer: str) -> Any:
        given: Any = [part.strip() for part in answer.split(",")] if get_origin(field.annotation) is tuple else answer
        try:
            return adapter.validate_python(given)
        except ValidationError as error:
            said = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
            raise ConfigError(f"{path}: {answer!r} will not do: {said}.") from None

    return check


# --- YAML ------------------------------------------------------------------------------------------------------------


def commented(model: BaseModel) -> str:
    """A model as YAML in which each setting says what it means. Decimals keep their digits."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = 120
    stream = io.StringIO()
    yaml.dump(_document(model), stream)
    return stream.getvalue()


def _document(model: BaseModel, depth: int = 0) -> Any:
    from ruamel.yaml.comments import CommentedMap

    document = CommentedMap()
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        nested = isinstance(value, BaseModel)
        document[name] = _document(value, depth + 1) if nested else plain(value)
        if field.description:
            document.yaml_set_comment_before_after_key(name, before=field.description, indent=2 * depth)
    return document


def plain(value: Any) -> Any:
    """A value in YAML's and JSON's own types; a decimal is a number if that says all of its digits, else a text."""
    if isinstance(value, BaseModel):
        return {name: plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, Decimal):
        text = format(value, "f")
        if "." not in text:
            return int(text)
        return float(text) if str(float(text)) == text else text
    return value.value if isinstance(value, Enum) else value


# --- to be looked at -------------------------------------------------------------------------------------------------


class ReadOnly:
    """A model to be looked at: values by dotted path, all of them in order, and nothing can be set.

    Examples
    --------
    >>> from workbench.settings import Config
    >>> ReadOnly(Config())["defaults.venue"]
    'binance'
    """

    __slots__ = ("_model",)
    _model: BaseModel

    def __init__(self, model: BaseModel) -> None:
        object.__setattr__(self, "_model", model)

    def __getitem__(self, path: str) -> Any:
        found: Any = self._model
        for part in path.split("."):
            if isinstance(found, Mapping) and part in found:
                found = found[part]
            elif isinstance(found, BaseModel) and part in type(found).model_fields:
                found = getattr(found, part)
            else:
                raise ConfigError(f"There is no setting {path!r}: nothing is called `{part}`.")
        return ReadOnly(found) if isinstance(found, BaseModel) else found

    def __setitem__(self, path: str, value: Any) -> NoReturn:
        raise ConfigError(f"These settings are only shown. `workbench config set {path} {value}` changes them.")

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        self[name] = value

    def walk(self) -> Iterator[tuple[str, Any, bool]]:
        """Every value: its path, itself, and whether it is what is meant when nothing is said."""
        yield from _walk(self._model, type(self._model), "")

    def __repr__(self) -> str:
        return "\n".join(f"{path}: {value}" for path, value, _ in self.walk())


def _walk(value: Any, kind: Any, path: str) -> Iterator[tuple[str, Any, bool]]:
    for name, field in kind.model_fields.items():
        inner, where = getattr(value, name), f"{path}.{name}" if path else name
        if isinstance(inner, BaseModel):
            yield from _walk(inner, type(inner), where)
        elif isinstance(inner, Mapping) and any(isinstance(item, BaseModel) for item in inner.values()):
            for key, item in inner.items():
                yield from _walk(item, type(item), f'{where}."{key}"' if "." in key else f"{where}.{key}")
        else:
            default = None if field.is_required() else field.get_default(call_default_factory=True)
            yield where, plain(inner), inner == default
