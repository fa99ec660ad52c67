from pathlib import Path

import pytest

from components.artifacts.language import read_language, write_language
from components.errors import SettingError
from components.ingest.captions.language import detect_language
from components.settings.data import DataSettings

_CAPTIONS = {
    "en": ["A brown dog runs across the grass.", "Two children are playing on the beach."],
    "de": ["Ein brauner Hund rennt über die Wiese.", "Zwei Kinder spielen am Strand."],
    "fr": ["Un chien brun court dans l'herbe.", "Deux enfants jouent sur la plage."],
    "zh": ["一只棕色的狗在草地上奔跑。", "两个孩子在沙滩上玩。"],
    "ja": ["茶色の犬が草の上を走っている。", "二人の子供が浜辺で遊んでいる。"],
    "fa": ["سگ قهوه‌ای روی چمن می‌دود.", "دو کودک در ساحل بازی می‌کنند."],
}  # fmt: skip


@pytest.mark.parametrize("language", _CAPTIONS)
def test_detect_language(language: str) -> None:
    assert detect_language(_CAPTIONS[language]) == language


@pytest.mark.parametrize(
    "captions", [[], ["cat", "dog", "red car", "tree"], ["xq zzt", "asdf qwer"], ["123", "45"]]
)
def test_detect_language_is_undetermined_if_it_is_not_certain(captions: list[str]) -> None:
    assert detect_language(captions) == "und"


@pytest.mark.parametrize("tag", ["", "de", "zh-Hant", "pt-BR", "sr-Latn-RS"])
def test_language_is_a_tag_that_a_bundle_can_keep(tag: str, tmp_path: Path) -> None:
    assert DataSettings.check({"language": tag}).language == tag
    write_language(tmp_path, tag or "und")
    assert read_language(tmp_path) == (tag or "und")


@pytest.mark.parametrize("tag", ["English", "e", "de_DE", "-v", "de --x"])
def test_language_that_is_no_tag_is_refused(tag: str) -> None:
    with pytest.raises(SettingError, match="language"):
        DataSettings.check({"language": tag})
