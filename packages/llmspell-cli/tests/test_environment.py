"""The environment that a spell sees: granted names, in a copy of its own, and never a credential."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Cli

CREDENTIALS = (
    "OPENAI_API_KEY",
    "ANTHROPIC_API_KEY",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "GITHUB_TOKEN",
    "DB_PASSWORD",
    "SMTP_PASS",
    "MYSQL_PWD",
    "PGPASSWORD",
    "SSH_AUTH_SOCK",
    "SENTRY_DSN",
    "SESSION_COOKIE",
    "GOOGLE_APPLICATION_CREDENTIALS",
)
CANARY = "canary-7c0e"
WHOLE = {"lua": "return env", "javascript": "return env"}
ONE_BY_ONE = {
    "lua": "local seen = {} for _, name in ipairs(params.names) do "
    "seen[#seen + 1] = env[name] seen[#seen + 1] = os.getenv(name) end return seen",
    "javascript": "return params.names.map(name => env[name]).filter(value => value !== undefined)",
}

languages = pytest.mark.parametrize("language", ["lua", "javascript"])


@languages
@pytest.mark.parametrize(
    "flag", ["--allow-env", "-A", f"--allow-env={','.join(CREDENTIALS)},*_URL,LANG"]
)
def test_no_grant_shows_a_credential(cli: Cli, language: str, flag: str) -> None:
    """Not by listing, not by name, not in what the worker was started with."""
    in_urls = dict.fromkeys(("DATABASE_URL", "HTTP_PROXY"), f"http://ada:{CANARY}@db.test/x")
    env = {**dict.fromkeys(CREDENTIALS, CANARY), **in_urls, "LANG": "C.UTF-8"}
    names = json.dumps([*CREDENTIALS, *in_urls])
    for code in (WHOLE[language], ONE_BY_ONE[language]):
        done = cli("exec", code, "-l", language, flag, "--param", f"names:={names}", env=env)
        assert done.returncode == 0
        assert CANARY not in done.stdout + done.stderr
    assert "C.UTF-8" in cli("exec", WHOLE[language], "-l", language, flag, env=env).stdout


@languages
def test_only_granted_names_are_there(cli: Cli, language: str) -> None:
    """By name and by pattern; what is not granted is named in a warning with its flag."""
    env = {"LLMSPELL_TEST_A": "a", "LLMSPELL_TEST_B": "b", "OTHER": "o"}
    seen = cli("exec", "return env", "-l", language, "--allow-env=LLMSPELL_TEST_*", env=env)
    assert json.loads(seen.stdout) == {"LLMSPELL_TEST_A": "a", "LLMSPELL_TEST_B": "b"}
    one = cli("exec", "return env.OTHER", "-l", language, env=env)
    assert (one.stdout, one.returncode) == ("", 0)
    assert "env.OTHER is not granted; allow it with --allow-env=OTHER" in one.stderr


@languages
def test_a_bridge_sees_the_hosts_environment_unchanged(cli: Cli, language: str) -> None:
    """What a spell tries to write stays in its copy, if it is written at all."""
    code = {
        "lua": "pcall(function() env.LLMSPELL_TEST_A = 'changed' end) "
        "rawset(env, 'LLMSPELL_TEST_A', 'changed')",
        "javascript": "try { env.LLMSPELL_TEST_A = 'changed'; } catch { }",
    }[language]
    program = f"""
import os
from llmspell_cli import Permissions, SyncRuntime

with SyncRuntime(permissions=Permissions(env=True)) as runtime:
    runtime.run({code!r}, language={language!r})
    print(runtime.run("return env.LLMSPELL_TEST_A", language={language!r}).value)
print(os.environ["LLMSPELL_TEST_A"])
"""
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**cli.env, "LLMSPELL_TEST_A": "a"},
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )
    assert done.stdout == "a\na\n"
