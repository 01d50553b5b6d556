"""What tests share: a node without sockets, a real server to compare with."""
