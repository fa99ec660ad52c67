"""The loopback address, apart from the server, whose libraries take time to import."""

#: Only this machine can reach it.
LOOPBACK = "127.0.0.1"
