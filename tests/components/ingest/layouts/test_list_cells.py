import pytest

from components.ingest.layouts.list_cells import split_list


@pytest.mark.parametrize(
    ("cell", "texts"),
    [
        ("['A dog', \"A dog's ball\"]", ["A dog", "A dog's ball"]),
        ("['A dog'\n 'A cat, a ball']", ["A dog", "A cat, a ball"]),  # as NumPy prints it
        (' ["A \\"big\\" dog", "caf\\u00e9"] ', ['A "big" dog', "caf\u00e9"]),
        ("['A \\'big\\' dog']", ["A 'big' dog"]),
    ],
)
def test_split_list_of_texts(cell: str, texts: list[str]) -> None:
    assert split_list(cell) == texts


@pytest.mark.parametrize(
    "cell",
    [
        "A dog", "[A dog]", "[1, 2]", "[]", "['A dog', 1]", "['A dog' + 'x']", "['A dog]", "['a'",
        "[b'A dog']", "[f'{1}']", "[" * 5_000 + "]" * 5_000, "['\\x']", "[__import__('os')]",
    ],
)  # fmt: skip
def test_split_list_of_anything_else_is_one_text(cell: str) -> None:
    assert split_list(cell) == [cell]
