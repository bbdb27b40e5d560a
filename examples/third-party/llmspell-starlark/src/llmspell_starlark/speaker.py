"""Starlark's speaker: with it, the contracts of bridges ask this engine as well."""

from llmspell_testkit import CallChain


def speak(chain: CallChain) -> str:
    """Write a call: without handles, streams and builders, a chain has one."""
    (step,) = chain.steps
    args = ", ".join(f'params["a0"][{index}]' for index in range(step.count))
    return f"result = {chain.bridge}.{step.method}({args})"
