"""COCO captions: JSON files with `images` and `annotations`."""

import re
from collections import Counter, defaultdict
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from components.errors import DataError, first_fault
from components.ingest.files.data_files import DataFiles, is_hidden, photo_path
from components.ingest.layouts.caption_file import CaptionFile, CaptionRow, Layout
from components.ingest.layouts.json_lines import is_record
from components.ingest.layouts.json_map import is_map
from components.ingest.layouts.json_nested import is_nested
from components.ingest.layouts.split_fields import SplitFields, with_split_field
from components.ingest.layouts.split_words import note_split
from components.ingest.layouts.text import first_line, read_text

_BOX_FIELD = re.compile(rb'"(?:bbox|segmentation|keypoints)"\s*:')


def _id_text(value: object) -> object:
    # Ids may be numbers in one list and strings in the other: 7, 7.0, "7" and "000007" are equal.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        value = int(value)
    return str(value).strip() if isinstance(value, int | str) else value


_Id = Annotated[str, BeforeValidator(_id_text)]


class _Image(BaseModel):
    model_config = ConfigDict(extra="allow")

    id: _Id
    file_name: str
    split: str | None = None
    width: float | None = None
    height: float | None = None


class _Annotation(BaseModel):
    model_config = ConfigDict(coerce_numbers_to_str=True)

    image_id: _Id
    # VizWiz marks spam as rejected, and its stock sentence for unrecognisable photos as precanned.
    # It excludes both, too.
    is_rejected: bool = False
    is_precanned: bool = False
    # Some data sets have all captions of a photo in one annotation.
    caption: str | list[str | None] | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """Returns the captions; a single empty one if there are none."""
        captions = self.caption if isinstance(self.caption, list) else [self.caption]
        return tuple(text or "" for text in captions) or ("",)

    id: str | None = None


class _Coco(BaseModel):
    images: list[_Image]
    annotations: list[_Annotation]


def find(files: DataFiles) -> list[str]:
    """Returns the caption files: `captions_*.json`, else any JSON that contains COCO captions."""
    json_files = [
        name for name in files.paths if name.lower().endswith(".json") and not is_hidden(name)
    ]
    # COCO's other JSON files (instances, keypoints) are large: if the usual name of caption files
    # is found, they are not parsed.
    named = [
        name
        for name in json_files
        if name.lower().split("/")[-1].startswith("captions_") and _may_be_coco(name, files)
    ]
    return named or [name for name in json_files if _holds_captions(name, files)]


def _may_be_coco(name: str, files: DataFiles) -> bool:
    # A list is a model's output (captions_val2014_results.json); the others are different layouts.
    line = first_line(files.paths[name], 1 << 16).strip()
    if (
        is_map(name, files)
        or is_nested(name, files)
        or line == "["
        or line.startswith("[{")
        or is_record(line)
    ):
        return False
    # A file of boxes may have the wrong name; the usual one is instances_val2017.json.
    content = files.paths[name].read_bytes().replace(b"\0", b"")  # UTF-16 has zeros
    return b'"caption"' in content or _BOX_FIELD.search(content) is None


def read(name: str, files: DataFiles) -> CaptionFile:
    """Reads captions and the field `split`.

    Repeated images and annotations count once. If a `file_name` has two ids, it is one photo with
    the captions of both.

    Args:
        name: The file's path below the data set.
        files: All files.

    Raises:
        DataError: If the file is broken, two photos have the same id, or a `split` is unknown.
    """
    coco = _parse(name, files)
    notes: Counter[str] = Counter()
    photos = _photos(coco, name, notes)
    splits: dict[str, str] = {}
    others = SplitFields()
    for image in coco.images:
        note_split(splits, photo_path(image.file_name), image.split, name)
        others.add(photo_path(image.file_name), image.model_extra or {})
    rows: list[CaptionRow] = []
    seen: set[tuple[str, str, tuple[str, ...]]] = set()
    for annotation in coco.annotations:
        if annotation.is_rejected or annotation.is_precanned:
            notes["annotations marked `is_rejected` or `is_precanned`, left out: {}"] += 1
            continue
        key = (annotation.id or "", annotation.image_id, annotation.texts)
        if annotation.id is not None and key in seen:
            notes["annotations repeated with the same id, read once: {}"] += 1
            continue
        seen.add(key)
        # An id without an image is kept, so that the report can list it.
        photo = photos.get(annotation.image_id, f"image_id {annotation.image_id}")
        rows += [CaptionRow(photo, text) for text in annotation.texts]
    if rows and not any(one.image_id in photos for one in coco.annotations):
        raise DataError(
            f"{name}: no annotation's `image_id` is the `id` of an image. `image_id` of the first "
            f"annotation: {coco.annotations[0].image_id}. `id` of the first image: "
            f"{coco.images[0].id if coco.images else 'there are no images'}"
        )
    said = tuple(f"{name}: {note.format(count)}" for note, count in notes.items())
    file = CaptionFile("coco", name, rows, splits, "the field `split`", said)
    return with_split_field(file, others)


def _photos(coco: _Coco, name: str, notes: Counter[str]) -> dict[str, str]:
    photos: dict[str, str] = {}
    images: dict[str, list[_Image]] = defaultdict(list)
    for image in coco.images:
        photo = photo_path(image.file_name)
        if not photo:
            raise DataError(f"{name}: image {image.id} must have a `file_name`. It is empty")
        if photos.setdefault(image.id, photo) != photo:
            raise DataError(
                f"{name}: each image must have an `id` of its own, but {photos[image.id]} and "
                f"{photo} both have {image.id}. If two files were merged, renumber the images and "
                "annotations of one of them"
            )
        images[photo].append(image)
    for photo, same in images.items():
        if len({image.id for image in same}) == 1:
            continue
        if len({(image.width, image.height) for image in same}) > 1:
            raise DataError(
                f"{name}: {photo} is listed under the ids {', '.join(image.id for image in same)} "
                "with different sizes, so these are different photos. Put them into different "
                "folders, and include the folder in `file_name`"
            )
        notes["photos listed under several ids, whose captions were joined: {}"] += 1
    return photos


def _parse(name: str, files: DataFiles) -> _Coco:
    try:
        return _Coco.model_validate_json(read_text(files.paths[name]))
    except ValidationError as error:
        raise DataError(
            f"{name} must be COCO captions: JSON with `images` and `annotations`. "
            f"At {first_fault(error)}"
        ) from error


def _holds_captions(name: str, files: DataFiles) -> bool:
    try:
        coco = _parse(name, files)
    except DataError:
        return False
    return any(annotation.caption is not None for annotation in coco.annotations)


LAYOUT = Layout(
    name="coco",
    looked_for="captions_*.json, or a JSON with `images` and `annotations` (COCO)",
    find=find,
    read=read,
)
