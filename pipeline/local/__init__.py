"""Runs on this machine, by kfp.local: cache, plan, console and summary."""
