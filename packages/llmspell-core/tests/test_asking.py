"""Asking before refusing: what is asked, of whom, how often, and what an answer does."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from llmspell_core import (
    Bridge,
    CallContext,
    InternalError,
    PermissionDeniedError,
    Permissions,
    Question,
    Runtime,
    Session,
    Want,
    method,
    parse_header,
)
from llmspell_core.dispatch import call

sys.path.insert(0, str(Path(__file__).parent))
from toy import ToyEngine

pytestmark = pytest.mark.anyio

YES, NO = True, False
HEADER = """-- /// spell
-- description = "Reads notes"
-- [needs]
-- read = ["notes"]
-- net = ["example.org"]
-- env = ["LANG", "API_KEY"]
-- models = ["openai/*"]
-- ///
"""


class Named(Bridge):
    """Asks for each effect by name."""

    name = "named"
    by_name = True

    @method(effects=("read",))
    async def read(self, name: str, *, ctx: CallContext) -> str:
        """Read a file."""
        await ctx.ask("read", name)
        return f"read {name}"

    @method(effects=("net",))
    async def net(self, name: str, *, ctx: CallContext) -> str:
        """Reach a host."""
        await ctx.ask("net", name)
        return f"net {name}"

    @method(effects=("read",))
    async def write(self, name: str, *, ctx: CallContext) -> None:
        """Use an effect that it does not declare."""
        await ctx.ask("write", name)


class Coarse(Bridge):
    """Needs an effect, and does not say for what."""

    name = "coarse"

    @method(effects=("net",))
    async def send(self, what: str) -> str:
        """Send something somewhere."""
        return what


class Person:
    """Answers questions, and remembers them."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.questions: list[Question] = []
        self.at_once = self.most_at_once = 0

    async def __call__(self, question: Question) -> bool:
        self.questions.append(question)
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        answer: bool = self.answers.pop(0)
        return answer

    @property
    def wants(self) -> list[list[tuple[str, str | None]]]:
        return [[(want.effect, want.name) for want in it.wants] for it in self.questions]


def run(person: Person | None, **options: Any) -> Session:
    """Make a run in which a person is asked."""
    bridges = {"named": Named(), "coarse": Coarse()}
    return Session(bridges=bridges, ask=person, name="x.toy", file="/spells/x.toy", **options)


async def use(session: Session, name: str, effect: str = "read") -> Any:
    """Use a name of an effect."""
    return await call(session, "named", effect, [name])


async def test_a_yes_grants_that_name_for_the_run() -> None:
    """The call goes on, and neither it nor what lies below is asked for again."""
    person = Person(YES)
    session = run(person)
    assert await use(session, "notes") == "read notes"
    assert await use(session, "notes/a.txt") == "read notes/a.txt"
    assert person.wants == [[("read", "notes")]]


async def test_a_no_is_the_refusal_with_its_flag() -> None:
    """What is granted nobody, is refused as if nobody had been asked."""
    with pytest.raises(PermissionDeniedError) as caught:
        await use(run(Person(NO)), "notes")
    assert caught.value.flag == "--allow-read=notes"


@pytest.mark.parametrize("answer", [None, 1, "yes", "n"])
async def test_anything_but_true_is_a_no(answer: object) -> None:
    """A mistake of whoever asks grants nothing."""
    with pytest.raises(PermissionDeniedError):
        await use(run(Person(answer)), "notes")


async def test_a_question_says_who_wants_what_and_whether_it_was_declared() -> None:
    """The spell's name, file and description, the method, the effect and the exact name."""
    person = Person(YES, YES)
    session = run(person, header=parse_header(HEADER))
    await use(session, "notes/a.txt")
    await use(session, "other")
    assert person.questions[0] == Question(
        spell="x.toy",
        file="/spells/x.toy",
        description="Reads notes",
        where="named.read",
        wants=(Want(effect="read", name="notes/a.txt", declared=True),),
    )
    assert person.questions[1].wants[0].declared is False


async def test_without_anybody_to_ask_it_is_refused() -> None:
    """The message names the flag."""
    with pytest.raises(PermissionDeniedError, match="allow it with --allow-read=notes"):
        await use(run(None), "notes")


async def test_questions_are_asked_one_at_a_time() -> None:
    """Calls that are refused at the same time wait for their turn."""
    person = Person(*[True] * 5)
    session = run(person)
    await asyncio.gather(*(use(session, name) for name in "abcde"))
    assert (len(person.questions), person.most_at_once) == (5, 1)


async def test_the_same_want_at_the_same_time_is_asked_once() -> None:
    """The answer is for all that wait for it, a yes and a no."""
    for answer in (True, False):
        person = Person(answer)
        session = run(person)
        calls = [use(session, "notes") for _ in range(5)]
        ended = await asyncio.gather(*calls, return_exceptions=True)
        assert len(person.questions) == 1
        assert [isinstance(it, PermissionDeniedError) for it in ended] == [not answer] * 5


async def test_what_was_refused_is_not_asked_again() -> None:
    """Nor is what lies below it."""
    person = Person(NO)
    session = run(person)
    for name in ("notes", "notes", "notes/a.txt"):
        with pytest.raises(PermissionDeniedError):
            await use(session, name)
    assert len(person.questions) == 1


async def test_after_three_refusals_of_an_effect_no_more_is_asked_about_it() -> None:
    """Other effects still are."""
    person = Person(NO, NO, NO, YES)
    session = run(person)
    for name in "abcdef":
        with pytest.raises(PermissionDeniedError):
            await use(session, name)
    assert await use(session, "example.org", "net") == "net example.org"
    assert person.wants == [[("read", n)] for n in "abc"] + [[("net", "example.org")]]


async def test_a_method_that_names_nothing_asks_for_all_of_its_effect() -> None:
    """The question says so: no name."""
    person = Person(NO, YES)
    session = run(person)
    with pytest.raises(PermissionDeniedError):
        await call(session, "coarse", "send", ["x"])
    session = run(person)
    assert await call(session, "coarse", "send", ["x"]) == "x"
    assert person.wants == [[("net", None)]] * 2


async def test_an_undeclared_effect_is_not_asked_for() -> None:
    """It is a mistake of the bridge's, whoever would grant it."""
    person = Person(YES)
    with pytest.raises(InternalError, match="`write` without declaring it"):
        await use(run(person), "x", "write")
    assert person.questions == []


async def test_a_grant_that_does_not_help_is_not_asked_for_twice() -> None:
    """A check that still refuses after a yes ends, instead of asking for ever."""
    person = Person(YES)
    session = run(person)
    refused = PermissionDeniedError("no")
    refused.wants = (("read", "x"),)

    async def check() -> None:
        raise refused

    with pytest.raises(PermissionDeniedError):
        await session.permitted(check, "x.y")
    assert len(person.questions) == 1


async def test_what_no_grant_helps_is_not_asked_for() -> None:
    """A refusal without a want is final."""
    person = Person()

    async def check() -> None:
        raise PermissionDeniedError("never")

    with pytest.raises(PermissionDeniedError, match="never"):
        await run(person).permitted(check, "x.y")


async def test_the_clock_stands_while_a_question_is_open() -> None:
    """The engine is told when it begins and when it ends, also when it ends in an error."""
    told: list[bool] = []

    async def ask(_: Question) -> bool:
        assert told == [True]
        raise ZeroDivisionError

    session = run(None)
    session = Session(bridges={"named": Named()}, ask=ask)
    session.on_hold.append(told.append)
    with pytest.raises(InternalError, match="ZeroDivisionError"):
        await use(session, "notes")
    assert told == [True, False]


async def test_holds_may_overlap() -> None:
    """The clock goes on after the last of them."""
    told: list[bool] = []
    session = run(None)
    session.on_hold.append(told.append)
    with session.hold(), session.hold():
        pass
    assert told == [True, False]


async def test_a_time_out_stands_still_with_the_run() -> None:
    """What was left before a question is left after it; outside the block it is on its own."""
    session, loop = run(None), asyncio.get_running_loop()
    async with asyncio.timeout(50.0) as clock:
        with session.pausing(clock):
            with session.hold():
                assert clock.when() is None
                await asyncio.sleep(0)
            left = clock.when()
            assert left is not None
            assert left - loop.time() <= 50.0
        with session.hold():
            assert clock.when() == left
            with session.pausing(clock):
                assert clock.when() is None


async def test_a_time_out_still_ends_what_it_bounds() -> None:
    """With what was left of it."""
    session = run(None)

    async def bounded() -> None:
        async with asyncio.timeout(0.01) as clock:
            with session.pausing(clock):
                with session.hold():
                    await asyncio.sleep(0.05)  # longer than the time out
                await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await bounded()


async def test_each_question_is_recorded() -> None:
    """With what was wanted, and what was answered."""
    events: list[dict[str, Any]] = []
    session = run(Person(YES), recorder=events.append)
    await use(session, "notes")
    assert events[0] == {
        "event": "asked",
        "call": "named.read",
        "wants": [["read", "notes"]],
        "granted": True,
    }


def runtime(person: Person, **options: Any) -> Runtime:
    """Make a runtime in which a person is asked."""
    environ = {"LANG": "C", "API_KEY": "sk", "HOME": "/h"}
    return Runtime(engines=[ToyEngine], bridges=[Named()], ask=person, environ=environ, **options)


def toy(text: str) -> str:
    """Give a toy script the header: its comments begin with `#`."""
    return HEADER.replace("-- ", "# ") + text


async def test_the_headers_needs_are_asked_for_together_before_the_start() -> None:
    """In one question, without what is granted already and without credentials."""
    person = Person(YES)
    async with runtime(person, permissions=Permissions(net=("example.org",))) as it:
        result = await it.run(toy("env"), language="toy")
    assert result.value == {"LANG": "C"}
    (question,) = person.questions
    assert question.where is None
    assert person.wants == [[("read", "notes"), ("env", "LANG")]]
    assert all(want.declared for want in question.wants)


async def test_a_no_at_the_start_lets_the_spell_run_without() -> None:
    """What was declared and refused is not asked for again when it is used."""
    person = Person(NO)
    script = toy('call named read ["notes/a.txt"]')
    async with runtime(person) as it:
        assert (await it.run(toy("env"), language="toy")).value == {}
        person.answers = [False]
        with pytest.raises(PermissionDeniedError):
            await it.run(script, language="toy")
    assert len(person.questions) == 2


async def test_a_spell_that_has_all_it_declares_is_not_asked_about() -> None:
    """There is nothing to ask."""
    person = Person()
    granted = Permissions(read=True, net=True, env=("LANG",))
    async with runtime(person, permissions=granted) as it:
        await it.run(toy("return 1"), language="toy")
    assert person.questions == []


async def test_nobody_is_flooded_with_needs() -> None:
    """Twenty are asked for; what comes after them is not granted with them."""
    person = Person(YES, NO)
    needs = ", ".join(f'"n{n}"' for n in range(25))
    script = f"# /// spell\n# [needs]\n# read = [{needs}]\n# ///\n"
    async with runtime(person) as it:
        await it.run(script + 'call named read ["n19"]', language="toy")
        assert [len(question.wants) for question in person.questions] == [20]
        person.answers = [YES, NO]
        with pytest.raises(PermissionDeniedError):
            await it.run(script + 'call named read ["n20"]', language="toy")


async def test_a_run_may_bring_its_own_to_ask() -> None:
    """It takes the place of the runtime's."""
    theirs, own = Person(), Person(YES)
    async with runtime(theirs) as it:
        await it.run('call named read ["x"]', language="toy", ask=own)
    assert (len(theirs.questions), len(own.questions)) == (0, 1)


@pytest.mark.parametrize(
    ("effect", "grant", "name", "covered"),
    [
        ("read", "docs", "docs/a.txt", True),
        ("read", "docs/", "docs", True),
        ("read", "docs", "docs-not", False),
        ("read", "docs", "docs/../secret", False),
        ("read", "/", "/etc/passwd", True),
        ("write", "~/x", "~/x/y", False),
        ("net", "example.org", "example.org:8443", True),
        ("net", "example.org:8443", "example.org", False),
        ("net", "::1", "[::1]:80", True),
        ("net", "*.example.org", "a.example.org:8443", True),
        ("net", "*.example.org", "example.org", False),
        ("model", "openai/*", "openai/gpt-4o", True),
        ("env", "LANG", "LANGUAGE", False),
    ],
)
def test_a_granted_name_covers_what_it_holds(
    effect: str,
    grant: str,
    name: str,
    covered: bool,  # noqa: FBT001 - a table
) -> None:
    """A path what is below it, a host its ports, a pattern what it matches."""
    assert Permissions(**{effect: (grant,)}).allows(effect, name) is covered


def test_one_more_name_leaves_the_others() -> None:
    """And all of an effect leaves nothing to add."""
    some = Permissions(read=("a",))
    assert some.granting("read", "b").read == ("a", "b")
    assert some.granting("net", "x").net == ("x",)
    assert some.granting("read", None).read is True
    assert Permissions.everything().granting("read", "a").read is True
