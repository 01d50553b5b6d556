"""INFO: sections of fields, as Redis names them.

What Starling has no counterpart for (Lua, modules, defragmentation, I/O threads) is 0, which is true of it.
"""

from __future__ import annotations

from collections.abc import Callable

from cluster.commands.context import Context
from cluster.commands.durations import percentile_usec
from cluster.session.session import Kind
from cluster.spec.command import command
from cluster.spec.version import REDIS_VERSION, STARLING_VERSION
from protocol.resp.types import Reply, Verbatim

Fields = dict[str, object]


def _server(ctx: Context) -> Fields:
    server, host = ctx.server, ctx.server.host
    up_s = max(0, ctx.now_ms - server.started_ms) // 1000
    return {
        "redis_version": REDIS_VERSION,
        "redis_git_sha1": "00000000",
        "redis_git_dirty": 0,
        "redis_build_id": "0",
        "redis_mode": "standalone" if server.core is None else "cluster",
        "starling_version": STARLING_VERSION,
        "os": host.os_name,
        "arch_bits": 64,
        "monotonic_clock": "POSIX clock_gettime",
        "multiplexing_api": "epoll",
        "atomicvar_api": "none",
        "gcc_version": "0.0.0",
        "process_id": host.pid,
        "process_supervised": server.options.supervised,
        "run_id": host.run_id,
        "tcp_port": server.options.port,
        "server_time_usec": host.unix_us(),
        "uptime_in_seconds": up_s,
        "uptime_in_days": up_s // 86400,
        "hz": server.options.hz,
        "configured_hz": server.options.hz,
        "lru_clock": ctx.now_ms // 1000 & 0xFFFFFF,
        "executable": host.executable,
        "config_file": host.config_path,
        "io_threads_active": 0,
        **host.info_fields("server"),
    }


def _clients(ctx: Context) -> Fields:
    sessions = ctx.server.sessions.values()
    return {
        "connected_clients": sum(session.kind is not Kind.REPLICA for session in sessions),
        "cluster_connections": 0,
        "maxclients": ctx.server.options.maxclients,
        "client_recent_max_input_buffer": 0,
        "client_recent_max_output_buffer": 0,
        "blocked_clients": sum(session.waiting is not None for session in sessions),
        "tracking_clients": len(ctx.server.tracking.clients),
        "clients_in_timeout_table": 0,
    }


def human(count: int) -> str:
    """Bytes as INFO shows them to people: 1.50M."""
    if count < 1024:
        return f"{count}B"
    value, units = float(count), "KMGTP"
    for unit in units:
        value /= 1024
        if value < 1024:
            return f"{value:.2f}{unit}"
    return f"{count}B"


def _memory(ctx: Context) -> Fields:
    """What used_memory counts: see cluster.commands.gauge. Between it and resident memory lie the
    interpreter, our code, and what the allocators keep for later."""
    usage, options = ctx.server.host.usage(), ctx.server.options
    used, peak = ctx.server.gauge.used_bytes(), ctx.server.gauge.peak_bytes
    backlog = ctx.server.replication.backlog
    backlog_bytes = options.repl_backlog_size if backlog is not None else 0
    dataset = max(0, used - backlog_bytes)
    spare = max(0, usage.rss_bytes - used)
    ratio = f"{usage.rss_bytes / max(1, used):.2f}"
    return {
        "used_memory": used,
        "used_memory_human": human(used),
        "used_memory_rss": usage.rss_bytes,
        "used_memory_rss_human": human(usage.rss_bytes),
        "used_memory_peak": peak,
        "used_memory_peak_human": human(peak),
        "used_memory_peak_perc": f"{100 * used / max(1, peak):.2f}%",
        "used_memory_overhead": backlog_bytes,
        "used_memory_startup": 0,
        "used_memory_dataset": dataset,
        "used_memory_dataset_perc": f"{100 * dataset / max(1, used):.2f}%",
        "allocator_allocated": used,
        "allocator_active": usage.rss_bytes,
        "allocator_resident": usage.rss_bytes,
        "total_system_memory": usage.system_memory_bytes,
        "total_system_memory_human": human(usage.system_memory_bytes),
        **dict.fromkeys(("used_memory_lua", "used_memory_vm_eval"), 0),
        "used_memory_lua_human": human(0),
        **dict.fromkeys(_NO_SCRIPTS, 0),
        "used_memory_vm_total_human": human(0),
        "used_memory_functions": 0,
        "used_memory_scripts": 0,
        "used_memory_scripts_human": human(0),
        "maxmemory": options.maxmemory,
        "maxmemory_human": human(options.maxmemory),
        "maxmemory_policy": options.maxmemory_policy,
        "allocator_frag_ratio": ratio,
        "allocator_frag_bytes": spare,
        "allocator_rss_ratio": "1.00",
        "allocator_rss_bytes": 0,
        "rss_overhead_ratio": "1.00",
        "rss_overhead_bytes": 0,
        "mem_fragmentation_ratio": ratio,
        "mem_fragmentation_bytes": spare,
        "mem_not_counted_for_evict": 0,
        "mem_replication_backlog": backlog_bytes,
        "mem_total_replication_buffers": backlog_bytes,
        "mem_clients_slaves": client_bytes(ctx, replicas=True),
        "mem_clients_normal": client_bytes(ctx, replicas=False),
        "mem_cluster_links": 0,
        "mem_aof_buffer": 0,
        "mem_allocator": "libc",
        **dict.fromkeys(("active_defrag_running", "lazyfree_pending_objects", "lazyfreed_objects"), 0),
    }


def client_bytes(ctx: Context, *, replicas: bool) -> int:
    """What the links to replicas take up, or all other clients."""
    sessions = ctx.server.sessions.values()
    return sum(each.memory_bytes() for each in sessions if (each.kind is Kind.REPLICA) == replicas)


_NO_SCRIPTS = (
    "used_memory_scripts_eval",
    "number_of_cached_scripts",
    "number_of_functions",
    "number_of_libraries",
    "used_memory_vm_functions",
    "used_memory_vm_total",
)


def _persistence(ctx: Context) -> Fields:
    of_host = ctx.server.host.info_fields("persistence")
    rdb = {name: value for name, value in of_host.items() if name.startswith("rdb_")}
    fields: Fields = {
        "loading": 0,
        "async_loading": 0,
        **dict.fromkeys(("current_cow_peak", "current_cow_size", "current_cow_size_age"), 0),
        "current_fork_perc": "0.00",
        "current_save_keys_processed": 0,
        "current_save_keys_total": 0,
        **rdb,
        "aof_enabled": 0,
        "aof_rewrite_in_progress": 0,
        "aof_rewrite_scheduled": 0,
        "aof_last_rewrite_time_sec": -1,
        "aof_current_rewrite_time_sec": -1,
        "aof_last_bgrewrite_status": "ok",
        "aof_rewrites": 0,
        "aof_rewrites_consecutive_failures": 0,
        "aof_last_write_status": "ok",
        "aof_last_cow_size": 0,
        "module_fork_in_progress": 0,
        "module_fork_last_cow_size": 0,
    }
    return fields | of_host


def _stats(ctx: Context) -> Fields:
    server, statistics = ctx.server, ctx.server.statistics
    usage = server.host.usage()
    exceeded_ms = ctx.now_ms - (statistics.memory_exceeded_since_ms or ctx.now_ms)
    fields: Fields = {
        "total_connections_received": statistics.connections,
        "total_commands_processed": statistics.calls,
        "instantaneous_ops_per_sec": statistics.ops_per_second(),
        **dict.fromkeys(_NET_BYTES, 0),
        **dict.fromkeys(_NET_RATES, "0.00"),
        "rejected_connections": 0,
        "sync_full": server.replication.full_syncs,
        "sync_partial_ok": server.replication.partial_syncs,
        "sync_partial_err": server.replication.partial_refusals,
        "expired_keys": sum(database.expired for database in server.databases),
        "expired_stale_perc": "0.00",
        "expired_time_cap_reached_count": 0,
        "expire_cycle_cpu_milliseconds": 0,
        "evicted_keys": statistics.evicted_keys,
        "evicted_clients": statistics.evicted_clients,
        "total_eviction_exceeded_time": statistics.memory_exceeded_ms + exceeded_ms,
        "current_eviction_exceeded_time": exceeded_ms,
        "keyspace_hits": sum(database.hits for database in server.databases),
        "keyspace_misses": sum(database.misses for database in server.databases),
        "pubsub_channels": sum(1 for _ in server.pubsub.channels),
        "pubsub_patterns": server.pubsub.pattern_count,
        "pubsubshard_channels": server.pubsub.shard_channel_count,
        "latest_fork_usec": usage.last_fork_us,
        "total_forks": usage.forks,
        "migrate_cached_sockets": 0,
        "slave_expires_tracked_keys": sum(len(each.expiry.own or ()) for each in server.databases),
        **dict.fromkeys(_DEFRAG, 0),
        "tracking_total_keys": server.tracking.key_count,
        "tracking_total_items": server.tracking.item_count,
        "tracking_total_prefixes": server.tracking.prefix_count,
        "unexpected_error_replies": statistics.unexpected_errors,
        "total_error_replies": statistics.error_count,
        **dict.fromkeys(_IO, 0),
    }
    return fields | server.host.info_fields("stats")


_NET_BYTES = (
    "total_net_input_bytes",
    "total_net_output_bytes",
    "total_net_repl_input_bytes",
    "total_net_repl_output_bytes",
)
_NET_RATES = (
    "instantaneous_input_kbps",
    "instantaneous_output_kbps",
    "instantaneous_input_repl_kbps",
    "instantaneous_output_repl_kbps",
)
_DEFRAG = (
    "active_defrag_hits",
    "active_defrag_misses",
    "active_defrag_key_hits",
    "active_defrag_key_misses",
    "total_active_defrag_time",
    "current_active_defrag_time",
)
_IO = (
    "dump_payload_sanitizations",
    "total_reads_processed",
    "total_writes_processed",
    "io_threaded_reads_processed",
    "io_threaded_writes_processed",
    "reply_buffer_shrinks",
    "reply_buffer_expands",
)


def _replication(ctx: Context) -> Fields:
    return dict(ctx.server.replication.info_fields(ctx.now_ms))


def _cpu(ctx: Context) -> Fields:
    usage = ctx.server.host.usage()
    return {
        "used_cpu_sys": f"{usage.cpu_system_s:.6f}",
        "used_cpu_user": f"{usage.cpu_user_s:.6f}",
        "used_cpu_sys_children": f"{usage.cpu_system_children_s:.6f}",
        "used_cpu_user_children": f"{usage.cpu_user_children_s:.6f}",
        "used_cpu_sys_main_thread": f"{usage.cpu_system_s:.6f}",
        "used_cpu_user_main_thread": f"{usage.cpu_user_s:.6f}",
    }


def _nothing(_ctx: Context) -> Fields:
    return {}


def _commandstats(ctx: Context) -> Fields:
    return {
        f"cmdstat_{name}": (
            f"calls={stats.calls},usec={int(stats.usec)},"
            f"usec_per_call={stats.usec / max(1, stats.calls):.2f},"
            f"rejected_calls={stats.rejected_calls},failed_calls={stats.failed_calls}"
        )
        for name, stats in ctx.server.statistics.commands.items()
        if stats.calls or stats.rejected_calls or stats.failed_calls
    }


def _latencystats(ctx: Context) -> Fields:
    percentiles = ctx.server.options.latency_tracking_info_percentiles
    return {
        f"latency_percentiles_usec_{name}": ",".join(
            f"p{float(percent):g}={percentile_usec(stats.durations, float(percent)):.3f}"
            for percent in percentiles
        )
        for name, stats in ctx.server.statistics.commands.items()
        if stats.durations and percentiles
    }


def _errorstats(ctx: Context) -> Fields:
    errors = ctx.server.statistics.errors
    return {f"errorstat_{code}": f"count={count}" for code, count in sorted(errors.items())}


def _cluster(ctx: Context) -> Fields:
    return {"cluster_enabled": int(ctx.server.core is not None)}


def _keyspace(ctx: Context) -> Fields:
    return {
        f"db{database.index}": f"keys={len(database)},expires={len(database.expiry)},avg_ttl=0"
        for database in ctx.server.databases
        if len(database)
    }


SECTIONS: dict[str, tuple[str, Callable[[Context], Fields]]] = {
    "server": ("Server", _server),
    "clients": ("Clients", _clients),
    "memory": ("Memory", _memory),
    "persistence": ("Persistence", _persistence),
    "stats": ("Stats", _stats),
    "replication": ("Replication", _replication),
    "cpu": ("CPU", _cpu),
    "modules": ("Modules", _nothing),
    "commandstats": ("Commandstats", _commandstats),
    "errorstats": ("Errorstats", _errorstats),
    "latencystats": ("Latencystats", _latencystats),
    "cluster": ("Cluster", _cluster),
    "keyspace": ("Keyspace", _keyspace),
}
ON_REQUEST = ("commandstats", "latencystats")
"""Sections that only INFO ALL, EVERYTHING or their own names bring."""


@command(
    "INFO",
    "[section+]",
    group="server",
    since="1.0.0",
    flags="LOADING STALE",
    acl="DANGEROUS",
    tips=("nondeterministic_output", "request_policy:all_shards", "response_policy:special"),
    history=(("7.0.0", "Takes several sections."),),
)
def info(ctx: Context, *sections: bytes) -> Reply:
    """Tells of the server's state and statistics."""
    wanted: set[str] = set()
    for word in sections or (b"default",):
        name = word.decode(errors="replace").lower()
        if name in ("all", "everything"):
            wanted.update(SECTIONS)
        elif name == "default":
            wanted.update(section for section in SECTIONS if section not in ON_REQUEST)
        else:
            wanted.add(name)
    return Verbatim("\r\n".join(_text(ctx, *SECTIONS[name]) for name in SECTIONS if name in wanted).encode())


def _text(ctx: Context, title: str, fields: Callable[[Context], Fields]) -> str:
    lines = [f"# {title}", *(f"{name}:{value}" for name, value in fields(ctx).items())]
    return "".join(f"{line}\r\n" for line in lines)
