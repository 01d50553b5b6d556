"""What `starling` can do besides `node`: one typer application; each room of tools adds its own verbs."""

from __future__ import annotations

import typer

from tools.admin.client import AdminError
from tools.admin.verbs import app as admin_app
from tools.bench.verbs import app as bench_app
from tools.check_files import app as check_files_app
from tools.output import complain
from tools.sim.verbs import app as sim_app
from tools.up.verbs import app as up_app

app = typer.Typer(
    name="starling",
    help="A decentralised, Redis-Cluster-compatible key-value store.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(up_app)
app.add_typer(admin_app)
app.add_typer(bench_app)
app.add_typer(check_files_app)
app.add_typer(sim_app, name="sim")


@app.command("node", help="One node; its arguments are those of redis-server.")
def node() -> None:
    """Stands in the help only: tools.cli goes to the node before this module is loaded."""


def run(words: list[str]) -> int:
    """Runs one verb; a failure is one line on stderr."""
    try:
        app(args=words, prog_name="starling")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except KeyboardInterrupt:
        return 130
    except (AdminError, OSError) as error:
        complain(f"starling: {error}")
        return 1
    return 0
