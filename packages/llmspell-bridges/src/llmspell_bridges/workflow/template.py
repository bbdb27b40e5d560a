"""Templates: jinja2's syntax and sandbox, with nothing in it that could take long.

``{{topic}}``, ``{{research.output.title | upper}}``: names, their fields, and a few filters. No
statements, arithmetic or calls: what a script writes must not be able to hold the host up.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jinja2 import StrictUndefined, TemplateSyntaxError, nodes
from jinja2.exceptions import TemplateError
from jinja2.sandbox import SandboxedEnvironment

from llmspell_bridges.workflow.filters import FILTERS, MAX_RESULT_CHARS, TooLongError, as_text
from llmspell_core import WorkflowError
from llmspell_core.signature import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

MAX_CHARS = 64 * 1024
"""The longest template."""
MAX_EXPRESSIONS = 200
_MOST_FILTERS = 5
_DEEPEST = 16


class BadTemplateError(ValueError):
    """It is no template; the message says where and why."""


class _Environment(SandboxedEnvironment):
    """A sandbox in which there is only data: no attribute of any object can be named."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Look into a map."""
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Look into a map or a list; nothing else has parts."""
        if isinstance(obj, StrictUndefined):
            return obj
        if isinstance(obj, dict) and isinstance(argument, str):
            if argument in obj:
                return obj[argument]
            return self.undefined(f"there is no `{argument}` in it{nearest(argument, list(obj))}")
        if isinstance(obj, list) and type(argument) is int and -len(obj) <= argument < len(obj):
            return obj[argument]
        what = "nothing" if obj is None else type(obj).__name__
        return self.undefined(f"there is no `{argument}` in it: it is a {what}")


_ENVIRONMENT = _Environment(
    undefined=StrictUndefined, finalize=as_text, keep_trailing_newline=True, cache_size=0
)
_ENVIRONMENT.filters = {name: function for name, (function, _) in FILTERS.items()}
_ENVIRONMENT.globals = {}
_ENVIRONMENT.tests = {}


class Template:
    """A template that was checked and compiled; `names` are its variables, with their fields."""

    def __init__(self, source: str) -> None:
        """Parse, check and compile.

        Raises:
            BadTemplateError: it says where and why.
        """
        if len(source) > MAX_CHARS:
            raise BadTemplateError(f"it is longer than {MAX_CHARS:,} characters")
        self.source = source
        self.names: list[tuple[str, ...]] = []
        self._safe: set[int] = set()
        try:
            parsed = _ENVIRONMENT.parse(source)
            self._check(parsed)
            self._whole = self._single(parsed)
            self._compiled = _ENVIRONMENT.from_string(parsed)
            self._value = None if self._whole is None else _expression(self._whole)
        except TemplateSyntaxError as error:
            raise BadTemplateError(f"line {error.lineno}: {error.message}") from None
        except RecursionError:
            raise BadTemplateError("it is nested too deeply") from None

    @property
    def optional(self) -> set[tuple[str, ...]]:
        """The names that have a default."""
        return {name for index, name in enumerate(self.names) if index in self._safe}

    def text(self, values: Mapping[str, Any]) -> str:
        """Fill it in.

        Raises:
            WorkflowError: something it names has no value, or the text becomes too long.
        """
        parts, size = [], 0
        for part in self._guarded(lambda: self._compiled.generate(values)):
            size += len(part)
            if size > MAX_RESULT_CHARS:
                raise self._too_long()
            parts.append(part)
        return "".join(parts)

    def value(self, values: Mapping[str, Any]) -> Any:
        """Fill it in; what is one expression and nothing else keeps its type.

        Raises:
            WorkflowError: as `text`.
        """
        if self._value is None:
            return self.text(values)
        (found,) = self._guarded(lambda: iter([_evaluated(self._value, values)]))
        return found

    def _guarded(self, parts: Callable[[], Iterator[Any]]) -> Iterator[Any]:
        try:
            yield from parts()
        except TooLongError:
            raise self._too_long() from None
        except (TemplateError, TypeError, ValueError) as error:
            raise WorkflowError(f"the template {self._shown}: {error}") from None

    def _too_long(self) -> WorkflowError:
        text = f"the template {self._shown} becomes longer than {MAX_RESULT_CHARS:,} characters"
        return WorkflowError(text)

    @property
    def _shown(self) -> str:
        return json.dumps(
            self.source[:60] + ("…" if len(self.source) > 60 else ""),  # noqa: PLR2004 - enough to know it by
            ensure_ascii=False,
        )

    def _check(self, parsed: nodes.Template) -> None:
        count = 0
        for statement in parsed.body:
            if not isinstance(statement, nodes.Output):
                what = f"line {statement.lineno}: `{{% … %}}` is not known here"
                raise BadTemplateError(f"{what}: only values, such as {{{{topic}}}}")
            for part in statement.nodes:
                if isinstance(part, nodes.TemplateData):
                    continue
                count += 1
                if count > MAX_EXPRESSIONS:
                    raise BadTemplateError(f"it names more than {MAX_EXPRESSIONS} values")
                self._check_expression(part)

    def _check_expression(self, node: nodes.Node) -> None:
        """Walk down one value: filters, fields, and the name at the bottom."""
        line, path, filters, safe = node.lineno, [], 0, False
        for _ in range(_DEEPEST):
            if isinstance(node, nodes.Filter) and node.node is not None:
                filters += 1
                safe = safe or node.name == "default"
                _check_filter(node)
                node = node.node
            elif isinstance(node, nodes.Getattr):
                path.append(node.attr)
                node = node.node
            elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
                if type(node.arg.value) not in {str, int}:
                    raise BadTemplateError(f"line {line}: what stands in [] is a name or a number")
                path.append(str(node.arg.value))
                node = node.node
            else:
                break
        if filters > _MOST_FILTERS:
            raise BadTemplateError(f"line {line}: more than {_MOST_FILTERS} filters")
        if not isinstance(node, nodes.Name):
            text = f"line {line}: only names, their fields and filters may stand in {{{{ }}}}"
            raise BadTemplateError(text)
        if node.name == "self":  # jinja2's own
            raise BadTemplateError(f"line {line}: nothing can be called `self`")
        if safe:
            self._safe.add(len(self.names))
        self.names.append((node.name, *reversed(path)))

    @staticmethod
    def _single(parsed: nodes.Template) -> nodes.Expr | None:
        parts = [part for output in parsed.body for part in output.nodes]  # type: ignore[attr-defined]  # `_check` let nothing else through
        single = len(parts) == 1 and not isinstance(parts[0], nodes.TemplateData)
        return parts[0] if single else None


def _check_filter(node: nodes.Filter) -> None:
    line = node.lineno
    if node.name not in FILTERS:
        raise BadTemplateError(
            f"line {line}: unknown filter `{node.name}`{nearest(node.name, list(FILTERS))}"
        )
    types = FILTERS[node.name][1]
    given = [arg.value if isinstance(arg, nodes.Const) else None for arg in node.args]
    plain = not (node.kwargs or node.dyn_args or node.dyn_kwargs) and len(given) <= len(types)
    if not plain or not all(
        isinstance(arg, nodes.Const) and isinstance(value, kind) and type(value) is not bool
        for arg, value, kind in zip(node.args, given, types, strict=False)
    ):
        raise BadTemplateError(f"line {line}: the filter `{node.name}` takes no such arguments")


def _expression(node: nodes.Expr) -> Any:
    body: list[nodes.Node] = [nodes.Assign(nodes.Name("result", "store"), node, lineno=1)]
    return _ENVIRONMENT.from_string(nodes.Template(body, lineno=1))


def _evaluated(template: Any, values: Mapping[str, Any]) -> Any:
    context = template.new_context(dict(values))
    for _ in template.root_render_func(context):
        pass
    found = context.vars["result"]
    if isinstance(found, StrictUndefined):
        str(found)  # raises
    return found


class Filler:
    """Fills in every template in a value; `texts` are those that were compiled, by their source."""

    def __init__(self, texts: Mapping[str, Template], values: Mapping[str, Any]) -> None:
        """Take what the templates may name."""
        self._texts = texts
        self._values = values
        self._chars = 0

    def fill(self, value: Any) -> Any:
        """Return `value` with its templates filled in.

        Raises:
            WorkflowError: one of them cannot be, or all together become too long.
        """
        if isinstance(value, str):
            return self._filled(value) if value in self._texts else value
        if isinstance(value, list):
            return [self.fill(item) for item in value]
        if isinstance(value, dict):
            return {key: self.fill(item) for key, item in value.items()}
        return value

    def _filled(self, source: str) -> Any:
        found = self._texts[source].value(self._values)
        self._chars += len(found) if isinstance(found, str) else 0
        if self._chars > MAX_RESULT_CHARS:
            text = f"the templates together become longer than {MAX_RESULT_CHARS:,} characters"
            raise WorkflowError(text)
        return found


__all__ = ["BadTemplateError", "Filler", "Template"]
