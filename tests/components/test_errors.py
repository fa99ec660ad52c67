import copy

import pytest
from pydantic import BaseModel, ValidationError

from components.errors import CaptionflowError, DataError, first_fault, one_line


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\nb.jpg", r"a\nb.jpg"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("a\u202egpj.b\u2028", r"a\u202egpj.b\u2028"),
        ("\udcff.jpg", r"\udcff.jpg"),
        ("\u732b caf\u00e9 \u0645\u06cc\u200c\u0631 \u00a0.jpg",) * 2,
        ("C:\\new\\photo.jpg",) * 2,
    ],
)
def test_one_line_escapes_what_cannot_be_printed(name: str, shown: str) -> None:
    assert one_line(name) == one_line(shown) == shown


def test_one_line_shortens_names_that_no_file_can_have() -> None:
    assert one_line(f"a {'n' * 200} {'x' * 70_000}.jpg") == (
        f"a {'n' * 200} {'x' * 200}\u2026{'x' * 46}.jpg"
    )


def test_error_has_one_line_unless_it_is_made_of_lines() -> None:
    class SeveralError(CaptionflowError):
        has_lines = True

    assert str(SeveralError("two\nlines")) == "two\nlines"
    # Copied as it is between processes, by `__reduce_ex__`.
    error = copy.copy(DataError("two\nlines"))
    assert (type(error), str(error)) == (DataError, r"two\nlines")


class Photo(BaseModel):
    sizes: list[int]


@pytest.mark.parametrize(
    ("text", "place"), [('{"sizes": [1, "wide"]}', "sizes.1: "), ("{", "the file: ")]
)
def test_first_fault_begins_with_its_place(text: str, place: str) -> None:
    with pytest.raises(ValidationError) as raised:
        Photo.model_validate_json(text)
    assert first_fault(raised.value).startswith(place)
