"""What a bridge offers, from its metadata: its methods, those of its handles and of its builders."""

from __future__ import annotations

from collections.abc import AsyncIterable
from typing import TYPE_CHECKING, Any, get_args, get_origin

import msgspec

from llmspell_core.bridge import Bridge, Builder, Callback, Handle, methods_of
from llmspell_core.convert import accepts_map
from llmspell_core.errors import InternalError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from llmspell_core.signature import Method


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One method that a script can call.

    `id` is ``read`` for a bridge's own, ``agent:run`` for a handle's, ``sequential.run`` for a
    builder's. `via` are the members whose examples lead to its handle, outermost first.
    """

    id: str
    method: Any
    owner: type
    via: tuple[Member, ...] = ()

    @property
    def builder(self) -> type[Builder] | None:
        """The builder that the method ends, if it is one's."""
        return self.owner if issubclass(self.owner, Builder) else None

    @property
    def example(self) -> dict[str, Any] | None:
        """The arguments that the metadata gives as an example."""
        found: dict[str, Any] | None = self.method.example
        return found


def members_of(
    bridge: type[Bridge], handles: Mapping[str, type[Handle]] | None = None
) -> list[Member]:
    """List all members of `bridge`, each once, in the order in which they are found.

    `handles` names the type that a method gives whose hint is no more than `Handle`.
    """
    found: list[Member] = [
        Member(id=f"{builder.name}.{name}", method=method, owner=builder)
        for builder in bridge.builders
        for name, method in methods_of(builder).items()
    ]
    own = [Member(id=name, method=m, owner=bridge) for name, m in methods_of(bridge).items()]
    seen: set[type] = set()
    waiting = [*own, *found]
    result: list[Member] = []
    while waiting:
        member = waiting.pop(0)
        result.append(member)
        given = (handles or {}).get(member.id)
        for cls in [given] if given else handles_in(member.method.returns):
            if cls in seen or cls is Handle:
                continue
            seen.add(cls)
            via = (*member.via, member)
            waiting += [
                Member(id=f"{cls.type_name}:{name}", method=method, owner=cls, via=via)
                for name, method in methods_of(cls).items()
            ]
    return result


def handles_in(hint: Any) -> Iterator[type[Handle]]:
    """Find the types of handles that a value of type `hint` may hold."""
    if isinstance(hint, type) and issubclass(hint, Handle):
        yield hint
        return
    for part in get_args(hint):
        if part is not hint:
            yield from handles_in(part)


def is_stream(hint: Any) -> bool:
    """Say whether an answer of type `hint` is a stream that is no generator of the method's own."""
    origin = get_origin(hint)
    return isinstance(origin, type) and issubclass(origin, AsyncIterable)


def is_function(hint: Any) -> bool:
    """Say whether an argument of type `hint` takes a function of the script."""
    if hint is Callback:
        return True
    return any(is_function(part) for part in get_args(hint) if part is not hint)


def functions_of(method: Method) -> set[str]:
    """Name the arguments of a method that take a function of the script."""
    try:
        return {param.name for param in method.params if is_function(param.type)}
    except InternalError:
        return set()


def spread(method: Method, given: Mapping[str, Any]) -> list[Any]:
    """Write arguments given by name as a call does: by place, then a map of the named ones.

    A name that the method does not have goes with the named ones.
    """
    if not given:
        return []
    if not method.varargs and not _first_takes_map(method):
        return [dict(given)]
    places = [name for name in method.positional if name in given]
    count = method.positional.index(places[-1]) + 1 if places else 0
    args = [given.get(name) for name in method.positional[:count]]
    rest = {name: value for name, value in given.items() if name not in places}
    return [*args, rest] if rest else args


def named_by_map(method: Method, count: int) -> bool:
    """Say whether the last of `count` values, a map, names arguments; see `Method.bind`."""
    if count > len(method.positional):
        return bool(method.keywords) or not method.positional
    hint = method.hints.get(method.positional[count - 1], Any)
    return not accepts_map(hint) and (count == 1 or bool(method.keywords))


def _first_takes_map(method: Method) -> bool:
    if not method.positional:
        return False
    return accepts_map(method.hints.get(method.positional[0], Any))
