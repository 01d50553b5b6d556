"""Commands that do not come from a client: the primary's stream, and files.

A transaction of the stream is carried out as a whole when its EXEC arrives. Until then its commands wait
here, also when the link breaks and the stream goes on later from the same offset.
"""

from __future__ import annotations

from collections.abc import Callable

from cluster.commands.context import Context, Server
from cluster.session.session import Kind, Session
from protocol.resp.types import ErrorReply, Reply

Run = Callable[[Session, list[bytes]], Reply]


class Applier:
    """Applies a stream of commands as one client's, the `session`. `run` carries one out."""

    def __init__(self, server: Server, run: Run) -> None:
        self._server = server
        self._run = run
        self._transaction: list[list[bytes]] | None = None
        self.session = Session(
            0, "", "", lambda _: None, lambda: None, 0, kind=Kind.PRIMARY, user="(superuser)"
        )
        self.session.context = Context(server, self.session)

    @property
    def database(self) -> int:
        """The database that the stream has selected."""
        return self.session.database

    def restart(self) -> None:
        """Forgets the selected database, half a transaction, and by which number the stream was known."""
        self._transaction = None
        self.session.id = 0
        self.session.context.select(0)

    def apply(self, argv: list[bytes]) -> None:
        """Carries out one command, or keeps it for its EXEC."""
        name = argv[0].upper()
        if name == b"MULTI":
            self._transaction = []
        elif name == b"EXEC":
            commands, self._transaction = self._transaction or [], None
            for command in commands:
                self._apply(command)
        elif self._transaction is not None:
            self._transaction.append(argv)
        else:
            self._apply(argv)

    def _apply(self, argv: list[bytes]) -> None:
        """The clock of whoever wrote the stream decides what had expired, not ours."""
        database = self.session.context.db
        database.hides_expired = False
        try:
            reply = self._run(self.session, argv)
        finally:
            database.hides_expired = True
        if type(reply) is ErrorReply:
            self._server.host.log(
                "warning",
                f"A command of the primary's stream or of a file was refused here: "
                f"{argv[0][:64].decode(errors='replace')}: {reply.decode(errors='replace')}",
            )
