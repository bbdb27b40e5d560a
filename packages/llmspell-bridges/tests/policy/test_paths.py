"""Which files a run may touch."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmspell_bridges.fs import files
from llmspell_bridges.policy import protected
from llmspell_bridges.policy.paths import PathPolicy, Place
from llmspell_core import PermissionDeniedError, Permissions, ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "the secret outside"


def open_files() -> int:
    """Count this process's descriptors."""
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Make a granted folder with links of every kind, and a secret beside it."""
    inside = tmp_path / "granted"
    (inside / "sub").mkdir(parents=True)
    (inside / "note.txt").write_text("inside")
    (inside / "sub" / "deep.txt").write_text("inside")
    (tmp_path / "granted-not").mkdir()
    for name in ("secret.txt", "granted-not/secret.txt"):
        (tmp_path / name).write_text(SECRET)
    (inside / "out").symlink_to(tmp_path)
    (inside / "out.txt").symlink_to("../secret.txt")
    (inside / "in").symlink_to("sub")
    (inside / "in.txt").symlink_to(inside / "note.txt")
    (inside / "loop").symlink_to("loop")
    (inside / "dangling").symlink_to("../new.txt")
    return tmp_path


def reader(tree: Path, *, read: bool | tuple[str, ...] = ("granted",)) -> PathPolicy:
    """Make a policy for reading, with `tree` as the project's folder."""
    permissions = Permissions(read=read, write=read)
    return PathPolicy(lambda: permissions, root=str(tree), protected=[str(tree / "config")])


def content(policy: PathPolicy, path: str) -> str:
    """Read a file through the policy."""
    return policy.use(path, "read", "fs.read", lambda p: files.read(p, "fs.read", 1000)).decode()


@pytest.mark.parametrize(
    "path",
    [
        "granted/note.txt",
        "./granted//sub/../note.txt",
        "granted/in/deep.txt",
        "granted/in.txt",
        "granted-not/../granted/note.txt",
        "granted/out/../note.txt",
    ],
)
def test_what_is_below_a_granted_folder_is_reached(tree: Path, path: str) -> None:
    """Through links and `..` too, as long as they stay inside."""
    assert content(reader(tree), path) == "inside"


@pytest.mark.parametrize(
    "path",
    [
        "secret.txt",
        "granted/../secret.txt",
        "granted/sub/../../secret.txt",
        "granted-not/secret.txt",
        "granted/out/secret.txt",
        "granted/out.txt",
        "granted/out/granted/../secret.txt",
        "GRANTED/note.txt",
        "/etc/passwd",
        "//etc/passwd",
        "/proc/self/root/etc/passwd",
        "~root/x",
        "granted\\..\\secret.txt",
        "granted/dangling",
    ],
)
def test_nothing_else_is_reached(tree: Path, path: str) -> None:
    """Neither by `..`, nor by a link, nor by a name that begins alike."""
    with pytest.raises((PermissionDeniedError, FileNotFoundError)) as caught:
        content(reader(tree), path)
    assert SECRET not in str(caught.value)


def test_a_path_that_leads_out_by_dots_is_refused_as_it_is_written(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file is looked at to find that out, and the flag names where it leads."""
    policy = reader(tree)
    monkeypatch.setattr(os.path, "realpath", lambda _: pytest.fail("it was looked at"))
    with pytest.raises(PermissionDeniedError) as caught:
        policy.resolve("granted/sub/../../secret.txt", "read", "fs.read")
    assert caught.value.flag == f"--allow-read={tree / 'secret.txt'}"


def test_a_refusal_names_the_flag_and_where_a_link_leads(tree: Path) -> None:
    """The path that the message asks to allow is the one that would be opened."""
    with pytest.raises(PermissionDeniedError) as caught:
        content(reader(tree), "granted/out.txt")
    assert caught.value.flag == f"--allow-read={tree / 'secret.txt'}"
    assert "it leads to" in str(caught.value)
    with pytest.raises(PermissionDeniedError, match=r"allow it with --allow-read=other.txt"):
        content(reader(tree), "other.txt")


@pytest.mark.parametrize(
    ("path", "what"),
    [("", "empty"), ("a\0b", "NUL"), ("~", "not expanded"), ("~/x", "not expanded")],
)
def test_a_path_that_cannot_be_meant_is_the_arguments_fault(
    tree: Path, path: str, what: str
) -> None:
    """An empty path, one with a NUL byte, and the shell's `~`."""
    with pytest.raises(ValidationError, match=what):
        content(reader(tree, read=True), path)


def test_a_granted_file_is_granted_alone(tree: Path) -> None:
    """Its neighbours are not."""
    policy = reader(tree, read=("granted/note.txt",))
    assert content(policy, "granted/note.txt") == "inside"
    with pytest.raises(PermissionDeniedError):
        content(policy, "granted/sub/deep.txt")


def test_a_grant_through_a_link_is_a_grant_of_what_it_led_to_at_the_start(tree: Path) -> None:
    """A link that is changed during the run grants nothing new."""
    policy = reader(tree, read=("granted/in",))
    assert content(policy, "granted/in/deep.txt") == "inside"
    (tree / "granted/in").unlink()
    (tree / "granted/in").symlink_to(tree)
    with pytest.raises(PermissionDeniedError):
        content(policy, "granted/in/secret.txt")


def test_a_grant_may_start_at_the_home_folder(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No shell expands the `~` of an option's value."""
    monkeypatch.setenv("HOME", str(tree))
    assert content(reader(tree, read=("~/granted",)), "granted/note.txt") == "inside"


names = st.sampled_from(["granted", "sub", "out", "in", "..", ".", "", "secret.txt", "note.txt"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(st.lists(names, min_size=1, max_size=8), st.integers(0, 1))
def test_no_path_made_of_names_links_and_dots_reads_the_secret(
    tree: Path, parts: list[str], absolute: int
) -> None:
    """Whatever the order of names, links and `..`, what is read lies inside."""
    path = "/".join([str(tree)] * absolute + parts)
    try:
        text = content(reader(tree), path)
    except (OSError, ValidationError):
        return
    assert text == "inside"


@pytest.mark.parametrize(
    "path",
    [
        "/proc/self/environ",
        "/proc/self/cwd/x",
        "/proc/self/root/etc/hostname",
        "/proc/1/mem",
        "/dev/mem",
        "/dev/fd/0",
        "/dev/stdin",
        "/sys/kernel/notes",
        "/PROC/self/environ",
        "/dev",
    ],
)
def test_the_kernels_files_are_refused_whatever_is_granted(tree: Path, path: str) -> None:
    """`/proc/self/environ` holds the host's keys."""
    with pytest.raises(PermissionDeniedError, match=r"kernel"):
        content(reader(tree, read=True), path)


def test_a_link_to_the_kernels_files_is_refused_too(tree: Path) -> None:
    """What it leads to counts."""
    (tree / "link").symlink_to("/proc/self")
    with pytest.raises(PermissionDeniedError, match=r"kernel"):
        content(reader(tree, read=True), "link/environ")


def test_proc_is_refused_under_another_name_too(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second mount is told by its filesystem's type."""
    monkeypatch.setattr(protected, "_KERNEL_FOLDERS", ())  # as if it were mounted elsewhere
    with pytest.raises(PermissionDeniedError, match=r"kernel"):
        content(reader(tree, read=True), "/proc/self/environ")


@pytest.mark.parametrize("path", ["config/trust.json", "config", "CONFIG/new", "link/trust.json"])
def test_the_configuration_is_refused_whatever_is_granted(tree: Path, path: str) -> None:
    """Also through a link, and on a filesystem that ignores case; reading or writing."""
    (tree / "config").mkdir()
    (tree / "config" / "trust.json").write_text("{}")
    (tree / "link").symlink_to("config")
    for access in ("read", "write"):
        with pytest.raises(PermissionDeniedError, match=r"configuration"):
            reader(tree, read=True).use(path, access, "fs.x", Place.status)  # type: ignore[arg-type]  # both are accesses


def test_the_configuration_is_refused_before_it_exists(tree: Path) -> None:
    """A spell cannot make the folder that will say whom to trust."""
    with pytest.raises(PermissionDeniedError, match=r"configuration"):
        reader(tree, read=True).use("config", "write", "fs.mkdir", files.make_folder)
    (tree / "link").symlink_to("config")
    with pytest.raises(PermissionDeniedError, match="configuration"):
        reader(tree, read=True).use("link", "write", "fs.mkdir", files.make_folder)


def test_the_configuration_is_refused_by_identity(tree: Path) -> None:
    """A folder with another name, as through a bind mount, is the same folder."""
    (tree / "config").mkdir()
    policy = reader(tree, read=True)
    (tree / "config").rename(tree / "renamed")
    (tree / "renamed" / "trust.json").write_text("{}")
    with pytest.raises(PermissionDeniedError, match=r"configuration"):
        content(policy, "renamed/trust.json")


@pytest.mark.parametrize(
    ("variable", "folder"),
    [
        ("LLMSPELL_CONFIG_DIR", "chosen"),
        ("XDG_CONFIG_HOME", "chosen/llmspell"),
        ("HOME", "chosen/.config/llmspell"),
        ("HOME", "chosen/Library/Application Support/llmspell"),
    ],
)
def test_the_configuration_is_refused_wherever_the_command_keeps_it(
    tree: Path, monkeypatch: pytest.MonkeyPatch, variable: str, folder: str
) -> None:
    """A program that runs spells need not say where that is."""
    monkeypatch.setenv(variable, str(tree / "chosen"))
    policy = PathPolicy(Permissions.everything, root=str(tree))
    for path in (f"{folder}/trusted/x.json", f"{folder}/config.toml", folder):
        with pytest.raises(PermissionDeniedError, match="configuration"):
            policy.resolve(path, "write", "fs.write")


def test_a_folder_that_holds_the_configuration_cannot_be_removed(tree: Path) -> None:
    """Nor can the whole disk."""
    (tree / "config").mkdir()
    for path in (str(tree), "/"):
        with pytest.raises(PermissionDeniedError):
            reader(tree, read=True).use(
                path,
                "write",
                "fs.remove",
                lambda place: files.remove(place, "fs.remove", recursive=True),
                follow=False,
            )
    assert (tree / "config").is_dir()


@pytest.fixture
def swapping(tree: Path) -> Iterator[Path]:
    """Swap, as fast as it goes, a folder of the granted one with a link that leads out."""
    spot, folder, link = tree / "granted/spot", tree / "granted/folder", tree / "granted/link"
    folder.mkdir()
    (folder / "secret.txt").write_text("inside")
    link.symlink_to(tree)
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            folder.rename(spot)
            spot.rename(folder)
            link.rename(spot)
            spot.rename(link)

    thread = threading.Thread(target=swap)
    thread.start()
    yield tree
    stop.set()
    thread.join()


def test_a_link_swapped_between_check_and_use_leads_nowhere(swapping: Path) -> None:
    """However often it is tried, what is read lies inside."""
    policy = reader(swapping)
    seen = {"inside": 0, "refused": 0, "gone": 0}
    for _ in range(3000):
        try:
            assert content(policy, "granted/spot/secret.txt") == "inside"
            seen["inside"] += 1
        except PermissionDeniedError:
            seen["refused"] += 1
        except OSError:
            seen["gone"] += 1
    assert seen["inside"] > 0, seen
    assert seen["refused"] > 0, seen


def test_a_file_written_while_links_are_swapped_lands_inside(swapping: Path) -> None:
    """The secret is never overwritten."""
    policy = reader(swapping)
    for _ in range(300):
        try:
            policy.use(
                "granted/spot/secret.txt",
                "write",
                "fs.write",
                lambda place: files.write(place, "fs.write", b"written", lambda: False),
            )
        except OSError:
            continue
    assert (swapping / "secret.txt").read_text() == SECRET
    assert not list(swapping.glob(".llmspell*"))


def test_a_link_that_appears_after_the_check_is_not_followed(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The race, forced: the link is put there right after the path was resolved and checked."""
    policy = reader(tree)
    victim = tree / "granted" / "sub"
    resolve = PathPolicy.resolve

    def resolve_then_swap(*args: object, **options: object) -> str:
        found = resolve(*args, **options)  # type: ignore[arg-type]  # handed on as it came
        if victim.is_dir() and not victim.is_symlink():
            victim.rename(tree / "away")
            victim.symlink_to(tree / "granted-not")
        return found

    monkeypatch.setattr(PathPolicy, "resolve", resolve_then_swap)
    with pytest.raises(PermissionDeniedError):
        content(policy, "granted/sub/secret.txt")


def test_a_link_that_takes_the_files_own_place_is_not_followed(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The race, forced: it is put there after the file was looked at, before it is opened."""
    look = Place.status

    def look_then_swap(place: Place) -> os.stat_result:
        status = look(place)
        note = tree / "granted" / "note.txt"
        if not note.is_symlink():
            note.unlink()
            note.symlink_to(tree / "secret.txt")
        return status

    monkeypatch.setattr(Place, "status", look_then_swap)
    with pytest.raises(PermissionDeniedError, match="leads to"):
        content(reader(tree), "granted/note.txt")


def test_descriptors_are_given_back(tree: Path) -> None:
    """Neither an answer nor a failure leaves one open."""
    policy = reader(tree)
    before = open_files()
    for path in ("granted/note.txt", "granted/none/none", "granted/loop", "granted/out.txt"):
        try:
            content(policy, path)
        except OSError:
            continue
    assert open_files() == before


def test_a_device_on_an_ordinary_disk_is_not_opened(tree: Path) -> None:
    """A pipe stands for it here: opening one for reading would hang the host."""
    os.mkfifo(tree / "granted" / "pipe")
    assert stat.S_ISFIFO((tree / "granted" / "pipe").stat().st_mode)
    with pytest.raises(OSError, match=r"only regular files"):
        content(reader(tree), "granted/pipe")
