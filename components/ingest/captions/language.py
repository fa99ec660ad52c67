"""Detects the language of captions."""

from collections import Counter
from collections.abc import Iterable
from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from components.artifacts.language import UNDETERMINED

# Enough for a reliable answer; takes a fraction of a second.
_CAPTIONS = 500
# The language of all captions together is accepted if its probability is at least this, and if it
# is also detected for at least this share of the single captions. Short labels such as "red car"
# fail the latter: each seems to be in a different language.
_MIN_PROBABILITY = _MIN_VOTES = 0.5
# py3langid's label for text in no language, such as `asdf`.
_NO_LANGUAGE = "zxx"


def detect_language(captions: Iterable[str]) -> str:
    """Detects the language of captions with py3langid (97 languages).

    Args:
        captions: Raw captions; only the first 500 distinct ones are used.

    Returns:
        The ISO 639-1 code, which is also a BCP 47 tag; `und` if the result is uncertain.
    """
    distinct: dict[str, None] = {}
    for caption in captions:
        distinct[caption] = None
        if len(distinct) == _CAPTIONS:
            break
    texts = list(distinct)
    language, probability = _identifier().classify(" ".join(texts))
    votes = Counter(_identifier().classify(text)[0] for text in texts)
    certain = probability >= _MIN_PROBABILITY and votes[language] >= _MIN_VOTES * len(texts)
    return language if texts and certain and language != _NO_LANGUAGE else UNDETERMINED


@cache
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
