"""A double of a provider of models: what it answers, and the server that answers it."""

from llmspell_testkit.provider.fake import FakeProvider
from llmspell_testkit.provider.http import Page, SeenRequest
from llmspell_testkit.provider.reply import (
    Reply,
    ToolCall,
    disconnect,
    failure,
    garbage,
    response,
    tool_call,
    vectors,
)

__all__ = [
    "FakeProvider",
    "Page",
    "Reply",
    "SeenRequest",
    "ToolCall",
    "disconnect",
    "failure",
    "garbage",
    "response",
    "tool_call",
    "vectors",
]
