"""One method of a bridge: its metadata from type hints, and the binding of a script's arguments.

How a call's arguments are bound (the same in every language):

1. positional values fill the positional parameters, in order;
2. one trailing map, where the method has keyword-only parameters, gives them by name;
3. a single map whose parameter does not take a map gives every parameter by name:
   ``llm.complete{prompt = "Hi"}`` is ``llm.complete("Hi")``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import msgspec

from llmspell_core.convert import accepts_list, accepts_map, convert, json_schema
from llmspell_core.errors import InternalError, ValidationError

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

    def __init__(self, name: str, function: Callable[..., Any], options: Mapping[str, Any]) -> None:
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
        return " ".join((self.function.__doc__ or "").strip().split("\n\n")[0].split())

    @property
    def hints(self) -> dict[str, Any]:
        """The parameters' resolved type hints, `Annotated` kept.

        Raises:
            InternalError: one names a type that its module does not import at run time.
        """
        if self._hints is None:
            names = {k: v for k, v in self.function.__annotations__.items() if k != "return"}
            self._hints = _resolve(self.function, names)
        return self._hints

    @property
    def returns(self) -> Any:
        """The type of the answer, or of each item of a stream; `Any` where it is not known."""
        try:
            name = self.function.__annotations__.get("return", Any)
            hint = _resolve(self.function, {"return": name})["return"]
        except InternalError:
            return Any
        return get_args(hint)[0] if self.streams and get_args(hint) else hint

    @property
    def params(self) -> tuple[Param, ...]:
        """The parameters in order, positional ones first."""
        defaults = dict(self.function.__kwdefaults__ or {})
        values = self.function.__defaults__ or ()
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
        schema = json_schema(self.returns, definitions)
        return {**schema, "$defs": definitions} if definitions else schema

    def bind(self, args: Sequence[Any], where: str) -> tuple[list[Any], dict[str, Any]]:
        """Bind and validate a script's arguments; return what the function is called with.

        `where` is how errors call the method, such as ``fs.read``.

        Raises:
            ValidationError: it names the argument and what was expected.
        """
        positional, named = self._split(list(args), where)
        values: dict[str, Any] = dict(zip(self.positional, positional, strict=False))
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
            hint = Any if beyond else self.hints.get(self.positional[index], Any)
            # an empty table is Lua's empty list as well
            takes_map = accepts_map(hint) or (not last and accepts_list(hint))
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


class _Annotated:
    """Stands for a function whose annotations are only a part of the real ones."""


def _resolve(function: Callable[..., Any], annotations: dict[str, Any]) -> dict[str, Any]:
    from typing import get_type_hints  # only where a call needs it

    stand_in = _Annotated()
    stand_in.__annotations__ = annotations
    try:
        return get_type_hints(stand_in, function.__globals__, include_extras=True)
    except NameError as error:
        text = (
            f"the type hints of `{function.__qualname__}` cannot be resolved: {error}; "
            "import the type at run time, not under TYPE_CHECKING"
        )
        raise InternalError(text) from error


def nearest(name: str, known: Sequence[str]) -> str:
    """Suggest the nearest known name, as the end of an error's sentence."""
    from difflib import get_close_matches

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
