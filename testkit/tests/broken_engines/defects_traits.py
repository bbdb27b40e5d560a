"""Engines that boast of a trait, or hide one; and good ones whose language really lacks it."""

from __future__ import annotations

import ast
from typing import Any

import msgspec
from defects import defect, lacking
from defects_errors import TextErrors
from defects_values import ReadableBytes, WholeFloats
from snake import Run, Snake

from llmspell_core.errors import Frame, ScriptSyntaxError

# -- good engines that lack a trait, and say so ---------------------------------------------------


class Unicode(Run):
    """Knows no text that is not Unicode: to write one is a mistake in the script."""

    def parsed(self, text: str, name: str) -> ast.Module:
        tree = super().parsed(text, name)
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                try:
                    node.value.encode()
                except UnicodeEncodeError:
                    place = [Frame(name, node.lineno)]
                    raise ScriptSyntaxError("this is no text", traceback=place) from None
        return tree


class Untried(ast.NodeTransformer):
    """Takes ``try`` out of a language."""

    def visit_Try(self, node: ast.Try) -> list[ast.stmt]:
        return node.body


class Uncaught(Run):
    """Has no ``try``: what fails ends the run."""

    def parsed(self, text: str, name: str) -> ast.Module:
        tree: ast.Module = Untried().visit(super().parsed(text, name))
        return tree


class Known(dict[str, Any]):
    """Names that may be used, and not asked for."""

    def __contains__(self, name: object) -> bool:
        self[str(name)]
        return True

    def get(self, name: str, default: Any = None) -> Any:
        return self[name]

    def __missing__(self, name: str) -> Any:
        text = f"name {name!r} is not defined"
        raise NameError(text)


class FixedNames(Run):
    """Ends the run where a script asks for a name that is not there."""

    def names(self, params: dict[str, Any]) -> dict[str, Any]:
        names = super().names(params)
        return {**names, "globals": lambda: Known(names)}


LACKING = {
    "bytes": ReadableBytes,
    "float_identity": WholeFloats,
    "invalid_text": Unicode,
    "catching": Uncaught,
    "thrown_values": TextErrors,
    "dynamic_names": FixedNames,
}
"""For each trait what lacks it. Stated all the same, each is a defect."""


def without(trait: str) -> type[Snake]:
    """Make a good engine whose language lacks a trait."""
    return type("Lacking", (Snake,), {"run_class": LACKING[trait], "info": lacking(trait)})


# -- engines that hide what their language has ----------------------------------------------------

HIDDEN = {
    "bytes": ("lacking-bytes", "lacking-bytes-from-host"),
    "float_identity": ("lacking-float-identity",),
    "invalid_text": ("lacking-invalid-text",),
    "catching": ("lacking-catching",),
    "thrown_values": ("lacking-thrown-values",),
    "dynamic_names": ("lacking-dynamic-names",),
}
"""For each trait the cases that show an engine with it, and none to hide it."""

for _trait, _cases in HIDDEN.items():
    defect(*_cases)(type(f"Hiding-{_trait}", (Snake,), {"info": lacking(_trait)}))


# -- engines that state what their language lacks; for the other traits see `LACKING` ---------------


@defect(
    "values-text-lone-surrogate",
    "values-text-lone-surrogate-in-key",
    "errors-odd-text",
    "stdlib-console-odd-text",
)
class BoastsOfInvalidText(Unicode):
    """States that a text may hold anything, and takes no such text."""


@defect(
    "errors-bridge-fields",
    "streams-fail-midway",
    "values-catch-conversion",
    "values-text-lone-surrogate",
)
class BoastsOfCatching(Uncaught):
    """States that a script can catch, and has no ``try``."""


@defect("stdlib-fresh-globals")
class BoastsOfDynamicNames(FixedNames):
    """States that a script can ask for a name, and ends the run where it is not there."""


@defect("test_traits_are_documented")
class UnknownTrait(Snake):
    """States what nobody has heard of."""

    info = msgspec.structs.replace(Snake.info, traits=Snake.info.traits | {"magic"})


@defect("test_traits_are_documented")
class CapabilityAsTrait(Snake):
    """States as a trait what is a capability, too."""

    info = msgspec.structs.replace(Snake.info, traits=Snake.info.traits | {"streams"})


@defect("test_capabilities_are_documented")
class TraitAsCapability(Snake):
    """Claims as a capability what is a trait, too."""

    info = msgspec.structs.replace(
        Snake.info, capabilities=Snake.info.capabilities | {"float_identity"}
    )
