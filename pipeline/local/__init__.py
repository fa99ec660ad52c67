"""Runs on this machine with kfp.local: cache, plan, console and summary."""
