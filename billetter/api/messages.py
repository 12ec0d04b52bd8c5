"""What is wrong with a request, in words of the API instead of the validator's."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from types import GenericAlias, UnionType
from typing import Any, get_args

from pydantic import AliasChoices, BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

DETAILS_MAX = 20
FIELD_MAX = 200
"""Fields that are told of, and characters of each."""
INTEGER, OBJECT = "must be an integer", "must be an object"
WHOLE_TIME = "must be a date and time such as 2026-10-13T12:34:56Z"
TRUTH = "must be true or false"
UNKNOWN = "is not a field of this request"
TWICE = "names the same as another field of the request; send one of them"

PATTERNS = {r"^[0-9]{1,9}(\.[0-9]{1,2})?$": 'must be an amount such as "150.00"'}
"""What a text of a pattern is called."""

_TEMPLATES = {
    "missing": "is missing",
    "string_type": "must be a text",
    "string_unicode": "must be a text",
    "list_type": "must be a list",
    "string_too_long": "must have {max_length} characters at most",
    "string_too_short": "must have {min_length} characters at least",
    "too_long": "must have {max_length} items at most",
    "too_short": "must have {min_length} items at least",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
    "greater_than": "must be more than {gt}",
    "less_than": "must be less than {lt}",
    "json_invalid": "must be JSON: {error}",
    "value_error": "{error}",
}
_STARTS = {"int_": INTEGER, "bool_": TRUTH, "datetime_": WHOLE_TIME, "timezone_": WHOLE_TIME}
_STARTS |= {"model_": OBJECT, "dict_": OBJECT}
_WORD = re.compile(r"'([^']*)'")


def details(model: type[BaseModel], error: ValidationError) -> list[dict[str, str]]:
    """What is wrong, field by field; what several forms of a field ask for stands together."""
    names = all_names(model)
    found: dict[str, dict[str, None]] = {}
    for each in error.errors(include_url=False, include_input=False):
        found.setdefault(_field(each, names), {})[_message(each, names)] = None
    return [
        {"field": field, "message": ", or ".join(messages)}
        for field, messages in list(found.items())[:DETAILS_MAX]
    ]


def _field(error: ErrorDetails, names: frozenset[str]) -> str:
    """Where it is, in what was sent: which form of a field was tried is the validator's affair."""
    path = list(error["loc"])
    unknown = [str(path.pop())] if _is_unknown(error) else []
    kept = [str(part) for part in path if isinstance(part, int) or part in names]
    return ".".join([*kept, *unknown])[:FIELD_MAX] or "body"


def _is_unknown(error: ErrorDetails) -> bool:
    return error["type"] == "extra_forbidden"


def _message(error: ErrorDetails, names: frozenset[str]) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if _is_unknown(error):
        return TWICE if error["loc"][-1] in names else UNKNOWN
    if kind in ("enum", "literal_error"):
        return f"must be one of {', '.join(_WORD.findall(context['expected']))}"
    if kind == "string_pattern_mismatch":
        return PATTERNS.get(context["pattern"], "is not written as it must be")
    if kind in _TEMPLATES:
        return _TEMPLATES[kind].format_map(context)
    for start, message in _STARTS.items():
        if kind.startswith(start):
            return message
    return re.sub("^(Input|Value|String) should", "must", error["msg"])


# What the fields of a model are called.


@cache
def own_names(model: type[BaseModel]) -> frozenset[str]:
    """All names by which its own fields go."""
    return frozenset(
        name for field, info in model.model_fields.items() for name in _names(field, info)
    )


@cache
def all_names(model: type[BaseModel]) -> frozenset[str]:
    """Those of its fields, and of the fields in them."""
    inner = (all_names(each) for fields in nested(model).values() for each in fields)
    return own_names(model).union(*inner)


@cache
def nested(model: type[BaseModel]) -> Mapping[str, tuple[type[BaseModel], ...]]:
    """Its fields that hold models, with these."""
    found = {field: tuple(_models(info.annotation)) for field, info in model.model_fields.items()}
    return {field: models for field, models in found.items() if models}


def _names(field: str, info: FieldInfo) -> Iterator[str]:
    match info.validation_alias:
        case None:
            yield field
        case AliasChoices(choices=choices):
            yield from (choice for choice in choices if isinstance(choice, str))
        case alias:
            yield str(alias)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and not isinstance(annotation, GenericAlias | UnionType):
        if issubclass(annotation, BaseModel):
            yield annotation
        return
    for part in get_args(annotation):
        yield from _models(part)
