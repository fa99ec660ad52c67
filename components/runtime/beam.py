"""Beam pipelines: they run in this process unless flags name another runner."""

from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions

from components.errors import CaptionflowError, DataError, SettingError
from components.runtime.beam_patches import patch_beam
from components.settings.beam_flags import beam_arguments

# By its full name: "DirectRunner" may download another runner.
_LOCAL_RUNNER = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"
# The start of what Beam appends to an error's message.
_RAISED_IN = " [while running"
_TRACEBACK = "Traceback (most recent call last):"


class ComputeOptions(PipelineOptions):
    """Flags of ours: resource hints for the transforms that apply a model, and for no others."""

    @classmethod
    def _add_argparse_args(cls, parser: ArgumentParser) -> None:
        parser.add_argument("--compute_min_ram", help="Least memory of a worker, such as 4GB")
        parser.add_argument(
            "--compute_accelerator",
            help="Such as type:nvidia-tesla-t4;count:1;install-nvidia-driver",
        )

    def hints(self) -> dict[str, str]:
        """Returns the arguments for `with_resource_hints`."""
        given = {"min_ram": self.compute_min_ram, "accelerator": self.compute_accelerator}
        return {name: value for name, value in given.items() if value}


def beam_options(flags: str = "") -> PipelineOptions:
    """Returns Beam's options for command-line flags.

    Args:
        flags: For example `--direct_running_mode=multi_processing --direct_num_workers=4`. The
            runner's workers must be able to access this machine's files, or share a folder with it,
            see `components.runtime.beam_workers`. Without `--engine` or `--runner`, Beam runs in
            this process.

    Returns:
        Options for `beam.Pipeline(options=…)`.
    """
    options = PipelineOptions(beam_arguments(flags))
    standard = options.view_as(StandardOptions)
    standard.runner = standard.runner or _LOCAL_RUNNER
    return options


def compute_hints(flags: str) -> dict[str, str]:
    """Returns the flags' resource hints for a transform that applies a model."""
    return beam_options(flags).view_as(ComputeOptions).hints()


def beam_pipeline(flags: str = "") -> beam.Pipeline:
    """Returns a Beam pipeline for `with`; see `beam_options` for the flags."""
    patch_beam()
    return beam.Pipeline(options=beam_options(flags))


@contextmanager
def unwrapped_errors() -> Iterator[None]:
    """Re-raises `CaptionflowError` and `KeyboardInterrupt` as a transform raised them.

    Beam appends the transform's name to the message of an error, which does not help a user. For an
    error in another process it has only the text of the traceback, and it turns a
    `KeyboardInterrupt` into a `RuntimeError`.
    """
    try:
        yield
    except CaptionflowError as error:
        raise type(error)(str(error).partition(_RAISED_IN)[0]) from error
    except RuntimeError as error:
        if original := _from_traceback(str(error)):
            raise original from error
        if str(error).startswith(f"{KeyboardInterrupt.__name__}{_RAISED_IN}"):
            raise KeyboardInterrupt from error
        raise


def _from_traceback(text: str) -> CaptionflowError | None:
    """Returns the `CaptionflowError` at the end of a traceback's text; None if it is another."""
    # The last line of a traceback: module, class, message.
    _, separator, last = text.rpartition(f"\n{CaptionflowError.__module__}.")
    name, _, message = last.partition(": ")
    kinds = {kind.__name__: kind for kind in (CaptionflowError, DataError, SettingError)}
    if not separator or name not in kinds or _TRACEBACK in message:
        return None
    return kinds[name](message.partition(_RAISED_IN)[0].rstrip())
