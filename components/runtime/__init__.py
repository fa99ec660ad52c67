"""Runs a step: the KFP decorator, errors and exit codes, retries, Beam."""
