"""CIDEr-D and ROUGE-L over a whole test set, by the code of COCO's caption evaluation.

Of `pycocoevalcap` only the two metrics are used that are plain NumPy; its others start Java.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge

from components.captioning.metrics.bleu import require_references

_LIBRARY = "pycocoevalcap"
# Vedantam et al.'s own: n-grams of up to 4 words, and the width of the penalty on lengths.
_ORDER, _SIGMA = 4, 6.0


@dataclass(frozen=True)
class CocoScores:
    """CIDEr-D and ROUGE-L of one set of captions.

    Attributes:
        scores: `cider_d` and `rouge_l`, times 100 as papers state them. ROUGE-L is 0 to 100.
            CIDEr-D is 0 to 1000: of one caption, 100 is the "1.0" of COCO's server.
        signature: Constants, document frequencies, tokenisation, scale, library with version.
    """

    scores: dict[str, float]
    signature: str


def coco_scores(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> CocoScores:
    """Scores captions against all references of their photos.

    CIDEr-D (Vedantam et al., 2015, arXiv:1411.5726) compares n-grams weighed by how rare they
    are: a caption's TF-IDF vector with that of each reference, n from 1 to 4, with clipped counts
    and a penalty on another length. Document frequencies are counted in these references, in how
    many photos an n-gram occurs, as everyone does it: scores of different test sets, or of sets of
    another size, don't compare, and those of a single photo are 0.

    ROUGE-L (Lin, 2004) is the F-measure (beta 1.2) of the longest common subsequence: the best
    precision over the references with the best recall.

    Both are means over photos. No tokenisation: the text is normalised already. COCO's server
    runs the Penn Treebank's tokeniser and drops punctuation, which here is gone before.

    Args:
        hypotheses: One normalised caption a photo.
        references: For each photo its normalised references; their number may differ.

    Returns:
        The scores and their signature.

    Raises:
        ValueError: If there are no captions, their number differs from that of the references,
            or a photo has no reference.
    """
    require_references(hypotheses, references)
    said = {photo: [hypothesis] for photo, hypothesis in enumerate(hypotheses)}
    known = {photo: list(captions) for photo, captions in enumerate(references)}
    # The library calls it CIDEr; it clips and penalises, which makes it CIDEr-D.
    cider_d, _ = Cider(n=_ORDER, sigma=_SIGMA).compute_score(known, said)
    rouge = Rouge()
    rouge_l, _ = rouge.compute_score(known, said)
    signature = (
        f"cider-d:n={_ORDER},sigma={_SIGMA:g},df=these-references|rouge-l:beta={rouge.beta:g}"
        f"|tok:none|times:100|{_LIBRARY}:{version(_LIBRARY)}"
    )
    return CocoScores({"cider_d": 100 * float(cider_d), "rouge_l": 100 * float(rouge_l)}, signature)
