"""`BridgeContract`: what every bridge must do, as tests that a subclass inherits.

The whole of a third party's test file::

    from llmspell_testkit import BridgeContract
    from my_bridge import MyBridge

    class TestMyBridge(BridgeContract):
        bridge = MyBridge
        settings = {"greeting": "Hello"}
        known_failures = {"greet.no-coercion": "the library does not tell 1 from true, issue 12"}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
import pytest

from llmspell_core.permissions import Permissions
from llmspell_testkit.bridge import checks as _checks  # noqa: F401 - registers them
from llmspell_testkit.bridge.check import CHECKS, Check, Group, Subject, Trial, report
from llmspell_testkit.bridge.engines import engine_names
from llmspell_testkit.bridge.host import BridgeHost
from llmspell_testkit.bridge.members import Member, members_of
from llmspell_testkit.bridge.world import BridgeWorld
from llmspell_testkit.not_asked import NOT_ASKED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from llmspell_core.bridge import Bridge, Handle
    from llmspell_testkit.bridge.world import Fault, Slow

SETTINGS = frozenset(
    {
        "bridge",
        "settings",
        "permissions",
        "known_failures",
        "companions",
        "handles",
        "builders",
        "examples",
        "variadic",
        "delegates",
        "faults",
        "slow",
        "deadline_s",
        "bridge_world",
    }
)
"""What a subclass of `BridgeContract` may set; everything else is the contract's own."""


class BuilderExample(msgspec.Struct, frozen=True, kw_only=True):
    """How a script composes a builder that works: its arguments, then steps with theirs."""

    args: dict[str, Any] = {}
    steps: Sequence[tuple[str, dict[str, Any]]] = ()


class BridgeContract:
    """Subclass it, name the bridge, and run pytest.

    `settings` are the host's configuration of the bridge, `permissions` what its examples need
    (default: everything). `known_failures` maps a check's id to the reason why it fails today: it
    is strict, so an id that no check has fails, and so does a check that passes.

    What the metadata does not tell: `companions` are further bridges of the same run; `handles` the
    class of a handle where a method's hint is `Handle` alone; `builders` an example for each
    builder; `examples` the arguments of a handle's method where they depend on which object it is,
    such as a tool's; `variadic` the methods that take any number of values; `delegates`
    those that call what asks for effects of its own, such as a tool. `faults` and `slow` are ways in
    which the library can fail, and calls that wait for it. The fixture `bridge_world` makes the
    `BridgeWorld` that the examples need; override it as any fixture.

    Nothing else can be overridden. Pin the testkit to a minor version: a new one may add checks.
    """

    bridge: ClassVar[type[Bridge]]
    settings: ClassVar[Mapping[str, Any]] = {}
    permissions: ClassVar[Permissions] = Permissions.everything()
    known_failures: ClassVar[Mapping[str, str]] = {}
    companions: ClassVar[Sequence[type[Bridge]]] = ()
    handles: ClassVar[Mapping[str, type[Handle]]] = {}
    builders: ClassVar[Mapping[str, BuilderExample]] = {}
    examples: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    variadic: ClassVar[Sequence[str]] = ()
    delegates: ClassVar[Sequence[str]] = ()
    faults: ClassVar[Mapping[str, Fault]] = {}
    slow: ClassVar[Mapping[str, Slow]] = {}
    deadline_s: ClassVar[float] = 30.0
    _host: ClassVar[BridgeHost]

    def __init_subclass__(cls) -> None:
        """Refuse a subclass that replaces a part of the contract.

        Raises:
            TypeError: it names the part, and what to do instead.
        """
        super().__init_subclass__()
        for name in vars(cls):
            if name in vars(BridgeContract) and name not in SETTINGS and name[:2] != "__":
                text = (
                    f"{cls.__name__}.{name} overrides a part of the contract; "
                    "declare what fails in `known_failures`, with the reason"
                )
                raise TypeError(text)

    @pytest.fixture
    def bridge_world(self) -> BridgeWorld:
        """Make the world of the examples; override it where they need one."""
        return BridgeWorld()

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make one test of every check and what it is made on; pytest asks classes too."""
        if "bridge_trial" in metafunc.fixturenames:
            group: Any = metafunc.function.__name__.removeprefix("test_")
            trials = self.trials(group)
            metafunc.parametrize("bridge_trial", trials, ids=[trial.id for trial in trials])

    @classmethod
    def setup_class(cls) -> None:
        """Make the event loop on which all checks of the class run."""
        cls._host = BridgeHost(cls)

    @classmethod
    def teardown_class(cls) -> None:
        """Close the engines and the loop."""
        cls._host.close()

    @classmethod
    def members(cls) -> list[Member]:
        """List what the bridge offers, from its metadata."""
        return members_of(cls.bridge, cls.handles)

    @classmethod
    def trials(cls, group: Group | None = None) -> list[Trial]:
        """List the checks this bridge is held to."""
        members = cls.members()
        return [
            Trial(check=check, subject=subject)
            for check in CHECKS.values()
            if group in {None, check.group}
            for subject in cls._subjects(check, members)
        ]

    @classmethod
    def _subjects(cls, check: Check, members: list[Member]) -> Iterator[Subject]:
        known = {member.id: member for member in members}
        if check.about == "bridge":
            yield Subject(name=cls.bridge.name)
        elif check.about == "language":
            for engine in engine_names():
                yield Subject(name=engine, engine=engine)
        elif check.about == "fault":
            for name, fault in cls.faults.items():
                given = None if fault.method is None else known[fault.method]
                yield Subject(name=name, given=given, fault=fault)
        elif check.about == "slow":
            for name, slow in cls.slow.items():
                yield Subject(name=name, given=known[name], slow=slow)
        else:
            for member in members:
                yield from _of_member(check, member)

    def test_standard(self, bridge_world: BridgeWorld, bridge_trial: Trial) -> None:
        """The bridge declares its effects, holds nothing too long, and works beside others.

        If this fails, spells that use it can be refused wrongly, leak, block or mix up each other.
        """
        self._judge(bridge_world, bridge_trial)

    def test_type_safety(
        self,
        bridge_world: BridgeWorld,
        bridge_trial: Trial,
        record_property: Callable[[str, object], None],
    ) -> None:
        """Arguments and answers have the types that the metadata says, in every language.

        If this fails, a spell means something else in another language, or is misunderstood.
        """
        self._judge(bridge_world, bridge_trial)
        if self._host.declined:
            record_property(NOT_ASKED, [bridge_trial.subject.engine, *self._host.declined])

    def test_error_handling(self, bridge_world: BridgeWorld, bridge_trial: Trial) -> None:
        """What goes wrong is told by an error of the tree, without secrets.

        If this fails, a spell cannot tell its own mistake from the world's, or sees what it must not.
        """
        self._judge(bridge_world, bridge_trial)

    def test_methods(self, bridge_world: BridgeWorld, bridge_trial: Trial) -> None:
        """Every method is described, typed, and has an example that works.

        If this fails, editors and reference pages say less than a user needs, or what is not so.
        """
        self._judge(bridge_world, bridge_trial)

    def _judge(self, world: BridgeWorld, trial: Trial) -> None:
        reason = self.known_failures.get(trial.id)
        found = self._host.problems(trial, world)
        if reason is not None and not found:
            text = f"check `{trial.id}` is in known_failures, and passes: remove it ({reason})"
            pytest.fail(text, pytrace=False)
        if found and reason is not None:
            pytest.xfail(reason)
        if found:
            pytest.fail(report(self.bridge.name, trial, found), pytrace=False)

    def test_known_failures_are_checks(self) -> None:
        """Every known failure is a check of this bridge. If this fails, remove it."""
        unknown = sorted(set(self.known_failures) - {trial.id for trial in self.trials()})
        assert not unknown, f"known_failures names no check: {', '.join(unknown)}"

    def test_the_contract_is_whole(self) -> None:
        """What the contract was told beside the metadata fits it. If this fails, it is misspelt."""
        members = {member.id for member in self.members()}
        named = {*self.slow, *self.variadic, *self.delegates, *self.handles, *self.examples}
        named |= {fault.method for fault in self.faults.values() if fault.method}
        assert named <= members, f"no such method: {', '.join(sorted(named - members))}"
        own = sorted(name for name in self.examples if ":" not in name)
        assert not own, f"examples of the bridge's own methods belong to them: {', '.join(own)}"
        builders = {builder.name for builder in self.bridge.builders}
        wrong = f"builders: expected {sorted(builders)}, got {sorted(self.builders)}"
        assert set(self.builders) == builders, wrong


def _of_member(check: Check, member: Member) -> Iterator[Subject]:
    if check.about == "effect":
        for effect in member.method.effects:
            yield Subject(name=member.id, given=member, effect=effect)
    elif check.about == "engine":
        for engine in engine_names():
            yield Subject(name=member.id, given=member, engine=engine)
    else:
        yield Subject(name=member.id, given=member)
