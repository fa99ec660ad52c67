"""Beam's flags: an engine's flags by its name, and what flags say about files workers share."""

import shlex
from argparse import ArgumentParser

#: URI schemes that mean the same file on every machine.
URIS = ("gs://", "s3://", "file://")

#: Flags for which `--engine=NAME` stands, with the addresses and paths of infra/flink. Those of the
#: user's own project, such as `--temp_location`, are added to them.
ENGINES = {
    "local": "",
    "flink": (
        "--runner=FlinkRunner --flink_version=1.20 "
        "--flink_master=http://captionflow-beam-rest:8081 --flink_submit_uber_jar "
        "--flink_job_server_jar=/opt/flink/job-server.jar "
        "--environment_type=EXTERNAL --environment_config=localhost:50000 "
        # In seconds; by default, Beam ends its connection to a job after five minutes.
        "--job_server_timeout=604800 --parallelism=16"
    ),
    "dataflow": (
        "--runner=DataflowRunner --sdk_location=container --max_num_workers=50 "
        "--compute_min_ram=4GB"
    ),
}


def beam_arguments(flags: str) -> list[str]:
    """Returns the command line for Beam, in which an engine's flags stand for its name.

    Args:
        flags: The setting `beam_flags`, such as `--engine=flink --temp_location=s3://b/beam`. The
            other flags override the engine's flags of the same name.

    Raises:
        ValueError: If quotes are not closed, or there is no such engine.
    """
    parser = ArgumentParser(allow_abbrev=False, add_help=False)
    parser.add_argument("--engine", nargs="?", default="local", const="")
    known, rest = parser.parse_known_args(shlex.split(flags))
    if known.engine not in ENGINES:
        raise ValueError(f"--engine must be one of {', '.join(ENGINES)}: {known.engine!r}")
    return [*shlex.split(ENGINES[known.engine]), *rest]


def temp_location(flags: str) -> str:
    """Returns the folder that Beam's own flag `--temp_location` names; empty if there is none.

    The flag says that Beam's workers share no files with this machine, except for this folder.

    Args:
        flags: The setting `beam_flags`.
    """
    parser = ArgumentParser(allow_abbrev=False, add_help=False)
    # With `nargs="?"`, a flag without a value gives an empty text; otherwise argparse would exit.
    parser.add_argument("--temp_location", nargs="?", default="", const="")
    known, _ = parser.parse_known_args(shlex.split(flags))
    return str(known.temp_location)
