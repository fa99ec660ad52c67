"""How a step runs: the KFP decorator, errors and exit codes, retries, Beam."""
