"""Every setting of a run, declared once: default, bounds, meaning, and what it decides.

A group holds the settings of one step. A setting that several steps share is a group of its own,
which theirs inherit. Command-line options, the DAG's parameters, the inputs of the steps, the cache
of local runs, the trigger and the plans are all derived from here.
"""
