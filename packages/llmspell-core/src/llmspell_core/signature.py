"""One method of a bridge: its metadata from type hints, and the binding of a script's arguments.

How a call's arguments are bound (the same in every language):

1. positional values fill the positional parameters, in order;
2. one trailing map, where the method has keyword-only parameters, gives them by name;
3. a single map whose parameter does not take a map gives every parameter by name:
   ``llm.complete{prompt = "Hi"}`` is ``llm.complete("Hi")``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_core.convert import accepts_map, convert, json_schema
from llmspell_core.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_VARARGS = 0x04
_ASYNC_GENERATOR = 0x200
_CONTEXT = "ctx"


class Param(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter: its name, type, description and whether it must be given."""

    name: str
    type: Any
    description: str
    required: bool
    keyword_only: bool
    default: Any = None


class Method:
    """A function marked with `llmspell_core.method`, seen as part of a script's API."""

    def __init__(
        self, name: str, function: Callable[..., Any], options: Mapping[str, Any]
    ) -> None:
        """Read what the function's code object tells; its hints are resolved on first use.

        `options` are what `llmspell_core.method` was given.
        """
        code = function.__code__
        self.name = name
        self.function = function
        self.effects: tuple[str, ...] = options.get("effects", ())
        self.example: dict[str, Any] | None = options.get("example")
        self.since: str = options.get("since", "0.1")
        self.returns_text: str | None = options.get("returns")
        self.streams = bool(code.co_flags & _ASYNC_GENERATOR)
        count = code.co_argcount
        self.positional = code.co_varnames[1:count]
        keywords = code.co_varnames[count : count + code.co_kwonlyargcount]
        self.keywords = tuple(k for k in keywords if k != _CONTEXT)
        self.wants_context = _CONTEXT in keywords
        self.varargs = bool(code.co_flags & _VARARGS)
        defaults = function.__defaults__ or ()
        self._optional = {
            *self.positional[len(self.positional) - len(defaults) :],
            *(function.__kwdefaults__ or {}),
        }
        self._hints: dict[str, Any] | None = None

    @property
    def description(self) -> str:
        """The docstring's first sentence or paragraph."""
        return (self.function.__doc__ or "").strip().split("\n\n")[0].replace("\n", " ")

    @property
    def hints(self) -> dict[str, Any]:
        """The function's resolved type hints, `Annotated` kept."""
        if self._hints is None:
            from typing import get_type_hints  # noqa: PLC0415 - only where a call needs it

            self._hints = get_type_hints(self.function, include_extras=True)
        return self._hints

    @property
    def params(self) -> tuple[Param, ...]:
        """The parameters in order, positional ones first."""
        defaults = dict(self.function.__kwdefaults__ or {})  # type: ignore[attr-defined]
        values = self.function.__defaults__ or ()  # type: ignore[attr-defined]
        if values:
            defaults.update(zip(self.positional[-len(values) :], values, strict=True))
        return tuple(
            Param(
                name=name,
                type=self.hints.get(name, Any),
                description=_description(self.hints.get(name)),
                required=name not in self._optional,
                keyword_only=name in self.keywords,
                default=defaults.get(name),
            )
            for name in (*self.positional, *self.keywords)
        )

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the arguments, taken as one object."""
        properties: dict[str, Any] = {}
        definitions: dict[str, Any] = {}
        for param in self.params:
            schema = json_schema(param.type, definitions)
            if param.description and "description" not in schema:
                schema = {**schema, "description": param.description}
            if not param.required and isinstance(param.default, (bool, int, float, str)):
                schema = {**schema, "default": param.default}
            properties[param.name] = schema
        whole: dict[str, Any] = {
            "type": "object",
            "properties": properties,
            "required": [param.name for param in self.params if param.required],
            "additionalProperties": False,
        }
        return {**whole, "$defs": definitions} if definitions else whole

    def returns_schema(self) -> dict[str, Any]:
        """The JSON Schema of the answer, or of each item of a stream."""
        definitions: dict[str, Any] = {}
        schema = json_schema(self.hints.get("return", Any), definitions)
        return {**schema, "$defs": definitions} if definitions else schema

    def bind(self, args: Sequence[Any], where: str) -> tuple[list[Any], dict[str, Any]]:
        """Bind and validate a script's arguments; return what the function is called with.

        `where` is how errors call the method, such as ``fs.read``.

        Raises:
            ValidationError: it names the argument and what was expected.
        """
        positional, named = self._split(list(args), where)
        values: dict[str, Any] = {}
        for name, value in zip(self.positional, positional, strict=False):
            values[name] = value
        for name, value in named.items():
            if name in values:
                text = f"argument `{name}` of `{where}` is given twice"
                raise ValidationError(text, argument=name)
            if name not in self.positional and name not in self.keywords:
                raise self._unknown(name, where)
            values[name] = value
        converted = {
            name: convert(value, self.hints.get(name, Any), argument=name, where=where)
            for name, value in values.items()
            if not (value is None and name in self._optional)
        }
        for name in (*self.positional, *self.keywords):
            if name not in converted and name not in self._optional:
                text = f"missing argument `{name}` of `{where}`"
                raise ValidationError(text, argument=name)
        rest = positional[len(self.positional) :] if self.varargs else []
        if rest:  # *args can only follow positional ones that were all given
            first = [converted.pop(name) for name in self.positional]
            return [*first, *rest], converted
        return [], converted

    def _split(self, args: list[Any], where: str) -> tuple[list[Any], dict[str, Any]]:
        """Tell positional arguments from a trailing map of named ones."""
        while args and args[-1] is None and len(args) > len(self.positional):
            args.pop()
        last = args[-1] if args else None
        if isinstance(last, dict):
            index = len(args) - 1
            beyond = index >= len(self.positional)
            takes_map = not beyond and accepts_map(self.hints.get(self.positional[index], Any))
            if beyond and self.keywords and not self.varargs:
                return self._at_most(args[:-1], where), last
            if not beyond and not takes_map and (index == 0 or self.keywords):
                return args[:-1], last
        return (args if self.varargs else self._at_most(args, where)), {}

    def _at_most(self, args: list[Any], where: str) -> list[Any]:
        if len(args) > len(self.positional):
            count = len(self.positional)
            plural = "" if count == 1 else "s"
            text = f"`{where}` takes at most {count} positional argument{plural}, got {len(args)}"
            raise ValidationError(text)
        return args

    def _unknown(self, name: str, where: str) -> ValidationError:
        text = f"unknown argument `{name}` of `{where}`{nearest(name, self._names())}"
        return ValidationError(text, argument=name)

    def _names(self) -> tuple[str, ...]:
        return (*self.positional, *self.keywords)


def nearest(name: str, known: Sequence[str]) -> str:
    """Suggest the nearest known name, as the end of an error's sentence."""
    from difflib import get_close_matches  # noqa: PLC0415 - only for an error's text

    found = get_close_matches(name, known, n=1)
    if found:
        return f"; did you mean `{found[0]}`?"
    return f"; known: {', '.join(sorted(known))}" if known else ""


def _description(hint: Any) -> str:
    """Find the description in ``Annotated[T, "text"]`` or ``Annotated[T, Meta(description=…)]``."""
    for extra in getattr(hint, "__metadata__", ()):
        if isinstance(extra, str):
            return extra
        if isinstance(extra, msgspec.Meta) and extra.description:
            return extra.description
    return ""
