from components.ingest.captions.packed import PackedCaptions, pack, unpack


def test_unpack_restores_captions_with_any_characters() -> None:
    captions = ['a "dog"', "犬, ]", "half \ud83d", ""]
    assert unpack(pack(captions)) == captions


def test_add_appends_to_the_captions_of_a_photo() -> None:
    captions = PackedCaptions()
    for added in (["a ], b"], ["c", "d"], ["e"]):
        captions.add("a.jpg", pack(added))
    captions.add("b.jpg", pack(["f"]))
    assert dict(captions) == {"a.jpg": ["a ], b", "c", "d", "e"], "b.jpg": ["f"]}


def test_add_does_not_read_the_captions_that_a_photo_has() -> None:
    captions = PackedCaptions()
    captions.add("a.jpg", b"not JSON]")
    captions.add("a.jpg", pack(["a"]))
    # Otherwise a photo with 15,000 captions would take a quarter of a minute, and four times as
    # many sixteen times as long.
    assert captions._packed["a.jpg"] == b'not JSON, "a"]'


def test_take_is_not_changed_by_later_additions_to_the_other() -> None:
    one, other = PackedCaptions(), PackedCaptions()
    for text in "ab":
        other.add("a.jpg", pack([text]))
    one.take("a.jpg", other)
    other.add("a.jpg", pack(["c"]))
    assert (one["a.jpg"], other["a.jpg"]) == (["a", "b"], ["a", "b", "c"])
