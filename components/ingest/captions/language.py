"""Detects the language of captions."""

from collections import Counter
from collections.abc import Iterable
from functools import cache
from itertools import islice

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from components.artifacts.language import UNDETERMINED

# Enough for a certain answer; takes a fraction of a second.
_CAPTIONS = 500
# The answer for all captions together counts if it is more likely than not, and if it is also the
# answer for at least half of them alone. Labels such as "red car" fail: each seems to be of another
# language.
_MIN_PROBABILITY = _MIN_VOTES = 0.5
# py3langid's label of text in no language, such as `asdf`.
_NO_LANGUAGE = "zxx"


def detect_language(captions: Iterable[str]) -> str:
    """Returns the language of captions, as py3langid finds it (97 languages).

    Args:
        captions: As people wrote them; the first 500 different ones count.

    Returns:
        The ISO 639-1 code, which is also a BCP 47 tag; `und` if the answer is not certain.
    """
    texts = list(islice(dict.fromkeys(captions), _CAPTIONS))
    language, probability = _identifier().classify(" ".join(texts))
    votes = Counter(_identifier().classify(text)[0] for text in texts)
    certain = probability >= _MIN_PROBABILITY and votes[language] >= _MIN_VOTES * len(texts)
    return language if texts and certain and language != _NO_LANGUAGE else UNDETERMINED


@cache
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
