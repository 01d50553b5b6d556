"""The replica's side of the link to its primary, as a machine: bytes go in with the time, effects come out.

The offset counts whole commands that have been applied. A command cut off by the end of the link, or a
transaction without its EXEC, is forgotten and not counted, so that the primary sends it again after
+CONTINUE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from cluster.replication import replication as words
from cluster.replication.replication import Replication
from cluster.spec.options import Options
from protocol.psync import (
    FIELD_ENDS,
    LINE_BYTES_MAX,
    CommandStream,
    Continue,
    FullResync,
    Payload,
    PsyncError,
    TryLater,
    parse_answer,
)
from protocol.resp.writer import encode_command

ACK_PERIOD_MS = 1000


@dataclass(frozen=True, slots=True)
class Write:
    """Send this to the primary."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Say:
    """A log line."""

    level: str
    text: str


@dataclass(frozen=True, slots=True)
class CopyBegins:
    """A snapshot arrives: its parts follow. `length` in bytes is None where only its end will tell;
    `is_our_history`: what we have is an older state of the same."""

    length: int | None
    is_our_history: bool


@dataclass(frozen=True, slots=True)
class CopyPart:
    """The next bytes of the snapshot."""

    data: bytes


@dataclass(frozen=True, slots=True)
class CopyEnds:
    """The snapshot is whole. Load it, then call loaded() or copy_failed(); until then nothing is asked
    for."""


@dataclass(frozen=True, slots=True)
class FailoverAnswered:
    """Whether the other side has taken the primary's role, as our PSYNC asked it to."""

    accepted: bool


@dataclass(frozen=True, slots=True)
class AckDue:
    """The primary asks how far we are: bring to disk what has been applied, then call acknowledge()."""


@dataclass(frozen=True, slots=True)
class Apply:
    """Carry out these commands of the primary's, in order."""

    commands: list[list[bytes]]


@dataclass(frozen=True, slots=True)
class DropReplicas:
    """Our own replicas have to connect again: the history has another name."""


@dataclass(frozen=True, slots=True)
class Hangup:
    """Close the link; a new one is due after a second."""


Effect: TypeAlias = (
    FailoverAnswered | AckDue | Write | Say | CopyBegins | CopyPart | CopyEnds | Apply | DropReplicas | Hangup
)

_PING, _REPLIES, _ANSWER, _HEADER = "ping", "replies", "answer", "header"
_PAYLOAD, _LOADING, _STREAM, _OVER = "payload", "loading", "stream", "over"
_LINES = (_PING, _REPLIES, _ANSWER, _HEADER)


class PrimaryLink:
    """One connection to the primary, from the moment that it is asked for. Times are unix milliseconds.

    After Hangup or closed() it is over, and the next connection gets a new one.
    """

    def __init__(self, replication: Replication, options: Options, now_ms: int) -> None:
        self._replication = replication
        self._options = options
        self._effects: list[Effect] = []
        self._phase = ""
        self._lines = bytearray()
        self._questions: list[str] = []
        self._copy: FullResync | None = None
        self._payload: Payload | None = None
        self._stream = CommandStream()
        self._batch: list[list[bytes]] = []
        self._raw = bytearray()
        self._transaction: tuple[list[list[bytes]], bytearray] | None = None
        self._acked_ms = 0
        self._is_asked = False
        self._link = replication.link
        self._link.state = words.CONNECTING
        self._link.last_io_ms = now_ms

    def take_effects(self) -> list[Effect]:
        """What is to be done now, in order, before the next input."""
        effects, self._effects = self._effects, []
        return effects

    # inputs

    def connected(self, now_ms: int) -> None:
        """The connection stands."""
        self._link.last_io_ms = now_ms
        self._link.state = words.HANDSHAKE
        self._phase = _PING
        self._say("notice", "Non blocking connect for SYNC fired the event.")
        self._write(b"PING")

    def received(self, now_ms: int, data: bytes) -> None:
        """Bytes from the primary."""
        self._link.last_io_ms = now_ms
        try:
            self._take(data)
        except PsyncError as error:
            self._fail(str(error))

    def loaded(self, now_ms: int) -> None:
        """The snapshot of CopyEnds is our data now."""
        assert self._copy is not None
        self._replication.adopt(self._copy.id, self._copy.offset)
        self._effects.append(DropReplicas())
        self._say("notice", "MASTER <-> REPLICA sync: Finished with success")
        self._go_online()
        self._acknowledge(now_ms)
        rest = bytes(self._lines)
        self._lines.clear()
        self.received(now_ms, rest)

    def copy_failed(self, text: str) -> None:
        """The snapshot could not be kept or loaded."""
        if self._phase != _OVER:
            self._fail(text)

    def closed(self, now_ms: int, reason: str) -> None:
        """The connection is gone, or was never made."""
        if self._phase == _STREAM:
            self._say("warning", "Connection with master lost.")
            self._say("notice", "Caching the disconnected master state.")
        elif self._phase != _OVER:
            self._say("warning", f"Error condition on socket for SYNC: {reason or 'connection closed'}")
        if self._link.state == words.CONNECTED or not self._link.down_since_ms:
            self._link.down_since_ms = now_ms
        self._link.state = words.CONNECT
        self._phase = _OVER

    def tick(self, now_ms: int) -> None:
        """Acknowledges once a second, and gives up a silent primary after repl-timeout."""
        if self._phase in (_LOADING, _OVER):
            return
        if now_ms - self._link.last_io_ms > self._options.repl_timeout * 1000:
            self._fail(_TIMEOUTS.get(self._phase, "Timeout connecting to the MASTER..."))
        elif self._phase == _STREAM and now_ms - self._acked_ms >= ACK_PERIOD_MS:
            self._acknowledge(now_ms)

    def acknowledge(self, now_ms: int) -> None:
        """Tells our offset, when there is a stream."""
        if self._phase == _STREAM:
            self._acknowledge(now_ms)

    # the handshake

    def _take(self, data: bytes) -> None:
        if self._phase in _LINES:
            self._lines += data
            while self._phase in _LINES and (line := self._next_line()) is not None:
                self._on_line(line)
            if self._phase in _LINES:
                return
            data = bytes(self._lines)
            self._lines.clear()
        if self._phase == _PAYLOAD:
            data = self._on_payload(data)
        if self._phase == _LOADING:
            self._lines += data
        elif self._phase == _STREAM:
            self._on_stream(data)

    def _next_line(self) -> bytes | None:
        end = self._lines.find(b"\n")
        if end < 0:
            if len(self._lines) > LINE_BYTES_MAX:
                raise PsyncError("Master replied with a line that is too long")
            return None
        line = bytes(self._lines[:end]).rstrip(b"\r")
        del self._lines[: end + 1]
        return line

    def _on_line(self, line: bytes) -> None:
        if self._phase == _PING:
            self._on_pong(line)
        elif self._phase == _REPLIES:
            self._on_reply(line)
        elif not line:
            return  # the primary is still busy, and says that it is alive
        elif self._phase == _ANSWER:
            self._on_answer(line)
        else:
            self._on_header(line)

    def _on_pong(self, line: bytes) -> None:
        tolerated = (b"+", b"-NOAUTH", b"-NOPERM", b"-ERR operation not permitted")
        if not line.startswith(tolerated):
            raise PsyncError(f"Error reply to PING from master: '{line.decode('latin-1')}'")
        self._say("notice", "Master replied to PING, replication can continue...")
        self._phase = _REPLIES
        options = self._options
        if options.masterauth:
            user = [options.masteruser.encode()] if options.masteruser else []
            self._ask("AUTH", b"AUTH", *user, options.masterauth.encode())
        port = options.replica_announce_port or options.port
        self._ask("REPLCONF listening-port", b"REPLCONF", b"listening-port", b"%d" % port)
        if options.replica_announce_ip:
            self._ask("REPLCONF ip-address", b"REPLCONF", b"ip-address", options.replica_announce_ip.encode())
        if self._replication.node_id:
            self._ask(
                "REPLCONF cluster-node-id",
                b"REPLCONF",
                b"cluster-node-id",
                self._replication.node_id.encode(),
            )
        capabilities = (b"eof", b"psync2", FIELD_ENDS)
        words = (word for each in capabilities for word in (b"capa", each))
        self._ask("REPLCONF capa", b"REPLCONF", *words)

    def _ask(self, question: str, *argv: bytes) -> None:
        self._questions.append(question)
        self._write(*argv)

    def _on_reply(self, line: bytes) -> None:
        question = self._questions.pop(0)
        if line.startswith(b"-"):
            text = line.decode("latin-1")
            if question == "AUTH":
                raise PsyncError(f"Unable to AUTH to MASTER: {text}")
            self._say("notice", f"(Non critical) Master does not understand {question}: {text}")
        if not self._questions:
            self._phase = _ANSWER
            known, offset = self._replication.id, self._replication.offset + 1
            self._say("notice", f"Trying a partial resynchronization (request {known}:{offset}).")
            asks = (b"FAILOVER",) if self._replication.failover_state == words.FAILING_OVER else ()
            self._write(b"PSYNC", known.encode(), b"%d" % offset, *asks)

    def _on_answer(self, line: bytes) -> None:
        is_failover = self._replication.failover_state == words.FAILING_OVER
        if is_failover:
            self._effects.append(FailoverAnswered(line.startswith((b"+CONTINUE", b"+FULLRESYNC"))))
        answer = parse_answer(line)
        if isinstance(answer, TryLater):
            raise PsyncError(
                f"Master is currently unable to PSYNC but should be in the future: {answer.text}"
            )
        if isinstance(answer, Continue):
            self._say("notice", "Successful partial resynchronization with master.")
            self._replication.continued(answer.reaches)
            if self._replication.rename(answer.id):
                self._say("warning", f"Master replication ID changed to {answer.id}")
                self._effects.append(DropReplicas())
            self._say("notice", "MASTER <-> REPLICA sync: Master accepted a Partial Resynchronization.")
            self._go_online()
            return
        self._say("notice", f"Full resync from master: {answer.id}:{answer.offset}")
        if 0 <= answer.parted_at < self._replication.offset:
            tail = self._replication.discarded(answer.parted_at)
            self._say("warning", f"Discarding what I wrote and my new master never had: {tail}.")
        self._copy = answer
        self._phase = _HEADER
        self._link.state = words.SYNC
        self._link.sync_total_bytes, self._link.sync_read_bytes = -1, 0

    # the full copy

    def _on_header(self, line: bytes) -> None:
        if line.startswith(b"-"):
            raise PsyncError(f"MASTER aborted replication with an error: {line[1:].decode('latin-1')}")
        self._payload = payload = Payload(line)
        assert self._copy is not None
        self._link.sync_total_bytes = payload.length or 0
        self._phase = _PAYLOAD
        self._effects.append(CopyBegins(payload.length, self._copy.id == self._replication.id))

    def _on_payload(self, data: bytes) -> bytes:
        assert self._payload is not None
        part, rest = self._payload.take(data)
        self._link.sync_read_bytes += len(part)
        if part:
            self._effects.append(CopyPart(part))
        if self._payload.done:
            self._phase = _LOADING
            self._effects.append(CopyEnds())
        return rest

    def _go_online(self) -> None:
        self._phase = _STREAM
        self._link.state = words.CONNECTED
        self._link.was_up = True
        self._link.down_since_ms = 0

    # the stream

    def _on_stream(self, data: bytes) -> None:
        self._stream.feed(data)
        try:
            while (found := self._stream.next()) is not None:
                self._on_command(found[0], found[1])
        finally:
            self._flush()
            if self._is_asked:
                # Behind all that this read has brought: the offset counts that already.
                self._is_asked = False
                self._effects.append(AckDue())

    def _on_command(self, argv: list[bytes], raw: bytes) -> None:
        word = argv[0].lower() if argv else b""
        if self._transaction is not None:
            self._in_transaction(word, argv, raw)
        elif word == b"multi":
            self._transaction = ([], bytearray(raw))
        else:
            if word == b"replconf":
                if [each.lower() for each in argv[1:2]] == [b"getack"]:
                    self._is_asked = True
            elif word not in (b"ping", b""):
                self._batch.append(argv)
            self._raw += raw

    def _in_transaction(self, word: bytes, argv: list[bytes], raw: bytes) -> None:
        # All of it is applied at once, at its EXEC, so that no client sees half and no offset points into it.
        assert self._transaction is not None
        commands, held = self._transaction
        held += raw
        if word not in (b"exec", b"discard"):
            commands.append(argv)
            return
        if word == b"exec":
            # It stays a transaction, for the append only file: a crash must not leave half of it there.
            self._batch += [[b"MULTI"], *commands, [b"EXEC"]]
        self._raw += held
        self._transaction = None

    def _flush(self) -> None:
        if self._batch:
            self._effects.append(Apply(self._batch))
            self._batch = []
        if self._raw:
            self._replication.feed_verbatim(bytes(self._raw))
            self._raw.clear()

    def _acknowledge(self, now_ms: int) -> None:
        self._acked_ms = now_ms
        synced = self._replication.synced_offset
        fack = (b"FACK", b"%d" % synced) if synced >= 0 else ()
        self._write(b"REPLCONF", b"ACK", b"%d" % self._replication.offset, *fack)

    # small

    def _write(self, *argv: bytes) -> None:
        self._effects.append(Write(encode_command(list(argv))))

    def _say(self, level: str, text: str) -> None:
        self._effects.append(Say(level, text))

    def _fail(self, text: str) -> None:
        self._say("warning", text)
        if self._phase == _STREAM:
            self._say("notice", "Caching the disconnected master state.")
        self._phase = _OVER
        self._effects.append(Hangup())


_TIMEOUTS = {
    _STREAM: "MASTER timeout: no data nor PING received...",
    _HEADER: "Timeout receiving bulk data from MASTER... If the problem persists try to set the "
    "'repl-timeout' parameter in redis.conf to a larger value.",
    _PAYLOAD: "Timeout receiving bulk data from MASTER... If the problem persists try to set the "
    "'repl-timeout' parameter in redis.conf to a larger value.",
}
