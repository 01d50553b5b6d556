"""A Starling node, from declarations up to sockets."""
