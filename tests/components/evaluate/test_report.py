from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from components.artifacts.manifest import Photo
from components.artifacts.report import PLACES, fill_places, place
from components.captioning.model.normalizer import NORMALIZER
from components.evaluate.gallery import Picks, RankedCaption
from components.evaluate.mistakes import MistakeKind
from components.evaluate.records import Data, Finding, Training
from components.evaluate.report import gallery_sections, render_report

BLEU = {"bleu1": 64.31, "bleu2": 46.3, "bleu3": 32.4, "bleu4": 22.349}
SCORES: dict[str, Any] = {
    "bleu": BLEU,
    "greedy": BLEU | {"bleu4": 17.9},
    "signature": "nrefs:5|case:mixed|tok:none",
    "cider_d": {"beam": 55.44, "greedy": 44.06},
    "rouge_l": {"beam": 46.21, "greedy": 43.0},
    "coco_signature": "cider-d:n=4|rouge-l:beta=1.2",
    "images": 1500,
    "references": 7500,
    "distinct_captions": 812,
    "mean_words": 9.74,
    "vocabulary_used": 310,
    "vocabulary_known": 2529,
    "intervals": {"bleu4": [20.51, 24.26], "cider_d": [51.94, 59.05]},
    "confidence": {
        "good_cider_d": 34.56,
        "good": 0.6,
        "likely": 0.5,
        "likely_and_good": 0.4,
        "aurc": 0.2512,
        "ece": 0.0312,
        "cider_d_surest_half": 71.23,
        "cider_d_all": 55.44,
        "curve": [
            {"coverage": 0.5, "risk": 0.2, "cider_d": 71.23},
            {"coverage": 1.0, "risk": 0.4, "cider_d": 55.44},
        ],
    },
    "split": "test",
    "language": "en",
    "model_fingerprint": "a" * 64,
    "beam_width": 5,
    "length_penalty": 0.7,
    "reranking_weight": 14.0,
    "guidance_weight": 0.0,
    "max_words": 20,
    "dataset_fingerprint": "d" * 64,
    "test_fingerprint": "f" * 64,
    "encoder": {
        "network": "InceptionV3",
        "weights": "random",
        "seed": 7,
        "sha256": "e" * 64,
        "width": 2048,
        "size": 299,
    },
}
TRAINING = Training.model_validate(
    {
        "mlflow_run_id": "run-1",
        "best_epoch": 1,
        "settings": {"units": 512, "max_words": 20},
        "history": [
            {"word_loss": 3.0, "dev_word_loss": 2.5, "learning_rate": 2e-3, "seconds": 41.26}
        ],
    }
)
EVIL = '<script>alert("1")</script> & "dog'
DATA = Data.model_validate(
    {
        "dataset_fingerprint": "d" * 64,
        "test_fingerprint": "f" * 64,
        "source": "flickr_token",
        "photos": 8091,
        "captions": 40455,
        "splits": {"train": 6091, "dev": 500, "test": 1500},
        "counts": {"near_duplicates": 0},
        "summary": [("photos", "8,091 (flickr_token)"), ("missing", "none"), ("note", EVIL)],
    }
)
MISTAKES = [
    MistakeKind("colour", "has a wrong colour", 150, 0.1, [("blue", 80), (EVIL, 1)], "a <b>")
]


class _Page(HTMLParser):
    """A parsed page: its elements with their attributes, and its text; requires balanced tags."""

    _VOID = ("meta", "img", "wbr")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))
        if tag not in self._VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += f"{data} " if data.strip() else ""

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def words(self) -> str:
        return " ".join(self.text.split())


def _page(*cards: tuple[RankedCaption, str | None]) -> _Page:
    sections = gallery_sections(Picks([], [], []), {}, str)
    assert sections == []
    sections = gallery_sections(Picks([card for card, _ in cards], [], []), {}, str)
    sections[0].cards[:] = cards
    return _Page(render_report(SCORES, TRAINING, DATA, MISTAKES, sections))


CARD = (
    RankedCaption("1.jpg", "a dog", ("a brown dog", "one dog"), 43.21),
    "data:image/jpeg;base64,AA==",
)


def test_report_has_each_place_once_whatever_the_data_say() -> None:
    data = DATA.model_copy(update={"summary": [("note", place(name)) for name in PLACES]})
    page = render_report(SCORES, TRAINING, data, MISTAKES, [])
    assert {name: page.count(place(name)) for name in PLACES} == dict.fromkeys(PLACES, 1)
    words = _Page(fill_places(page, {"drift": "requests have drifted (p = 0.003)"})).words
    assert "Drift of requests requests have drifted (p = 0.003) Photos" in words


def test_report_begins_with_what_matters() -> None:
    page = render_report(SCORES, TRAINING, DATA, MISTAKES, [])
    filled = fill_places(
        page,
        {
            "model": "captioner", "version": "version 3", "passed": "Passed", "reason": "Better.",
            "champion": "Champion v2: BLEU-4 20.1", "date": "2026-11-30 09:00 UTC",
            "dataset": "flickr8k", "commit": "c" * 40, "command": "captionflow run --epochs 9",
            "release": "Version 3 is the champion",
        },
    )  # fmt: skip
    first, _, _ = _Page(filled).words.partition("Contents Scores")
    for fact in (
        "captioner version 3 Passed Better.",
        "BLEU-4 22.3 95 % confidence interval 20.5 to 24.3",
        "CIDEr-D 55.4 95 % confidence interval 51.9 to 59.0",
        "Champion v2: BLEU-4 20.1", "Version 3 is the champion", "2026-11-30 09:00 UTC",
        "flickr8k : 8,091 photos, 40,455 captions", "train 6,091, dev 500, test 1,500",
        "c" * 40, "captionflow run --epochs 9",
    ):  # fmt: skip
        assert fact in first
    assert "useless" not in first


def test_report_begins_with_the_limits_of_the_data() -> None:
    finding = Finding(kind="few_test_photos", text="8 test photos are few")
    data = DATA.model_copy(update={"findings": [finding]})
    first, _, _ = _Page(render_report(SCORES, TRAINING, data, [], [])).words.partition("Contents")
    assert "8 test photos are few" in first


def test_report_of_a_model_that_always_says_the_same_calls_it_useless() -> None:
    scores = SCORES | {"vocabulary_used": 8, "distinct_captions": 3}
    assert "Words used: 8 of 2,529" in _Page(render_report(scores, TRAINING, DATA, [], [])).words


def test_report_shows_mistakes_by_kind() -> None:
    words = _Page(render_report(SCORES, TRAINING, DATA, MISTAKES, [])).words
    assert "colour has a wrong colour 150 10 % blue 80" in words
    # Those of another language are unknown.
    assert "Mistakes by kind" not in _Page(render_report(SCORES, TRAINING, DATA, [], [])).words


def test_report_has_a_list_of_contents_that_leads_somewhere() -> None:
    page = _page(CARD)
    links = [str(link["href"]) for link in page.all("a")]
    identifiers = {f"#{names['id']}" for _, names in page.elements if "id" in names}
    assert len(links) > 4 and set(links) <= identifiers


def test_report_has_the_risk_coverage_curve_and_its_numbers() -> None:
    page = _Page(render_report(SCORES, TRAINING, DATA, MISTAKES, []))
    text = " ".join(page.text.split())
    for fact in (
        "at least 34.6", "60 % of all captions are good", "50 % are called likely",
        "80 % of those are good", "71.2, of all 55.4", "0.251; 0.400 if", "0.031",
        "50 % 20.0 % 71.2", "not good (%)",
    ):  # fmt: skip
        assert fact in text


def test_render_report_shows_scores_with_model_data_and_decoding() -> None:
    words = _page(CARD).words
    assert "Score Beam search, width 5 Greedy search BLEU-1 64.3 64.3 BLEU-2" in words
    assert "BLEU-4 22.3 17.9 CIDEr-D 55.4 44.1 ROUGE-L 46.2 43.0" in words
    assert "cider-d:n=4| rouge-l:beta=1.2" in words
    assert "1,500 photos of the test split" in words
    assert "against 7,500 reference captions" in words
    assert "nrefs:5| case:mixed| tok:none" in words
    assert "beam width 5, length penalty 0.7, reranking weight 14.0" in words
    assert "guidance weight 0.0, at most 20 words" in words
    assert "InceptionV3, weights random (seed 7) eeeeeeeeeeee , 2,048 features per photo" in words
    assert "812 for 1,500 photos, 9.7 words on average" in words
    assert "310 of 2,529 words" in words
    assert "Test split fingerprint ffffffffffff Dataset fingerprint dddddddddddd" in words
    assert "Model fingerprint aaaaaaaaaaaa MLflow run run-1" in words
    assert "1 3.000 2.500 2.0e-03 41.3" in words
    assert "units 512" in words


def test_render_report_shows_what_the_data_set_holds() -> None:
    assert "Data Photos 8,091 (flickr_token) Missing none" in _page(CARD).words


def test_render_report_shows_photo_with_its_captions() -> None:
    page = _page(CARD)
    assert page.all("img") == [
        {
            "class": "thumbnail", "loading": "lazy", "decoding": "async",
            "src": CARD[1], "alt": "a dog",
        }
    ]  # fmt: skip
    assert "Best 1 The highest scores" in page.words
    assert "a dog a brown dog one dog BLEU 43.2 1.jpg" in page.words


def test_render_report_explains_how_photos_were_selected() -> None:
    words = _page(CARD).words
    assert "selected automatically. All 1,500 captions of the beam search were ranked" in words


def test_render_report_without_a_thumbnail_shows_a_placeholder() -> None:
    page = _page((CARD[0], None))
    assert page.all("img") == []
    assert "The photo could not be read a dog a brown dog" in page.words


def test_render_report_labels_empty_captions() -> None:
    page = _page((RankedCaption("1.jpg", "", ("a dog",), 0.0), CARD[1]))
    assert page.all("img")[0]["alt"] == "(empty caption)"


def test_render_report_escapes_text_of_the_data() -> None:
    page = _page((RankedCaption(EVIL, EVIL, (EVIL,), 1.0), CARD[1]))
    assert page.all("script") == []
    assert page.all("img")[0]["alt"] == EVIL
    assert page.words.count(EVIL) == 5


def test_render_report_is_self_contained() -> None:
    page = _page(CARD)
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "link", "iframe", "object", "base", "form"}
    assert not any(name.startswith("on") for _, names in page.elements for name in names)
    addresses = [
        value
        for _, attributes in page.elements
        for name, value in attributes.items()
        if name in ("src", "srcset", "href", "xlink:href", "action", "data")
    ]
    assert len(addresses) > 1
    assert all(value and value.startswith(("data:image/jpeg", "#")) for value in addresses)
    style = render_report(SCORES, TRAINING, DATA, MISTAKES, []).partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style


def test_render_report_has_landmarks_and_labels() -> None:
    page = _page(CARD)
    tags = [tag for tag, _ in page.elements]
    assert page.all("html") == [{"lang": "en"}]
    assert [tags.count(name) for name in ("header", "main", "footer", "h1", "title")] == [1] * 5
    identifiers = [names["id"] for _, names in page.elements if "id" in names]
    assert len(identifiers) == len(set(identifiers))
    labels = [names["aria-labelledby"] for names in page.all("section")]
    assert labels
    assert set(labels) <= set(identifiers)
    assert [names["role"] for names in page.all("div") if "role" in names] == ["img", "img"]


@pytest.mark.parametrize(("images", "titles"), [(2, ["Best", "Median"]), (0, ["Best"])])
def test_gallery_sections_omits_empty_groups(images: int, titles: list[str]) -> None:
    median = [CARD[0]] * images
    sections = gallery_sections(Picks([CARD[0]], median, []), {}, str)
    assert [section.title for section in sections] == titles


def test_gallery_sections_looks_up_photos_by_image_id(tmp_path: Path) -> None:
    path = tmp_path / "1.jpg"
    Image.new("RGB", (8, 8)).save(path)
    photo = Photo("1.jpg", str(path), "0" * 64, 8, 8, "test", ("A dog.",))
    other = RankedCaption("2.jpg", "a cat", ("a cat",), 100.0)
    sections = gallery_sections(Picks([], [], [CARD[0], other]), {"1.jpg": photo}, str)
    thumbnails = [thumbnail for _, thumbnail in sections[0].cards]
    assert thumbnails[0] is not None
    assert thumbnails[0].startswith("data:image/jpeg;base64,")
    assert thumbnails[1] is None


def test_gallery_sections_show_captions_as_people_write_them() -> None:
    ranked = RankedCaption("1.jpg", "\u72d7 \u8dd1", ("\u72d7 \u5728 \u8dd1",), 50.0)
    (section,) = gallery_sections(Picks([ranked], [], []), {}, NORMALIZER.detokenize)
    ((card, _),) = section.cards
    assert card == RankedCaption("1.jpg", "\u72d7\u8dd1", ("\u72d7\u5728\u8dd1",), 50.0)
