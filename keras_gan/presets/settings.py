"""Settings that describe themselves: each has its name, type, range, meaning and default in one place.

Settings are frozen pydantic models. People name a setting by its *key*, on the command line, in Python and in
`config.json`. The key of a player's setting begins with the player, as in `generator_width`. A key without the player,
such as `width`, stands for both players. The key of a penalty is its name, such as `r1`, and the key of any other
setting is the name of its field.
"""

import dataclasses
import types
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, ClassVar

import annotated_types
import pydantic
from pydantic.fields import FieldInfo

from keras_gan.errors import UserError, unknown


@dataclasses.dataclass(frozen=True)
class OneOf:
    """Marks a setting whose value must be one of some names.

    Attributes:
        options: function that returns the names.
        several: whether the value may be several names, joined by +.
    """

    options: Callable[[], Collection[str]]
    several: bool = False


@dataclasses.dataclass(frozen=True)
class Words:
    """Says in words which values a setting takes, where its type does not.

    Attributes:
        text: the words.
    """

    text: str


@dataclasses.dataclass(frozen=True)
class Explanation:
    """The explanation of a setting.

    Attributes:
        key: its name on the command line, in Python and in `config.json`.
        meaning: what it does.
        values: its type and range, in words.
        default: its value if it is not given.
    """

    key: str
    meaning: str
    values: str
    default: object


class Settings(pydantic.BaseModel):
    """A group of settings, which are checked when it is made.

    Raises:
        UserError: if a name is unknown, or a value is out of its range.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    # The keys of the group begin with this name.
    group: ClassVar[str] = ""

    def __init__(self, **values: Any) -> None:
        for name in values:
            choose("setting", name, type(self).model_fields)
        try:
            super().__init__(**values)
        except pydantic.ValidationError as error:
            raise UserError(self.told(error.errors()[0])) from None

    @classmethod
    def key(cls, name: str) -> str:
        """Returns the key of a setting of the group; that of the setting `name` is the name of the group itself."""
        if not cls.group:
            return name
        return cls.group if name == "name" else f"{cls.group}_{name}"

    @classmethod
    def told(cls, error: Mapping[str, Any]) -> str:
        """Returns one line about an error that pydantic found."""
        if error["type"] == "value_error":
            return str(error["ctx"]["error"])
        name = error["loc"][0]
        return f"{cls.key(name)} must be {values_of(cls.model_fields[name])}, got {error['input']!r}"

    @pydantic.model_validator(mode="after")
    def _names_are_known(self):
        for name, field in type(self).model_fields.items():
            for mark in field.metadata:
                value = getattr(self, name)
                if isinstance(mark, OneOf) and value is not None:
                    for part in members(value) if mark.several else [value]:
                        choose(self.key(name), part, mark.options(), mark.several)
        return self

    @pydantic.field_validator("*", mode="before")
    @classmethod
    def _none_by_name(cls, value, info):
        is_none = isinstance(value, str) and value.lower() == "none"
        return None if is_none and _is_optional(cls.model_fields[info.field_name]) else value


def setting(default: Any, meaning: str, **limits: Any) -> Any:
    """Declares a setting of a `Settings` class.

    Args:
        default: its value if it is not given.
        meaning: what it does, in one sentence.
        **limits: `gt`, `ge`, `lt`, `le`, as `pydantic.Field` takes them.
    """
    return pydantic.Field(default, description=meaning, validate_default=False, **limits)


def members(text: str) -> list[str]:
    """Splits names that are joined by +."""
    return text.split("+")


def choose(kind: str, name: str, options: Collection[str], several: bool = False) -> str:
    """Returns a name if it is one of the options.

    Args:
        kind: what the name is for, for the message of the error.
        name: the name.
        options: the names that are known.
        several: whether the setting takes several names, for the message of the error.

    Raises:
        UserError: if it is not; the message suggests similar names.
    """
    kind = kind.replace("_", " ")
    if not name:
        examples = list(options)[:2]
        hint = f"several are joined by +, as in {'+'.join(examples)}" if several else f"such as {' or '.join(examples)}"
        raise UserError(f"{kind}: a name is missing; {hint}")
    if "," in name and several:
        raise UserError(f"unknown {kind} {name!r}: several are joined by +, as in {name.replace(',', '+')}")
    if name not in options:
        raise unknown(kind, name, options)
    return name


def pairs(texts: Iterable[str]) -> dict[str, str]:
    """Returns the keys and values of texts KEY=VALUE; dashes and dots in keys become underscores.

    Raises:
        UserError: if a text has no `=`.
    """
    split = [text.partition("=") for text in texts]
    for key, equals, _ in split:
        if not equals:
            raise UserError(f"settings are KEY=VALUE, got {key!r}")
    return {key.strip().replace("-", "_").replace(".", "_"): value for key, _, value in split}


def values_of(field: FieldInfo) -> str:
    """Returns the type and range of a field in words, such as `a whole number greater than 0, or none`."""
    kinds = _kinds(field)
    said = next((mark.text for mark in field.metadata if isinstance(mark, Words)), None)
    if said:
        return said
    marks = [mark for mark in field.metadata if isinstance(mark, OneOf)]
    if marks:
        words = f"one of {', '.join(marks[0].options())}" + ("; several are joined by +" if marks[0].several else "")
    elif bool in kinds:
        words = "true or false"
    elif str in kinds:
        words = "a text"
    else:
        words = ("a whole number" if int in kinds else "a number") + _range(field)
    return f"{words}, or none" if types.NoneType in kinds else words


def explain_field(key: str, field: FieldInfo) -> Explanation:
    """Returns the explanation of a field whose key is `key`."""
    return Explanation(key, field.description or "", values_of(field), field.default)


def _range(field):
    bounds = {type(mark): mark for mark in field.metadata}
    low, high = bounds.get(annotated_types.Ge), bounds.get(annotated_types.Lt)
    if low and annotated_types.Le in bounds:
        return f" in [{low.ge:g}, {bounds[annotated_types.Le].le:g}]"
    if low and high and high.lt < 2**63:
        return f" in [{low.ge:g}, {high.lt:g})"
    if annotated_types.Gt in bounds:
        return f" greater than {bounds[annotated_types.Gt].gt:g}"
    return f" from {low.ge:g} on" if low else ""


def _kinds(field):
    kind = field.annotation
    return kind.__args__ if isinstance(kind, types.UnionType) else (kind,)


def _is_optional(field):
    return types.NoneType in _kinds(field)
