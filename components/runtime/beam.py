"""How Beam runs here: in this process unless flags say otherwise."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions

from components.errors import CaptionflowError, DataError, SettingError

# Named in full: "DirectRunner" may go and fetch another runner from the network.
_LOCAL_RUNNER = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"
# Begins what Beam adds to an error.
_RAISED_IN = " [while running"
_TRACEBACK = "Traceback (most recent call last):"


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
def unwrapped_errors() -> Iterator[None]:
    """Gives errors of ours, and an interruption, back as they were raised in a transform.

    Beam adds to an error in which transform it was raised, which helps nobody to mend it; of one in
    another process it has only the traceback's text; and it makes an interruption an error.
    """
    try:
        yield
    except CaptionflowError as error:
        raise type(error)(str(error).partition(_RAISED_IN)[0]) from error
    except RuntimeError as error:
        if ours := _from_traceback(str(error)):
            raise ours from error
        if str(error).startswith(f"{KeyboardInterrupt.__name__}{_RAISED_IN}"):
            raise KeyboardInterrupt from error
        raise


def _from_traceback(text: str) -> CaptionflowError | None:
    """Returns the error of ours that a traceback's text ends with; None if it ends with another."""
    # As Python ends it: module, class, message.
    _, found, last = text.rpartition(f"\n{CaptionflowError.__module__}.")
    name, _, message = last.partition(": ")
    kinds = {kind.__name__: kind for kind in (CaptionflowError, DataError, SettingError)}
    if not found or name not in kinds or _TRACEBACK in message:
        return None
    return kinds[name](message.partition(_RAISED_IN)[0].rstrip())
