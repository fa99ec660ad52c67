"""The model to describe photos with: the champion, another registered version, or a folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from components.artifacts.checksums import check_bundle
from components.artifacts.decoding import decoding_file
from components.artifacts.files import read_json
from components.artifacts.language import read_language
from components.errors import DataError, SettingError

#: Alternatives to show to a person, unless another number is given. More would be too many to take
#: in at a glance, or to listen to.
DEFAULT_ALTERNATIVES = 3


@dataclass(frozen=True, slots=True)
class Model:
    """A model's files on this machine: a bundle with its encoder.

    Attributes:
        name: Its name in messages.
        directory: Folder of the files.
        registered_name: Its name in MLflow; empty if it is not from there.
        version: Its version in MLflow; empty if it is not from there.
    """

    name: str
    directory: Path
    registered_name: str = ""
    version: str = ""

    @property
    def language(self) -> str:
        """The language of its captions, a BCP 47 tag; `und` if it is unknown."""
        return read_language(self.directory)


@dataclass(frozen=True, slots=True)
class DecodeOptions:
    """Decoding options.

    Attributes:
        beam_width: Candidates kept per step; 1 means greedy search.
        alternatives: Captions returned besides the best one; less than `beam_width`.
    """

    beam_width: int
    alternatives: int


@contextmanager
def open_model(
    model_name: str,
    *,
    version: str | None = None,
    alias: str | None = None,
    bundle: Path | None = None,
) -> Iterator[Model]:
    """Yields a model's files; those of a registered model are removed afterwards.

    Args:
        model_name: Name of a registered model.
        version: Its version in MLflow; None for the version with the alias.
        alias: The alias of a version in MLflow; None for the champion.
        bundle: Folder of a bundle with its encoder, to use instead. MLflow is not needed then.

    Raises:
        DataError: If there is no version with the alias or no such version, or files are missing or
            damaged.
        CaptionflowError: If MLflow can't be used.
    """
    if bundle is not None:
        yield _checked(Model(str(bundle), bundle))
        return
    # MLflow takes seconds to load.
    from components.registry.download import download_model

    with TemporaryDirectory(prefix="captionflow-") as folder:
        found = download_model(model_name, version, Path(folder), alias=alias)
        model = Model(
            f"{model_name} version {found.version}", found.bundle, model_name, found.version
        )
        yield _checked(model)


def _checked(model: Model) -> Model:
    # The captioner checks too, but only after TensorFlow has loaded, which takes seconds.
    # Named: the temporary folder of a registered model means nothing to a user.
    check_bundle(model.directory, model.name)
    return model


def decode_options(model: Model, beam_width: int | None, alternatives: int | None) -> DecodeOptions:
    """Returns the decoding options for a model.

    Args:
        model: The model.
        beam_width: Candidates kept per step; None for the width that the model was scored with.
        alternatives: Captions to return besides the best one; None for `DEFAULT_ALTERNATIVES`, or
            as many as the beam has.

    Raises:
        DataError: If the model is incomplete.
        SettingError: If there are not fewer alternatives than the beam is wide.
    """
    try:
        own = int(read_json(decoding_file(model.directory))["beam_width"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise DataError(f"{model.name} must be a complete model bundle: {error}") from error
    width = own if beam_width is None else beam_width
    if alternatives is None:
        alternatives = min(DEFAULT_ALTERNATIVES, width - 1)
    if alternatives >= width:
        raise SettingError(
            f"--alternatives must be less than the beam width {width}: reduce it, or raise --beam. "
            f"Received: {alternatives}"
        )
    return DecodeOptions(width, alternatives)
