"""The tools for CSV and JSON, and their child process: hostile data has little time and memory."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from llmspell_bridges.bounded.run import run_bounded
from llmspell_core import ToolError, UnsupportedError

pytestmark = pytest.mark.anyio


@pytest.fixture
def ask(use: Any, root: Path) -> Any:
    """Ask a text in SQL."""

    async def query(text: str | bytes, sql: str = "SELECT * FROM csv", **more: Any) -> Any:
        (root / "a.csv").write_bytes(text.encode() if isinstance(text, str) else text)
        return await use("csv_query", {"path": "a.csv", "sql": sql, **more})

    return query


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a,b\n1,x\n", [{"a": 1, "b": "x"}]),
        ("\ufeffa;b\r\n1,5;x\r\n", [{"a": "1,5", "b": "x"}]),
        ("a\tb\n-1.5e3\t007\n", [{"a": -1500.0, "b": "007"}]),
        ('a\n"x\ny"\n\n', [{"a": "x\ny"}]),
        ("a,A,\n1,2,3\n", [{"a": 1, "A_2": 2, "column3": 3}]),
        ("a,b\n1\n,2,3\n", [{"a": 1}, {"b": 2}]),
        ('a"b,x" or 1=1 --\n1,2\n', [{"ab": 1, "x or 1=1 --": 2}]),
        ("a\n1\nx\n", [{"a": "1"}, {"a": "x"}]),
        ("a\n9007199254740993\n", [{"a": 9007199254740993}]),
        ("a\n1e999\n", [{"a": "1e999"}]),
        ("a\n", []),
    ],
)
async def test_a_text_becomes_a_table(ask: Any, text: str, rows: list[Any]) -> None:
    """Delimiters are found out, numbers are numbers, names are unique and harmless."""
    assert await ask(text) == rows


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the CSV is empty"),
        (b"a\n\xff\n", "the CSV is not UTF-8 text"),
        ("a\n" + '"' + "x" * 2_000_000 + '"\n', "the CSV cannot be read: field larger"),
        (",".join("a" * 2000), "more than 1,000 columns"),
        ("a\n" + "1\n" * 1001, "there are more than 1,000 rows; add LIMIT, or aggregate"),
    ],
)
async def test_what_is_no_table_is_refused(ask: Any, text: str | bytes, said: str) -> None:
    """Each with the reason."""
    with pytest.raises(ToolError, match=said):
        await ask(text)


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE csv",
        "INSERT INTO csv VALUES (1)",
        "CREATE TABLE x (y)",
        "PRAGMA database_list",
        "SELECT * FROM pragma_database_list",
        "SELECT * FROM sqlite_master",
        "ATTACH '/tmp/x' AS y",
        "VACUUM INTO '/tmp/x'",
        "SELECT load_extension('/tmp/x.so')",
        "SELECT writefile('/tmp/x', a) FROM csv",
        "SELECT zeroblob(1000000000)",
        "SELECT randomblob(1000000000)",
        "SELECT printf('%*d', 1000000000, 1)",
        "SELECT a FROM csv; SELECT 1",
        "SELECT nothing FROM csv",
        "SELEC",
        "",
    ],
)
async def test_sql_selects_and_nothing_else(ask: Any, sql: str) -> None:
    """The error says what the table has."""
    with pytest.raises(ToolError, match=r"the SQL is wrong: |the SQL gives no rows"):
        await ask("a\n1\n", sql)
    assert not Path("/tmp/x").exists()  # noqa: S108 - it must not be there


@pytest.mark.parametrize(
    "sql",
    [
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n",
        "SELECT count(*) FROM csv a, csv b, csv c, csv d WHERE a.a + b.a + c.a + d.a < 0",
        (
            "WITH RECURSIVE n(x) AS (SELECT replace('aaaaaaaa', 'a', 'aaaaaaaaaaaaaaaa') UNION ALL "
            "SELECT x || 'a' FROM n) SELECT group_concat(x) FROM n"
        ),
        (
            "WITH RECURSIVE n(x, y) AS (SELECT 1, replace(substr(quote_, 1, 0), '', '') FROM "
            "(SELECT 'a' AS quote_) UNION ALL SELECT x + 1, y || 'aaaaaaaaaaaaaaaa' FROM n) "
            "SELECT x, y FROM n ORDER BY y DESC"
        ),
    ],
)
async def test_a_query_has_its_time_and_memory(run: Any, root: Path, sql: str) -> None:
    """The host goes on meanwhile, and no process is left."""
    use = run({"csv_query": {"timeout_s": 1}})
    (root / "a.csv").write_text("a\n" + "".join(f"{n}\n" for n in range(1000)))
    with pytest.raises(ToolError, match=r"longer than 1 s|MiB of memory|too big|too large"):
        await use("csv_query", "a.csv", sql)
    assert children() == set()


async def test_a_large_file_is_refused_before_it_is_read(run: Any, root: Path) -> None:
    """Fifty megabytes, of which none takes up disk."""
    with (root / "a.csv").open("wb") as file:
        file.truncate(50 * 1024 * 1024)
    with pytest.raises(ToolError, match=r"`a.csv`: it has more than 20,971,520 bytes"):
        await run()("csv_query", "a.csv", "SELECT 1")


@pytest.mark.parametrize(
    ("query", "data", "answer"),
    [
        ("a.b", {"a": {"b": 1}}, 1),
        ("a[?b > `1`].b | [0]", '{"a": [{"b": 1}, {"b": 2}]}', 2),
        ("missing", {}, None),
        ("length(@)", "[1, 2]", 2),
    ],
)
async def test_json_is_asked(use: Any, query: str, data: Any, answer: Any) -> None:
    """As a value, or as a text."""
    assert await use("json_query", query, data) == answer


@pytest.mark.parametrize(
    ("query", "data", "said"),
    [
        ("a[", {}, "the query is wrong: "),
        ("nope(@)", {}, "the query is wrong: Unknown function: nope"),
        ("abs(@)", {"a": 1}, "the query is wrong: "),
        ("@", "{", "the data is not JSON: "),
        ("@", "[" * 1_000_000, "nested too deeply|not JSON"),
        ("(" * 1900, {}, "nested too deeply|the query is wrong"),
        (" | ".join(["[@, @][]"] * 150), [1, 2], r"longer than|of memory"),
        (" | ".join(["[@, @]"] * 100), [1, 2], r"longer than|of memory|too large|too deeply"),
    ],
)
async def test_json_that_is_wrong_or_hostile_is_refused(
    run: Any, query: str, data: Any, said: str
) -> None:
    """In bounded time, with the reason."""
    use = run({"json_query": {"timeout_s": 2}})
    with pytest.raises(ToolError, match=said):
        await use("json_query", query, data)
    assert children() == set()


async def test_json_comes_from_one_place(use: Any) -> None:
    """Data or a file."""
    with pytest.raises(ToolError, match="give either data or path"):
        await use("json_query", "@")


@pytest.fixture
def acting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let a child do what the test says, in the place of JMESPath's search."""
    package = tmp_path / "modules" / "jmespath"
    package.mkdir(parents=True)
    (package / "exceptions.py").write_text("class JMESPathError(Exception): pass\n")
    others = filter(None, [os.environ.get("PYTHONPATH")])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(package.parent), *others]))

    def act(body: str) -> None:
        (package / "__init__.py").write_text(f"def search(query, data):\n    {body}\n")

    return act


async def test_a_wall_clock_ends_what_uses_no_processor(run: Any, acting: Any) -> None:
    """A job that sleeps is ended as well."""
    acting("import time; time.sleep(20)")
    with pytest.raises(ToolError, match=r"it takes longer than 0.5 s"):
        await run({"json_query": {"timeout_s": 0.5}})("json_query", "@", 1)
    assert children() == set()


async def test_a_cancelled_call_leaves_no_process(use: Any, acting: Any, root: Path) -> None:
    """Its child ends with it, though it uses no processor time."""
    begun = root / "begun"
    acting(f"import time; open({str(begun)!r}, 'w').close(); time.sleep(60)")
    task = asyncio.create_task(use("json_query", "@", 1))
    async with asyncio.timeout(30):
        while not begun.exists():  # noqa: ASYNC110 - a process tells nobody that it has started
            await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()  # while it waits for the end of the child
    ended, _ = await asyncio.wait([task], timeout=20)
    assert ended
    assert task.cancelled()
    assert children() == set()


async def test_a_job_has_little_memory(use: Any, acting: Any) -> None:
    """Half a gigabyte; the error says so."""
    acting("return len(bytearray(1024 ** 3))")
    with pytest.raises(ToolError, match=r"it takes more than 512 MiB of memory"):
        await use("json_query", "@", 1)


async def test_a_child_limits_itself(run: Any, acting: Any) -> None:
    """Its processor time, in case that its host is gone, and the files that it writes."""
    acting(
        "import resource as r; "
        "return [r.getrlimit(it) for it in (r.RLIMIT_CPU, r.RLIMIT_FSIZE, r.RLIMIT_CORE)]"
    )
    found = await run({"json_query": {"timeout_s": 1.5}})("json_query", "@", 1)
    assert found == [[2, 2], [0, 0], [0, 0]]


async def test_an_answer_has_a_size(use: Any, acting: Any) -> None:
    """Ten megabytes; it is not waited for that nobody takes the rest."""
    acting("return 'x' * 20_000_000")
    with pytest.raises(ToolError, match=r"the answer is larger than 10,485,760 bytes"):
        await use("json_query", "@", 1)
    assert children() == set()


async def test_a_job_that_is_broken_is_our_mistake(use: Any, acting: Any) -> None:
    """And none of the script's."""
    acting("raise KeyError('x')")
    with pytest.raises(ToolError, match="the job `json_query` failed") as caught:
        await use("json_query", "@", 1)
    assert caught.value.details["cause"]["kind"] == "internal"  # type: ignore[index, call-overload]


async def test_few_children_run_at_the_same_time(run: Any, root: Path) -> None:
    """Four of a run: the others wait for their turn."""
    use = run({"csv_query": {"timeout_s": 1}})
    (root / "a.csv").write_text("a\n1\n")
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x FROM n) SELECT count(*) FROM n"
    tasks = [asyncio.create_task(use("csv_query", "a.csv", endless)) for _ in range(6)]
    most = 0
    async with asyncio.timeout(30):
        while not any(task.done() for task in tasks):
            most = max(most, len(children()))
            await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert most == 4
    assert children() == set()


async def test_the_child_holds_no_secret(
    use: Any, acting: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has what Python needs of the environment, and not the rest."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-a-key")
    acting("import os; return dict(os.environ)")
    known = {"HOME", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH"}
    assert set(await use("json_query", "@", 1)) <= known


async def test_without_the_library_the_error_says_how_to_install_it(run: Any, acting: Any) -> None:
    """As the child finds out."""
    acting("raise ModuleNotFoundError(name='jmespath')")
    with pytest.raises(UnsupportedError, match=r"`jmespath`; .*llmspell-bridges\[tools\]"):
        await run_bounded(run().session, "json_query", {"query": "@", "data": 1})


def children() -> set[int]:
    """Find the child processes of this one that run a job."""
    found = set()
    for task in Path(f"/proc/{os.getpid()}/task").iterdir():
        with suppress(OSError):  # a thread, or a process, that ends meanwhile
            for pid in (task / "children").read_text().split():
                if b"llmspell_bridges.bounded" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    found.add(int(pid))
    return found
