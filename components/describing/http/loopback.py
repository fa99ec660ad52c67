"""The loopback address, in a module without the server's libraries, which are slow to import."""

#: Only this machine can reach it.
LOOPBACK = "127.0.0.1"
