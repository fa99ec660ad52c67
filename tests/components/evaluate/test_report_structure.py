"""The report as a page: links, landmarks, and nothing that runs or is loaded from elsewhere."""

from report_pages import CARD, DATA, EVIL, MISTAKES, SCORES, TRAINING, page_of

from components.evaluate.gallery import RankedCaption
from components.evaluate.report import render_report


def test_report_has_a_list_of_contents_that_leads_somewhere() -> None:
    page = page_of(CARD)
    links = [str(link["href"]) for link in page.all("a")]
    identifiers = {f"#{names['id']}" for _, names in page.elements if "id" in names}
    assert len(links) > 4 and set(links) <= identifiers


def test_render_report_escapes_text_of_the_data() -> None:
    page = page_of((RankedCaption(EVIL, EVIL, (EVIL,), 1.0), CARD[1]))
    assert page.all("script") == []
    assert page.all("img")[0]["alt"] == EVIL
    assert page.words.count(EVIL) == 5


def test_render_report_is_self_contained() -> None:
    page = page_of(CARD)
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
    page = page_of(CARD)
    tags = [tag for tag, _ in page.elements]
    assert page.all("html") == [{"lang": "en"}]
    assert [tags.count(name) for name in ("header", "main", "footer", "h1", "title")] == [1] * 5
    identifiers = [names["id"] for _, names in page.elements if "id" in names]
    assert len(identifiers) == len(set(identifiers))
    labels = [names["aria-labelledby"] for names in page.all("section")]
    assert labels
    assert set(labels) <= set(identifiers)
    assert [names["role"] for names in page.all("div") if "role" in names] == ["img", "img"]
