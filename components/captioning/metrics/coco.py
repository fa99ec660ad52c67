"""CIDEr-D and ROUGE-L, computed by the code of the COCO caption evaluation.

These two metrics of `pycocoevalcap` are pure Python; METEOR and SPICE, in `java`, start Java.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge

from components.captioning.metrics.bleu import require_references

_LIBRARY = "pycocoevalcap"
# As in Vedantam et al.: the maximum n-gram order, and the standard deviation of the length penalty.
_ORDER, _SIGMA = 4, 6.0


@dataclass(frozen=True)
class CocoScores:
    """CIDEr-D and ROUGE-L of one set of captions.

    Attributes:
        scores: `cider_d` and `rouge_l`, times 100, as papers report them. ROUGE-L ranges from 0
            to 100, CIDEr-D from 0 to 1000: 100 is a score of 1.0 on the COCO server.
        photo_cider_d: The CIDEr-D of each of N photos, float64 [N], times 100.
        signature: Constants, document frequencies, tokenization, scale, library and version.
    """

    scores: dict[str, float]
    photo_cider_d: NDArray[np.float64]
    signature: str


def coco_scores(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> CocoScores:
    """Scores captions against all references of their photos.

    CIDEr-D (Vedantam et al., 2015, arXiv:1411.5726) is the similarity of a caption's n-gram TF-IDF
    vector to that of each reference, for n from 1 to 4, with clipped counts and a penalty on
    differences in length. As usual, the document frequency of an n-gram is the number of photos
    whose references contain it in this test set. Scores of different test sets are therefore not
    comparable, and the score of a single photo is 0.

    ROUGE-L (Lin, 2004) is the F-measure (beta 1.2) of the longest common subsequence, with the
    highest precision and the highest recall over the references.

    Both are means over photos. There is no tokenization, because the text is already normalized.
    (The COCO server applies the Penn Treebank tokenizer and drops punctuation, which is already
    removed here.)

    Args:
        hypotheses: One normalized caption per photo.
        references: The normalized references of each photo; their number may vary.

    Returns:
        The scores and their signature.

    Raises:
        ValueError: If there are no captions, the numbers of captions and photos with references
            differ, or a photo has no reference.
    """
    cider_d = photo_cider_d(hypotheses, references)
    rouge = Rouge()
    rouge_l, _ = rouge.compute_score(*_by_photo(hypotheses, references))
    signature = (
        f"cider-d:n={_ORDER},sigma={_SIGMA:g},df=these-references|rouge-l:beta={rouge.beta:g}"
        f"|tok:none|times:100|{_LIBRARY}:{version(_LIBRARY)}"
    )
    scores = {"cider_d": float(cider_d.mean()), "rouge_l": 100 * float(rouge_l)}
    return CocoScores(scores, cider_d, signature)


def photo_cider_d(
    hypotheses: Sequence[str], references: Sequence[Sequence[str]]
) -> NDArray[np.float64]:
    """Returns the CIDEr-D of each photo's caption, float64 [N], times 100; see `coco_scores`.

    Raises:
        ValueError: As `coco_scores`.
    """
    require_references(hypotheses, references)
    # The library calls it CIDEr, but it clips counts and penalizes length: that is CIDEr-D.
    cider = Cider(n=_ORDER, sigma=_SIGMA)
    _, scores = cider.compute_score(*_by_photo(hypotheses, references))
    return 100 * np.asarray(scores, np.float64)


def human_cider_d(references: Sequence[Sequence[str]]) -> NDArray[np.float64]:
    """Returns the CIDEr-D of human captions: one reference of each photo against its others.

    The scored reference is the first one of the first photo, the second one of the second photo,
    and so on, so that no position in the lists is favoured.

    Args:
        references: The normalized references of each photo.

    Returns:
        float64 [M], times 100, of the M photos with two or more references.
    """
    several = [captions for captions in references if len(captions) > 1]
    if not several:
        return np.zeros(0)
    left_out = [photo % len(captions) for photo, captions in enumerate(several)]
    return photo_cider_d(
        [captions[index] for index, captions in zip(left_out, several, strict=True)],
        [
            [caption for place, caption in enumerate(captions) if place != index]
            for index, captions in zip(left_out, several, strict=True)
        ],
    )


def _by_photo(
    hypotheses: Sequence[str], references: Sequence[Sequence[str]]
) -> tuple[dict[int, list[str]], dict[int, list[str]]]:
    """Returns references and hypotheses by photo, as `pycocoevalcap` takes them."""
    return dict(enumerate(map(list, references))), {
        photo: [hypothesis] for photo, hypothesis in enumerate(hypotheses)
    }
