"""The model that describes: a champion or another registered version, or a bundle in a folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from components.artifacts.files import read_json
from components.errors import DataError, SettingError

# As `captioning.bundle` names it, which imports TensorFlow.
_DECODING_FILE = "decoding.json"


@dataclass(frozen=True, slots=True)
class Model:
    """Files that describe photos: a bundle with its encoder.

    Attributes:
        name: What errors call it.
        directory: Where they lie on this machine.
    """

    name: str
    directory: Path


@dataclass(frozen=True, slots=True)
class DecodeOptions:
    """What is asked of a model for each photo.

    Attributes:
        beam_width: Captions searched at once.
        alternatives: How many captions are told besides the best one; fewer than the beam has.
    """

    beam_width: int
    alternatives: int


@contextmanager
def open_model(
    model_name: str, *, version: str | None = None, bundle: Path | None = None
) -> Iterator[Model]:
    """Yields a model's files.

    Args:
        model_name: A registered model.
        version: Of it, as MLflow counts; None: the champion.
        bundle: A folder with a bundle and its encoder, which is taken instead; the registry is
            not asked then.

    Raises:
        DataError: If there is no champion or no such version, or files are missing.
        CaptionflowError: If MLflow can't be used.
    """
    if bundle is not None:
        yield Model(str(bundle), bundle)
        return
    # MLflow takes seconds to load.
    from components.registry.download import download_model

    with TemporaryDirectory(prefix="captionflow-") as folder:
        found = download_model(model_name, version, Path(folder))
        yield Model(f"{model_name} version {found.version}", found.bundle)


def decode_options(model: Model, beam_width: int | None, alternatives: int) -> DecodeOptions:
    """Returns what to ask of a model, with its own beam where none is named.

    Raises:
        DataError: If it is no whole bundle.
        SettingError: If more alternatives are wanted than the beam can have.
    """
    try:
        own = int(read_json(model.directory / _DECODING_FILE)["beam_width"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise DataError(f"{model.name} must be a whole model bundle: {error}") from error
    width = own if beam_width is None else beam_width
    if alternatives >= width:
        raise SettingError(
            f"--alternatives must be below the {width} captions of the beam: widen it with --beam. "
            f"Received: {alternatives}"
        )
    return DecodeOptions(width, alternatives)
