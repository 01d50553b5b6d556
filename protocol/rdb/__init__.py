"""Redis's RDB files and DUMP payloads."""
