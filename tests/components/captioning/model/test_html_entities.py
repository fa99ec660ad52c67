import html
import random

import pytest
import tensorflow as tf

from components.captioning.model.html_entities import unescape_html


@pytest.mark.parametrize(
    "caption",
    [
        "dog &amp; cat", "&eacute;&Eacute;", "&#39;&#x27;&#X27;", "don&#39t", "&#146;", "&unknown;",
        "at&t", "&", "&&", "", "&#;", "&#x;", "&#0;", "&#xD800;", "&#9999999;", "&#x1F600;",
        "&CounterClockwiseContourIntegral;", "&amp;#39;", "100&#37; a&#10;b",
    ],
)  # fmt: skip
def test_unescape_html_equals_the_standard_librarys(caption: str) -> None:
    assert unescape_html(tf.constant(caption)).numpy().decode() == html.unescape(caption)


def test_unescape_html_of_random_texts_equals_the_standard_librarys() -> None:
    draw = random.Random(1)  # noqa: S311 # no secret
    pieces = ["&", "amp;", "#39;", "#x27;", ";", "a", "\u00e9", " ", "lt;", "notin;"]
    texts = ["".join(draw.choices(pieces, k=draw.randrange(12))) for _ in range(500)]
    decoded = [text.decode() for text in unescape_html(tf.constant(texts)).numpy()]
    assert decoded == [html.unescape(text) for text in texts]


def test_unescape_html_keeps_the_shape() -> None:
    assert unescape_html(tf.constant([["&lt;"], ["b"]])).numpy().tolist() == [[b"<"], [b"b"]]
    assert unescape_html(tf.constant([], tf.string)).shape == (0,)
