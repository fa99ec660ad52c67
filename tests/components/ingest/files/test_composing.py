import time
import unicodedata

import pytest

from components.ingest.files.composing import compose


@pytest.mark.parametrize("text", ["cafe\u0301", "\u1112\u1161\u11ab", "a" * 99, "\u72ac" * 99, ""])
def test_compose_is_nfc(text: str) -> None:
    assert compose(text) == unicodedata.normalize("NFC", text)


def test_compose_takes_time_linear_in_a_letters_marks() -> None:
    began = time.process_time()
    composed = compose("a" + "\u0301\u0316" * 100_000 + "b")
    assert time.process_time() - began < 2
    assert len(composed) <= 33
    assert composed.startswith("\u00e1")
    assert composed.endswith("b")
