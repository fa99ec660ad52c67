"""All settings of a run, each declared once, with default, bounds, meaning and effect on results.

A group has the settings of one step. A setting that several steps share is in a group of its own,
which the groups of these steps inherit. Command-line options, pipeline parameters, step inputs, the
cache of local runs, the trigger and the plans are all derived from these groups.
"""
