"""Fail when a named module can be imported: a bare environment proves what a distribution brings.

Usage: python tools/absent.py MODULE…
"""

from __future__ import annotations

import sys
from importlib.util import find_spec


def main(names: list[str]) -> int:
    """Return 0 when none of `names` can be found, else name them and return 1."""
    present = [name for name in names if find_spec(name) is not None]
    for name in present:
        print(
            f"{name} is installed here: a dependency brought it, although none may", file=sys.stderr
        )
    return 1 if present or not names else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
