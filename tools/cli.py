"""The `starling` command. `starling node` becomes a node at once; the other verbs are in tools.verbs."""

from __future__ import annotations

import sys


def main(argv: list[str] | None = None) -> int:
    """Runs the command line and returns the exit code."""
    words = sys.argv[1:] if argv is None else argv
    if words[:1] == ["node"]:
        # A node's arguments are redis-server's, `--help` and all; and it starts without typer's import time.
        from cluster.node.process import main as node_main

        return node_main(words[1:])
    from tools.verbs import run

    return run(words)


if __name__ == "__main__":
    sys.exit(main())
