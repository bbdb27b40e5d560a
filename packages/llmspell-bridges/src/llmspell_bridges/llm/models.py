"""From what a spell writes to what is called: names, aliases, keys."""

from __future__ import annotations

import os
import re
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from llmspell_bridges.llm.settings import SERVED_HERE, company
from llmspell_core import AuthenticationError, ConfigurationError, ModelNotFoundError
from llmspell_core.environment import is_credential
from llmspell_core.redact import redactor

if TYPE_CHECKING:
    from llmspell_bridges.llm.settings import Provider, Settings

ALIASES = {  # bare names that people write and litellm's own table does not know, or no longer
    "claude-3-opus": "anthropic/claude-3-opus-20240229",
    "claude-3-sonnet": "anthropic/claude-3-sonnet-20240229",
    "claude-3-haiku": "anthropic/claude-3-haiku-20240307",
    "claude-3-5-sonnet": "anthropic/claude-3-5-sonnet-20241022",
    "claude-3-5-haiku": "anthropic/claude-3-5-haiku-20241022",
    "gpt-4": "openai/gpt-4",
    "gpt-4o": "openai/gpt-4o",
    "gpt-4o-mini": "openai/gpt-4o-mini",
    "gpt-3.5-turbo": "openai/gpt-3.5-turbo",
    "mistral-large": "mistral/mistral-large-latest",
    "mistral-small": "mistral/mistral-small-latest",
    "command-r": "cohere/command-r",
    "deepseek-chat": "deepseek/deepseek-chat",
    "smollm2": "local/smollm2",
    "minilm": "local/minilm",
}
LOCAL = "local"
_NAME_LENGTH = 200  # what a sane name takes; finding the nearest to a huge one would take minutes
# Some of litellm's providers take a URL for a model's name, and send it their key; others build
# the request's path from it.
_NAME = re.compile(r"(?!.*(?:://|\.\.|//))[\w.:@/+-]+", re.ASCII)
_REGION = re.compile(r"[\w-]*", re.ASCII)
_SIGNS_IN = ("chatgpt", "github_copilot")
"""Providers without a key: litellm would start a login in the browser, and wait for it."""
_BY_FILE = {  # where the tools of these companies keep who somebody is
    "bedrock": ("~/.aws/credentials", "~/.aws/config"),
    "sagemaker": ("~/.aws/credentials", "~/.aws/config"),
    "vertex_ai": ("~/.config/gcloud/application_default_credentials.json",),
}
_AWS = (
    *("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"),
    *("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
)
_NEEDS_ADDRESS = (
    *("ai21", "aiohttp_openai", "custom", "custom_openai", "hosted_vllm", "litellm_proxy"),
    *("lm_studio", "openai_like", "xinference"),
)
"""Without an address, litellm takes these to OpenAI's, with whatever key they have."""
ONE_KEY = frozenset(
    {"anthropic", "cohere", "deepseek", "groq", "mistral", "openai", "openrouter", "xai"}
)
"""Those that most are asked, and that want the one variable: litellm takes 20 µs to say so."""
_OTHER_VARIABLES = {
    "anthropic": ("ANTHROPIC_AUTH_TOKEN",),
    "bedrock": (*_AWS, "AWS_BEARER_TOKEN_BEDROCK"),
    "dashscope": ("QWEN_API_KEY",),
    "datarobot": ("DATAROBOT_API_TOKEN",),
    "friendliai": ("FRIENDLI_TOKEN",),
    "gemini": ("GOOGLE_API_KEY",),
    "huggingface": ("HF_TOKEN",),
    "meta_llama": ("LLAMA_API_KEY",),
    "perplexity": ("PERPLEXITYAI_API_KEY",),
    "sagemaker": _AWS,
    "together_ai": ("TOGETHERAI_API_KEY",),
    "vertex_ai": ("GOOGLE_APPLICATION_CREDENTIALS", "VERTEXAI_PROJECT"),
    "volcengine": ("ARK_API_KEY",),
}
_PLACEHOLDER = "not-needed"  # litellm asks for a key even where the host's own server wants none


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A resolved model; `name`, ``provider/model``, is what permissions and answers speak of."""

    provider: str
    model: str

    @property
    def name(self) -> str:
        """``provider/model``."""
        return f"{self.provider}/{self.model}"


def resolve(litellm: Any, settings: Settings, name: str, provider: str | None = None) -> Model:
    """Find what `name` stands for, with `provider` where the spell names it apart.

    Raises:
        ModelNotFoundError: nothing has this name; the message has the nearest ones.
        ConfigurationError: an alias leads back to itself.
    """
    for part in (name, provider or name):
        _check_name(part)
    full = _unalias(settings, name)
    if provider is not None:
        bare = full.removeprefix(f"{provider}/")
        full = f"{provider}/{name if bare == full and '/' in full else bare}"
        _check_name(full)
    first, slash, rest = full.partition("/")
    if slash and rest and _is_provider(litellm, settings, first):
        return _existing(Model(provider=first, model=rest))
    if slash and (provider is not None or full not in litellm.model_cost):
        raise _unknown_provider(litellm, settings, first, full)
    return _bare(litellm, settings, full)


def _check_name(text: str) -> None:
    """Refuse what could lead a request to another host than the provider's."""
    # An ARN's region, which litellm makes part of a host: with the host's credentials,
    # `bedrock/agentcore/arn:aws:bedrock-agentcore:evil.example/:…` would be called at evil.example.
    region = "".join(text.split(":", 4)[3:4])
    if len(text) > _NAME_LENGTH or not _NAME.fullmatch(text) or not _REGION.fullmatch(region):
        raise ModelNotFoundError(f"no model is named {text[:40]!r}", model=text[:40])


def connection(
    litellm: Any, settings: Settings, model: Model, provider: Provider
) -> dict[str, Any]:
    """Say how litellm reaches `model`, of the `provider`: its own name for it, address and key.

    Raises:
        AuthenticationError: there is no key, and the provider wants one; it names the variable.
        ConfigurationError: there is no address, or the key cannot be read.
    """
    known = model.provider == LOCAL or known_to(litellm, model.provider)
    # A provider that only the host's settings know speaks OpenAI's protocol.
    arguments: dict[str, Any] = {"model": model.name if known else f"openai/{model.model}"}
    if provider.base_url is not None:
        arguments["api_base"] = provider.base_url
    elif model.provider in _NEEDS_ADDRESS or not known:
        text = (
            f"no address for the provider `{model.provider}`: set `base_url` in the configuration "
            f"of `providers.{model.provider}`"
        )
        raise ConfigurationError(text, key=f"providers.{model.provider}.base_url")
    key = None if provider.api_key is None else provider.api_key.get_secret_value()
    if key is None and not known:
        key = os.environ.get(_variable(model.provider))
        redactor.learn(key, _variable(model.provider))
    missing = [] if key or not known else missing_keys(litellm, settings, model)
    if missing and provider.base_url is None:
        names = " and ".join(missing)
        text = (
            f"no key for the provider `{model.provider}`: set the environment variable {names}, "
            "or choose a model that needs none, such as local/smollm2"
        )
        raise AuthenticationError(text, provider=model.provider, model=model.name)
    if key or missing or not known:
        arguments["api_key"] = key or _PLACEHOLDER
    return arguments


def missing_keys(litellm: Any, settings: Settings, model: Model) -> list[str]:
    """List the environment variables without which the provider cannot be called.

    A provider that the host has not set up is not called at all, though some would answer.
    """
    name = company(model.provider)
    variable = _variable(name)
    if name == LOCAL or name in SERVED_HERE:
        return []
    key = os.environ.get(variable, "-").strip()
    if name in _SIGNS_IN or not key:
        return [variable]  # an empty key is none
    if key != "-" and name in ONE_KEY:
        return []
    names: list[str] = litellm.validate_environment(model.name)["missing_keys"]
    if len(names) == 1:
        return names
    # None are missing, or litellm does not know which; several are one of several ways to sign in.
    return [] if has_key(settings, name) else names or [variable]


def has_key(settings: Settings, name: str) -> bool:
    """Say whether the host has set the provider `name` up: a key, an address, a way to sign in."""
    provider, name = settings.provider(name), company(name)
    by_role = name in _BY_FILE and name in settings.providers  # named: whoever the machine is
    if provider.base_url or name == LOCAL or by_role:
        return True
    if provider.api_key is not None:
        try:
            return bool(provider.api_key.get_secret_value())
        except ConfigurationError:  # the first call says what is wrong with it
            return False
    prefix = f"{name.upper().replace('-', '_')}_"
    own = [it for it in os.environ if it.startswith(prefix) and is_credential(it)]
    variables = (*own, *_OTHER_VARIABLES.get(name, ()))
    return any(os.environ.get(variable, "").strip() for variable in variables) or any(
        Path(file).expanduser().exists() for file in _BY_FILE.get(name, ())
    )


def _variable(provider: str) -> str:
    return f"{provider.upper().replace('-', '_')}_API_KEY"


def _unalias(settings: Settings, name: str) -> str:
    table = {**ALIASES, **settings.aliases}
    seen = [name]
    while (target := table.get(seen[-1])) is not None and target != seen[-1]:
        if target in seen:
            chain = " → ".join([*seen, target])
            raise ConfigurationError(f"the model alias {name!r} leads to itself: {chain}")
        seen.append(target)
    return seen[-1]


def known_to(litellm: Any, provider: str) -> bool:
    """Say whether litellm has a provider of this name."""
    # its members are texts: comparing takes 0.2 µs, a set made of them took 72 µs, twice a call
    return provider in litellm.provider_list


def _is_provider(litellm: Any, settings: Settings, name: str) -> bool:
    return name == LOCAL or name in settings.providers or known_to(litellm, name)


def _existing(model: Model) -> Model:
    """Refuse a local model that is not in the catalogue; other providers know their own."""
    if model.provider == LOCAL:
        from llmspell_bridges.local import find

        find(model.model)
    return model


def _bare(litellm: Any, settings: Settings, name: str) -> Model:
    if f"gemini/{name}" in litellm.model_cost:  # litellm prefers Vertex, which few have set up
        return Model(provider="gemini", model=name)
    try:
        model, provider, _, _ = litellm.get_llm_provider(model=name)
    except litellm.BadRequestError:
        raise _unknown(litellm, settings, name) from None
    return Model(provider=provider, model=model)


def _unknown(litellm: Any, settings: Settings, name: str) -> ModelNotFoundError:
    known = [*settings.aliases, *ALIASES, *(k for k in litellm.model_cost if "/" not in k)]
    near = [f"`{k}`" for k in get_close_matches(name, list(dict.fromkeys(known)), n=3)]
    hint = f"did you mean {' or '.join(near)}?" if near else "write it as `provider/model`."
    text = f"unknown model `{name}`; {hint} `llm.models()` lists those that can be used here"
    return ModelNotFoundError(text, model=name)


def _unknown_provider(
    litellm: Any, settings: Settings, provider: str, name: str
) -> ModelNotFoundError:
    known = [LOCAL, *settings.providers, *(getattr(p, "value", p) for p in litellm.provider_list)]
    near = [f"`{k}/…`" for k in get_close_matches(provider, known, n=3)]
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    text = f"unknown provider `{provider}` in the model `{name}`{hint}"
    return ModelNotFoundError(text, provider=provider, model=name)
