"""How Beam runs here: in this process unless flags say otherwise."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions

from components.platform.errors import CaptionflowError

# Named in full: "DirectRunner" may go and fetch another runner from the network.
_LOCAL_RUNNER = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"


def beam_options(flags: str = "") -> PipelineOptions:
    """Returns Beam's options for flags as on a command line.

    Args:
        flags: For example `--direct_running_mode=multi_processing --direct_num_workers=4`. A
            runner's workers must see this machine's files. Without `--runner`, Beam runs in this
            process.

    Returns:
        Options for `beam.Pipeline(options=…)`.
    """
    options = PipelineOptions(shlex.split(flags))
    standard = options.view_as(StandardOptions)
    standard.runner = standard.runner or _LOCAL_RUNNER
    return options


def beam_pipeline(flags: str = "") -> beam.Pipeline:
    """Returns a Beam pipeline for `with`; see `beam_options` for the flags."""
    return beam.Pipeline(options=beam_options(flags))


@contextmanager
def own_errors() -> Iterator[None]:
    """Takes from an error of ours what Beam adds to it: in which transform it was raised.

    That helps nobody to mend it.
    """
    try:
        yield
    except CaptionflowError as error:
        raise type(error)(str(error).partition(" [while running")[0]) from error
