"""METEOR, computed by the Java program in `pycocoevalcap`; for English only."""

import threading
from collections.abc import Mapping, Sequence
from importlib.metadata import version

from pycocoevalcap.meteor.meteor import Meteor

from components.captioning.metrics.bleu import require_references
from components.captioning.metrics.java_program import JavaError, failure, time_limit, too_slow

#: The version of METEOR, its options and the library.
SIGNATURE = f"meteor:1.5,en,norm|times:100|pycocoevalcap:{version('pycocoevalcap')}"

# A hundredth of that was measured on two busy cores.
_SECONDS_EACH = 0.1


def meteor_scores(
    hypotheses: Mapping[str, Sequence[str]], references: Sequence[Sequence[str]]
) -> dict[str, float]:
    """Scores sets of captions against all references of their photos.

    METEOR (Denkowski and Lavie, 2014, "Meteor Universal") aligns a caption with each reference by
    matching words, stems, synonyms and paraphrases, and combines precision, recall and word order;
    recall counts more, so short captions score lower. The score of a set is computed from the sums
    over its photos, each with its best reference.

    Args:
        hypotheses: Sets of normalized captions, one per photo, by name.
        references: The normalized references of each photo, at least one.

    Returns:
        The score of each set, times 100, by name.

    Raises:
        ValueError: If there are no captions, the numbers of captions and photos with references
            differ, or a photo has no reference.
        JavaError: If Java fails, is too slow, or answers with no number.
        OSError: If Java can't be started.
    """
    for captions in hypotheses.values():
        require_references(captions, references)
    targets = {photo: list(captions) for photo, captions in enumerate(references)}
    read = len(hypotheses) * sum(1 + len(photo) for photo in references)
    limit = time_limit(read, _SECONDS_EACH)
    # One process for all sets: it takes seconds to load its paraphrases.
    program = Meteor()
    java, stopped = program.meteor_p, threading.Event()

    def stop() -> None:
        stopped.set()
        java.kill()

    timer = threading.Timer(limit, stop)
    timer.start()
    try:
        return {
            name: 100 * program.compute_score(targets, _by_photo(captions))[0]
            for name, captions in hypotheses.items()
        }
    except (OSError, ValueError) as error:
        # Java no longer answers, or not with a number. If it still runs, the timer ends it.
        _, stderr = java.communicate()
        if stopped.is_set():
            raise too_slow(limit) from error
        if java.returncode == 0:
            raise JavaError(f"its answer is not valid: {error}") from error
        raise failure(java.returncode, stderr.decode(errors="replace")) from error
    finally:
        timer.cancel()
        # An error leaves the lock taken, and the library's destructor would wait for it for ever.
        program.lock = threading.Lock()


def _by_photo(captions: Sequence[str]) -> dict[int, list[str]]:
    return {photo: [caption] for photo, caption in enumerate(captions)}
