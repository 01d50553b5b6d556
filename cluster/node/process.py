"""The process: redis-server's command line, banner, signals and exit codes around one Node."""

from __future__ import annotations

import contextlib
import gc
import os
import platform
import resource
import signal
import sys
import time
from pathlib import Path

from cluster.node import config_file
from cluster.node.config_file import ConfigError, UnreadableConfigError
from cluster.node.log import Log
from cluster.node.os_world import OsWorld
from cluster.node.ports import StartError
from cluster.node.server import Node
from cluster.spec.options import Options

REDIS_VERSION = "7.0.15"

_USAGE = """\
Usage: starling node [/path/to/redis.conf] [options] [-]
       starling node - (read config from stdin)
       starling node -v or --version
       starling node -h or --help

Examples:
       starling node (run the server with default conf)
       echo 'maxmemory 128mb' | starling node -
       starling node /etc/redis/6379.conf
       starling node --port 7777
       starling node --port 7777 --replicaof 127.0.0.1 8888
       starling node --port 7000 --cluster-enabled yes
       starling node /etc/myredis.conf --loglevel verbose -
"""
_DESCRIPTORS_RESERVED = 32
_BANNER = r"""
      .--.
     /  o >     Starling, compatible with Redis %s (%d bit)
    /    /
   /  / /       Running in %s mode
  /  / /        Port: %d
 '--/_/         PID: %d
     ""
"""


def main(argv: list[str]) -> int:
    """Runs one node; `argv` is what follows the program's name. Returns the exit code."""
    if argv and (code := _other_business(argv)) is not None:
        return code
    line = config_file.read_command_line(argv)
    options = Options()
    config_path = str(Path(line.path).absolute()) if line.path else ""
    try:
        _load_options(options, line, config_path)
        log_path = str(Path(options.logfile).absolute()) if options.logfile else ""
        if options.daemonize:
            _become_daemon()
        world = OsWorld(keepalive_s=options.tcp_keepalive)
        world.log_to(log_path)
    except UnreadableConfigError as error:
        _early_log("warning", str(error))
        return 1
    except ConfigError as error:
        sys.stderr.write(str(error))
        return 1
    except OSError as error:
        sys.stderr.write(f"Can't open the log file: {error.strerror}\n")
        return 1
    return _run(world, options, config_path, argv)


def _other_business(argv: list[str]) -> int | None:
    """--version, --help and --test-memory; None for a node to run."""
    if argv[0] in ("-v", "--version"):
        print(f"Redis server v={REDIS_VERSION} sha=00000000:0 malloc=libc bits=64 build=starling")
        return 0
    if argv[0] in ("-h", "--help"):
        sys.stderr.write(_USAGE)
        return 1
    if argv[0] == "--test-memory":
        sys.stderr.write("--test-memory is not supported: use a memory tester of your system.\n")
        return 1
    return None


def _load_options(options: Options, line: config_file.CommandLine, config_path: str) -> None:
    parts = []
    if config_path:
        parts.append(_read_file(config_path))
    if line.reads_stdin:
        _early_log("warning", "Reading config from stdin")
        parts.append(sys.stdin.read())
    if line.lines:
        parts.append(line.lines)
    # Redis puts a line end before the command line's directives, which shows in its messages' line numbers.
    config_file.load(
        options, "\n".join(parts if config_path or line.reads_stdin else ["", *parts]), _read_file, os.chdir
    )
    options.set("dir", [str(Path.cwd())])


def _read_file(path: str) -> str:
    try:
        return Path(path).read_text(errors="surrogateescape")
    except OSError as error:
        raise UnreadableConfigError(
            f"Fatal error, can't open config file '{path}': {error.strerror}"
        ) from error


def _early_log(level: str, text: str) -> None:
    Log(print, lambda: time.time_ns() // 1_000_000, os.getpid())(level, text)


def _become_daemon() -> None:
    """The parent leaves; the child has a session of its own and nothing of the terminal's."""
    if os.fork():
        os._exit(0)
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)


def _run(world: OsWorld, options: Options, config_path: str, argv: list[str]) -> int:
    log = Log(world.log, world.unix_ms, world.pid)
    log.level = options.loglevel
    log("warning", "oO0OoO0OoO0Oo Starling is starting oO0OoO0OoO0Oo")
    log(
        "warning",
        f"Redis version={REDIS_VERSION}, bits=64, commit=00000000, modified=0, pid={world.pid}, just started",
    )
    if argv:
        log("warning", "Configuration loaded")
    else:
        log("warning", "Warning: no config file specified, using the default config.")
    _raise_descriptor_limit(options, log)
    try:
        node = Node(
            world,
            options,
            executable=str(Path(sys.argv[0]).absolute()),
            config_path=config_path,
            os_name=f"{platform.system()} {platform.release()} {platform.machine()}",
        )
        _write_pidfile(options, log)
        if options.always_show_logo or (not options.logfile and sys.stdout.isatty()):
            mode = "cluster" if options.cluster_enabled else "standalone"
            world.log(_BANNER % (REDIS_VERSION, 64, mode, options.port, world.pid))
        node.on_loaded = _exempt_from_collector
        _spare_collector()
        node.start()
    except StartError as error:
        log.role = "M"
        log("warning", str(error))
        world.close()
        return 1
    _handle_signals(world, node)
    return world.run()


def _raise_descriptor_limit(options: Options, log: Log) -> None:
    """A client is a descriptor: maxclients is what the system allows at most."""
    wanted = options.maxclients + _DESCRIPTORS_RESERVED
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted or soft == resource.RLIM_INFINITY:
        return
    possible = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (possible, hard))
        soft = possible
    if soft < wanted:
        options.set("maxclients", [str(max(1, soft - _DESCRIPTORS_RESERVED))])
        log(
            "warning",
            f"Current maximum open files is {soft}. maxclients has been reduced to {options.maxclients} to "
            "compensate for low ulimit. If you need higher maxclients increase 'ulimit -n'.",
        )


def _write_pidfile(options: Options, log: Log) -> None:
    if options.daemonize and not options.pidfile:
        options.set("pidfile", ["/var/run/redis.pid"])
    if not options.pidfile:
        return
    try:
        Path(options.pidfile).write_text(f"{os.getpid()}\n")
    except OSError as error:
        log("warning", f"Failed to write PID file: {error.strerror}")


def _handle_signals(world: OsWorld, node: Node) -> None:
    """SIGTERM and SIGINT end the node as SHUTDOWN does; a second SIGINT ends it at once."""
    received: list[signal.Signals] = []

    def end(number: signal.Signals, words: str) -> None:
        if not node.is_shutting_down:
            received.clear()  # an earlier one was called off
        if number in received and number is signal.SIGINT:
            node.log("warning", "You insist... exiting now.")
            os._exit(1)
        received.append(number)
        node.log("warning", f"Received {number.name} scheduling shutdown...")
        save = True if "save" in words.split() else False if "nosave" in words.split() else None
        node.shutdown(save=save, now="now" in words.split(), force="force" in words.split())

    world.on_signal(signal.SIGTERM, lambda: end(signal.SIGTERM, node.options.shutdown_on_sigterm))
    world.on_signal(signal.SIGINT, lambda: end(signal.SIGINT, node.options.shutdown_on_sigint))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _spare_collector() -> None:
    """Keeps the cyclic collector away from the data.

    Keys and values hold no cycles, so that reference counts free them; walking through millions of them would
    stop the node for seconds and find nothing. So collections are rare.
    """
    gc.collect()
    gc.set_threshold(50_000, 50, 100)


def _exempt_from_collector() -> None:
    """What was loaded at the start is exempt for good."""
    gc.freeze()
