"""The command: run the corpus of a language against an engine, one line a case."""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from llmspell_testkit.hostile.loader import load_corpus, packaged
from llmspell_testkit.hostile.runner import Ran, run_case


def main(arguments: list[str] | None = None) -> int:
    """Run cases and print them; return 1 if any failed."""
    parser = argparse.ArgumentParser(prog="python -m llmspell_testkit.hostile", description=__doc__)
    parser.add_argument("engine", help="an installed engine's name, or module:Class")
    parser.add_argument("--case", action="append", help="run this case only; may be repeated")
    parser.add_argument("--topic", action="append", help="run the cases of this topic only")
    parser.add_argument("--cases", type=Path, help="a folder of cases (default: the shipped ones)")
    parser.add_argument("--isolation", default="locked", choices=("locked", "process", "inproc"))
    parser.add_argument("--require-lock", action="store_true", help="fail without the kernel lock")
    parser.add_argument("--jobs", type=int, default=2, help="host processes at once")
    options = parser.parse_args(arguments)
    corpus = load_corpus(options.cases or packaged(options.engine))
    chosen = [
        case
        for case in corpus.cases.values()
        if (not options.case or case.id in options.case)
        and (not options.topic or case.topic in options.topic)
    ]
    if not chosen:
        parser.error("no case of that name")
    work = partial(
        run_case,
        good=corpus.good,
        engine=options.engine,
        isolation=options.isolation,
        require_lock=options.require_lock,
    )
    with ThreadPoolExecutor(options.jobs) as pool:
        runs = [_show(ran) for ran in pool.map(work, chosen)]
    failed = [ran for ran in runs if ran.problems]
    for ran in failed:
        sys.stdout.write(f"\n{ran.failure}\n")
    levels = sorted({ran.found.isolation for ran in runs if ran.found is not None})
    at = f", isolation: {'; '.join(levels)}" if levels else ""
    sys.stdout.write(f"\n{len(runs)} cases, {len(failed)} failed{at}\n")
    return 1 if failed else 0


def _show(ran: Ran) -> Ran:
    word = "FAIL" if ran.problems else "ok"
    sys.stdout.write(f"{word:4} {ran.duration_s:6.2f} s  {ran.case.id:44} {ran.outcome}\n")
    sys.stdout.flush()
    return ran


if __name__ == "__main__":
    sys.exit(main())
