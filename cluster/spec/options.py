"""Every directive of redis.conf 7.0, declared once, with its kind, default and bounds.

    options = Options()
    options.port                                  # typed: int
    options.set("save", ["900", "1"])             # a line of a file, or of the command line
    options.change({"maxmemory": "100mb"})        # CONFIG SET: all or nothing
    options.get(lambda name: name == "hz")        # CONFIG GET

An attribute's name is the directive's with dashes as underscores. A directive that has no meaning here (TLS,
CPU lists, allocator) is accepted, kept and shown all the same: a redis.conf that is in use must work
unchanged.

Source: https://redis.io/docs/latest/operate/oss_and_stack/management/config-file/
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cluster.spec.option_kinds import (
    INT_MAX,
    LONG_MAX,
    Boolean,
    BufferLimit,
    BufferLimits,
    Choice,
    Events,
    Followed,
    Integer,
    Lines,
    Memory,
    MemoryOrPercent,
    Octal,
    Option,
    OptionError,
    SavePoints,
    Text,
    Words,
)

__all__ = ["ChangeRefused", "OptionError", "Options", "UnknownOption"]


class UnknownOption(OptionError):
    """No directive of that name; str() is what Redis says of a file's line."""


class ChangeRefused(Exception):
    """CONFIG SET of something: `name` as the client wrote it, and why not."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(reason)
        self.name = name
        self.reason = reason


def _file_name(directive: str, kind: str) -> Callable[[str], str | None]:
    def check(word: str) -> str | None:
        if not word:
            return f"{directive} can't be empty"
        return f"{directive} can't be a path, just a {kind}" if set(word) & set("/\\") else None

    return check


_BOTH = "shutdown options SAVE and NOSAVE can't be used simultaneously"
_ENDS = ("default", "default save nosave now force")


def _ends(words: list[str]) -> str | None:
    return _BOTH if {"save", "nosave"} <= set(words) else None


def _hostname(word: str) -> str | None:
    if len(word) >= 256:
        return "Hostnames must be less than 256 characters"
    if not re.fullmatch(r"[A-Za-z0-9.\-]*", word):
        return "Hostnames may only contain alphanumeric characters, hyphens or dots"
    return None


def _announced_ip(word: str) -> str | None:
    # It goes into frames and into a line of nodes.conf, neither of which has room for just any text.
    if not re.fullmatch(r"[A-Za-z0-9.:_%\-]{0,255}", word):
        return "An announced address is at most 255 alphanumeric characters, dots, colons, hyphens, _ or %"
    return None


def _percentiles(words: tuple[str, ...]) -> str | None:
    for word in words:
        if not re.fullmatch(r"-?\d{1,40}(\.\d{1,40})?", word):
            return "Invalid latency-tracking-info-percentiles parameters"
        if not 0 <= float(word) <= 100:
            return "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]"
    return None


def _oom_scores(words: tuple[str, ...]) -> str | None:
    if len(words) != 3:
        return "wrong number of arguments"
    if not all(re.fullmatch(r"-?\d{1,5}", word) and -2000 <= int(word) <= 2000 for word in words):
        return "Invalid oom-score-adj-values, elements must be between -2000 and 2000."
    return None


def _addresses(words: tuple[str, ...]) -> str | None:
    return "Too many bind addresses specified." if len(words) > 16 else None


class _Directives:
    """The declarations."""

    # Network
    bind = Words(("*", "-::*"), check=_addresses)
    bind_source_addr = Text()
    port = Integer(6379, 0, 65535)
    tcp_backlog = Integer(511, immutable=True)
    unixsocket = Text(immutable=True)
    unixsocketperm = Octal(0, 0, 0o777, immutable=True)
    timeout = Integer(0)
    tcp_keepalive = Integer(300)
    protected_mode = Boolean(True)
    maxclients = Integer(10000, 1, 2**32 - 1)
    socket_mark_id = Integer(0, 0, 2**32 - 1, immutable=True)
    enable_protected_configs = Choice("no", "no yes local", immutable=True)
    enable_debug_command = Choice("no", "no yes local", immutable=True)
    enable_module_command = Choice("no", "no yes local", immutable=True)

    # TLS
    tls_port = Integer(0, 0, 65535)
    tls_cert_file = Text()
    tls_key_file = Text()
    tls_key_file_pass = Text(secret=True)
    tls_client_cert_file = Text()
    tls_client_key_file = Text()
    tls_client_key_file_pass = Text(secret=True)
    tls_dh_params_file = Text()
    tls_ca_cert_file = Text()
    tls_ca_cert_dir = Text()
    tls_auth_clients = Choice("yes", "no yes optional")
    tls_replication = Boolean(False)
    tls_cluster = Boolean(False)
    tls_protocols = Text()
    tls_ciphers = Text()
    tls_ciphersuites = Text()
    tls_prefer_server_ciphers = Boolean(False)
    tls_session_caching = Boolean(True)
    tls_session_cache_size = Integer(20480)
    tls_session_cache_timeout = Integer(300)

    # Process
    daemonize = Boolean(False, immutable=True)
    supervised = Choice("no", "upstart systemd auto no", immutable=True)
    pidfile = Text(immutable=True)
    loglevel = Choice("notice", "debug verbose notice warning")
    logfile = Text(immutable=True)
    syslog_enabled = Boolean(False, immutable=True)
    syslog_ident = Text("redis", immutable=True)
    syslog_facility = Choice(
        "local0", "user local0 local1 local2 local3 local4 local5 local6 local7", immutable=True
    )
    crash_log_enabled = Boolean(True)
    crash_memcheck_enabled = Boolean(True)
    databases = Integer(16, 1, immutable=True)
    always_show_logo = Boolean(False, immutable=True)
    set_proc_title = Boolean(True, immutable=True)
    proc_title_template = Text("{title} {listen-addr} {server-mode}")
    ignore_warnings = Text()
    shutdown_timeout = Integer(10)
    shutdown_on_sigint = Choice(*_ENDS, combines=True, check=_ends)
    shutdown_on_sigterm = Choice(*_ENDS, combines=True, check=_ends)
    hz = Integer(10)
    dynamic_hz = Boolean(True)
    disable_thp = Boolean(True, immutable=True)
    oom_score_adj = Choice("no", "no yes relative absolute")
    oom_score_adj_values = Words(("0", "200", "800"), check=_oom_scores)
    io_threads = Integer(1, 1, 128, immutable=True)
    io_threads_do_reads = Boolean(False, immutable=True)
    jemalloc_bg_thread = Boolean(True)
    server_cpulist = Text(name="server_cpulist", immutable=True)
    bio_cpulist = Text(name="bio_cpulist", immutable=True)
    aof_rewrite_cpulist = Text(name="aof_rewrite_cpulist", immutable=True)
    bgsave_cpulist = Text(name="bgsave_cpulist", immutable=True)
    include = Lines(1)
    loadmodule = Lines(1)
    rename_command = Lines(2, 2)

    # Snapshots
    save = SavePoints(((3600, 1), (300, 100), (60, 10000)))
    stop_writes_on_bgsave_error = Boolean(True)
    rdbcompression = Boolean(True)
    rdbchecksum = Boolean(True, immutable=True)
    sanitize_dump_payload = Choice("no", "no yes clients")
    dbfilename = Text("dump.rdb", check=_file_name("dbfilename", "filename"), protected=True)
    rdb_del_sync_files = Boolean(False)
    rdb_save_incremental_fsync = Boolean(True)
    dir = Text(".", protected=True, while_loading=False)

    # Append only file
    appendonly = Boolean(False, while_loading=False)
    appendfilename = Text("appendonly.aof", check=_file_name("appendfilename", "filename"), immutable=True)
    appenddirname = Text("appendonlydir", check=_file_name("appenddirname", "dirname"), immutable=True)
    appendfsync = Choice("everysec", "everysec always no")
    no_appendfsync_on_rewrite = Boolean(False)
    auto_aof_rewrite_percentage = Integer(100)
    auto_aof_rewrite_min_size = Memory(64 << 20)
    aof_load_truncated = Boolean(True)
    aof_use_rdb_preamble = Boolean(True)
    aof_timestamp_enabled = Boolean(False)
    aof_rewrite_incremental_fsync = Boolean(True)
    aof_disable_auto_gc = Boolean(False)

    # Replication
    replicaof = Followed(None, alias="slaveof", immutable=True)
    masteruser = Text()
    masterauth = Text(secret=True)
    replica_serve_stale_data = Boolean(True, alias="slave-serve-stale-data")
    replica_read_only = Boolean(True, alias="slave-read-only")
    repl_diskless_sync = Boolean(True)
    repl_diskless_sync_delay = Integer(5)
    repl_diskless_sync_max_replicas = Integer(0)
    repl_diskless_load = Choice("disabled", "disabled on-empty-db swapdb", while_loading=False)
    repl_ping_replica_period = Integer(10, 1, alias="repl-ping-slave-period")
    repl_timeout = Integer(60, 1)
    repl_disable_tcp_nodelay = Boolean(False)
    repl_backlog_size = Memory(1 << 20, 1)
    repl_backlog_ttl = Integer(3600, 0, LONG_MAX)
    replica_priority = Integer(100, alias="slave-priority")
    propagation_error_behavior = Choice("ignore", "ignore panic panic-on-replicas")
    replica_ignore_disk_write_errors = Boolean(False)
    replica_announced = Boolean(True)
    min_replicas_to_write = Integer(0, alias="min-slaves-to-write")
    min_replicas_max_lag = Integer(10, alias="min-slaves-max-lag")
    replica_announce_ip = Text(alias="slave-announce-ip")
    replica_announce_port = Integer(0, 0, 65535, alias="slave-announce-port")
    replica_lazy_flush = Boolean(False, alias="slave-lazy-flush")
    replica_ignore_maxmemory = Boolean(True, alias="slave-ignore-maxmemory")

    # Security
    requirepass = Text(secret=True)
    aclfile = Text(immutable=True)
    acllog_max_len = Integer(128, 0, LONG_MAX)
    acl_pubsub_default = Choice("resetchannels", "allchannels resetchannels")
    user = Lines(1)

    # Memory
    maxmemory = Memory(0, 0, 2**64 - 1)
    maxmemory_policy = Choice(
        "noeviction",
        "volatile-lru volatile-lfu volatile-random volatile-ttl "
        "allkeys-lru allkeys-lfu allkeys-random noeviction",
    )
    maxmemory_samples = Integer(5, 1)
    maxmemory_eviction_tenacity = Integer(10, 0, 100)
    maxmemory_clients = MemoryOrPercent(0)
    active_expire_effort = Integer(1, 1, 10)
    lazyfree_lazy_eviction = Boolean(False)
    lazyfree_lazy_expire = Boolean(False)
    lazyfree_lazy_server_del = Boolean(False)
    lazyfree_lazy_user_del = Boolean(False)
    lazyfree_lazy_user_flush = Boolean(False)
    lfu_log_factor = Integer(10)
    lfu_decay_time = Integer(1)
    activedefrag = Boolean(False)
    active_defrag_ignore_bytes = Memory(100 << 20, 1)
    active_defrag_threshold_lower = Integer(10, 0, 1000)
    active_defrag_threshold_upper = Integer(100, 0, 1000)
    active_defrag_cycle_min = Integer(1, 1, 99)
    active_defrag_cycle_max = Integer(25, 1, 99)
    active_defrag_max_scan_fields = Integer(1000, 1, LONG_MAX)

    # Cluster
    cluster_enabled = Boolean(False, immutable=True)
    cluster_config_file = Text("nodes.conf", immutable=True)
    cluster_node_timeout = Integer(15000, 0, LONG_MAX)
    cluster_port = Integer(0, 0, 65535, immutable=True)
    cluster_gossip_fanout = Integer(3, 1, 64)
    cluster_replica_validity_factor = Integer(10, alias="cluster-slave-validity-factor")
    cluster_migration_barrier = Integer(1)
    cluster_allow_replica_migration = Boolean(True)
    cluster_require_full_coverage = Boolean(True)
    cluster_replica_no_failover = Boolean(False, alias="cluster-slave-no-failover")
    cluster_allow_reads_when_down = Boolean(False)
    cluster_write_acks = Integer(0, 0, 1000)
    cluster_write_acks_timeout_ms = Integer(1000, 1, LONG_MAX)
    cluster_allow_pubsubshard_when_down = Boolean(True)
    cluster_link_sendbuf_limit = Memory(0, 0, 2**64 - 1)
    cluster_announce_hostname = Text(check=_hostname)
    cluster_preferred_endpoint_type = Choice("ip", "ip hostname unknown-endpoint")
    cluster_announce_ip = Text(check=_announced_ip)
    cluster_announce_port = Integer(0, 0, 65535)
    cluster_announce_tls_port = Integer(0, 0, 65535)
    cluster_announce_bus_port = Integer(0, 0, 65535)

    # Watching
    slowlog_log_slower_than = Integer(10000, -1, LONG_MAX)
    slowlog_max_len = Integer(128, 0, LONG_MAX)
    latency_monitor_threshold = Integer(0, 0, LONG_MAX)
    latency_tracking = Boolean(True)
    latency_tracking_info_percentiles = Words(("50", "99", "99.9"), check=_percentiles)
    notify_keyspace_events = Events("")
    busy_reply_threshold = Integer(5000, 0, LONG_MAX, alias="lua-time-limit")

    # Encodings and clients
    hash_max_listpack_entries = Integer(512, 0, LONG_MAX, alias="hash-max-ziplist-entries")
    hash_max_listpack_value = Memory(64, alias="hash-max-ziplist-value")
    list_max_listpack_size = Integer(-2, -INT_MAX - 1, alias="list-max-ziplist-size")
    list_compress_depth = Integer(0)
    set_max_intset_entries = Integer(512, 0, LONG_MAX)
    zset_max_listpack_entries = Integer(128, 0, LONG_MAX, alias="zset-max-ziplist-entries")
    zset_max_listpack_value = Memory(64, alias="zset-max-ziplist-value")
    hll_sparse_max_bytes = Memory(3000)
    stream_node_max_bytes = Memory(4096)
    stream_node_max_entries = Integer(100, 0, LONG_MAX)
    activerehashing = Boolean(True)
    client_output_buffer_limit = BufferLimits(
        {
            "normal": BufferLimit(0, 0, 0),
            "slave": BufferLimit(256 << 20, 64 << 20, 60),
            "pubsub": BufferLimit(32 << 20, 8 << 20, 60),
        }
    )
    client_query_buffer_limit = Memory(1 << 30, 1 << 20)
    proto_max_bulk_len = Memory(512 << 20, 1 << 20)
    tracking_table_max_keys = Integer(1000000, 0, LONG_MAX)


DIRECTIVES: dict[str, Option[Any]] = {
    option.name: option for option in vars(_Directives).values() if isinstance(option, Option)
}
"""Every directive by its own name."""

BY_NAME: dict[str, Option[Any]] = DIRECTIVES | {
    option.alias: option for option in DIRECTIVES.values() if option.alias
}
"""The same with the older names."""

_DEFAULTS = {option.attribute: option.default for option in DIRECTIVES.values()}


class Options(_Directives):
    """One node's values."""

    def __init__(self) -> None:
        self.__dict__.update(_DEFAULTS)
        self.given: set[str] = set()

    def set(self, name: str, values: list[str]) -> None:
        """A line of a file or of the command line. Raises OptionError (UnknownOption); nothing has changed
        then."""
        option = BY_NAME.get(name.lower())
        if option is None:
            raise UnknownOption("Bad directive or wrong number of arguments")
        present = self.value(option) if option.name in self.given else None
        self.__dict__[option.attribute] = option.add(present, values)
        self.given.add(option.name)

    def change(self, settings: Mapping[str, str]) -> list[str]:
        """CONFIG SET: all of them or none. Gives the names (the directives' own) of those that are not what
        they were. Raises ChangeRefused."""
        parsed = {self._changeable(name).name: self._parsed(name, text) for name, text in settings.items()}
        changed = [name for name, value in parsed.items() if value != self.value(DIRECTIVES[name])]
        for name, value in parsed.items():
            self.__dict__[DIRECTIVES[name].attribute] = value
        return changed

    def value(self, option: Option[Any]) -> Any:
        """What an option's value is now."""
        return self.__dict__[option.attribute]

    def get(self, matches: Callable[[str], bool]) -> dict[str, str]:
        """The names, older names too, that `matches` picks, with their values as CONFIG GET has them."""
        return {
            name: option.show(self.value(option))
            for name, option in BY_NAME.items()
            if option.shown and matches(name)
        }

    def render(self) -> Iterator[tuple[str, list[str]]]:
        """Each directive with the lines that a config file needs for its value: none where it is the
        default."""
        for name, option in DIRECTIVES.items():
            value = self.value(option)
            wanted = [] if value == option.default else option.lines(value)
            yield name, [f"{name} {line}" for line in wanted]

    def _changeable(self, name: str) -> Option[Any]:
        option = BY_NAME[name]
        if option.immutable:
            raise ChangeRefused(name, "can't set immutable config")
        if option.protected and self.enable_protected_configs == "no":
            raise ChangeRefused(name, "can't set protected config")
        return option

    def _parsed(self, name: str, text: str) -> Any:
        option = BY_NAME[name]
        words = text.split(" ") if option.several and text else [text]
        try:
            if isinstance(option, BufferLimits):
                return option.add(self.value(option), words)
            return option.parse(words)
        except OptionError as refusal:
            raise ChangeRefused(name, str(refusal)) from None
