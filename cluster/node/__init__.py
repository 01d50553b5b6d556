"""The process: the only sockets, files, clock, entropy and child processes."""
