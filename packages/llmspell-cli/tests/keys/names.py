"""Every name of a parameter that litellm takes anywhere, collected from litellm itself."""

from __future__ import annotations

import inspect
from typing import Any

CALLS = (
    *("acompletion", "completion", "aembedding", "aimage_generation", "aspeech"),
    *("atranscription", "amoderation", "arerank", "atext_completion", "aresponses"),
)
DANGEROUS = (
    *("api_base", "base_url", "api_key", "api_version", "extra_headers", "extra_body", "headers"),
    *("input_cost_per_token", "output_cost_per_token", "custom_llm_provider", "mock_response"),
    *("proxy", "callbacks", "fallbacks", "model_list", "metadata", "organization", "client"),
    *("aws_bedrock_runtime_endpoint", "vertex_credentials", "azure_ad_token", "shared_session"),
    *("litellm_metadata", "litellm_params", "success_callback", "custom_prompt_dict", "router"),
    *("extra_query", "user_config", "prompt_id", "cache", "caching", "no-log", "timeout", "n"),
)


def collected(litellm: Any) -> list[str]:
    """Name them all: of its calls, its settings of a deployment, its prices, and OpenAI's own."""
    from litellm import constants
    from litellm.litellm_core_utils.get_litellm_params import get_litellm_params
    from litellm.types import router, utils

    names: set[str] = {*DANGEROUS, *utils.all_litellm_params}
    functions = [getattr(litellm, call) for call in CALLS if hasattr(litellm, call)]
    for function in (*functions, get_litellm_params):
        names.update(inspect.signature(function).parameters)
    for record in ("GenericLiteLLMParams", "LiteLLM_Params", "CredentialLiteLLMParams"):
        names.update(getattr(router, record).model_fields)
    for name, value in vars(constants).items():
        if "PARAM" in name and isinstance(value, (list, tuple, set, frozenset, dict)):
            names.update(each for each in value if isinstance(each, str))
    for prices in litellm.model_cost.values():
        names.update(name for name in prices if "cost" in name)
    names -= {"self", "args", "kwargs", "params"}
    camel = {_camel(name) for name in DANGEROUS}
    return sorted({name for name in names if name.isprintable() and len(name) < 100} | camel)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)
