"""Decodes features into captions, and scores captions."""

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.artifacts.examples import Examples
from components.captioning.inference.bundle import Bundle
from components.captioning.inference.confidence import Confidence
from components.captioning.metrics.bleu import corpus_bleu
from components.captioning.metrics.bootstrap import (
    percentile_interval,
    resample_bleu4,
    resample_mean,
)
from components.captioning.metrics.coco import coco_scores
from components.captioning.metrics.java import JAVA_METRICS
from components.captioning.metrics.java_program import JavaError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Captions:
    """Generated captions, one per photo.

    Attributes:
        beam: Decoded with the bundle's decoding settings.
        greedy: Decoded greedily.
    """

    beam: list[str] = field(default_factory=list)
    greedy: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class CaptionedSplit:
    """The photos of a captioned split: everything that is known about them but their features.

    Attributes:
        image_ids: As in the manifest.
        references: Each photo's normalized references.
        captions: The generated captions.
        confidences: The confidence in each caption of `captions.beam`.
    """

    image_ids: list[str] = field(default_factory=list)
    references: list[tuple[str, ...]] = field(default_factory=list)
    captions: Captions = field(default_factory=Captions)
    confidences: list[Confidence] = field(default_factory=list)


def caption_split(bundle: Bundle, blocks: Iterable[Examples]) -> CaptionedSplit:
    """Captions a split block by block, with the confidence in each caption.

    Args:
        bundle: The model, with its calibration.
        blocks: The split.
    """
    split = CaptionedSplit()
    for block in blocks:
        captions = search_both(bundle, block.features)
        split.image_ids.extend(block.image_ids)
        split.references.extend(block.references)
        split.captions.beam.extend(captions.beam)
        split.captions.greedy.extend(captions.greedy)
        split.confidences.extend(bundle.confidences(block.features, captions.beam))
    return split


def search_both(bundle: Bundle, features: NDArray[np.float16]) -> Captions:
    """Decodes photos twice: with the bundle's decoding settings, and greedily.

    Args:
        bundle: The model.
        features: float16 [N, D].
    """
    started = time.perf_counter()
    beam = bundle.captions(features)
    greedy_decoding = replace(
        bundle.decoding, beam_width=1, reranking_weight=0.0, guidance_weight=0.0
    )
    if bundle.decoding == greedy_decoding:
        greedy = beam
    else:
        greedy = replace(bundle, decoding=greedy_decoding).captions(features)
    seconds = time.perf_counter() - started
    width = bundle.decoding.beam_width
    logger.info(
        "Captioned %d photos with beam width %d and greedily in %.1f s", len(beam), width, seconds
    )
    return Captions(beam, greedy)


def score_captions(
    captions: Captions, references: Sequence[Sequence[str]]
) -> tuple[dict[str, Any], NDArray[np.float64]]:
    """Scores captions against all references of their photos.

    Args:
        captions: The captions of N photos.
        references: The normalized references of each photo, at least one.

    Returns:
        JSON-able: `bleu` and `greedy`, BLEU-1 to BLEU-4 of beam search and greedy search by name, 0
        to 100, with their `signature`; `cider_d` and `rouge_l`, times 100, by search (`beam`,
        `greedy`), with their `coco_signature`; the number of `images` and `references`; and for the
        captions of the beam search `distinct_captions`, `mean_words` and `vocabulary_used`, the
        number of distinct words, and `intervals`: the lower and upper bound of the 95 % bootstrap
        confidence intervals of `bleu4` and `cider_d`. CIDEr-D is resampled by photo, with the
        document frequencies of the whole split. Also the CIDEr-D of each photo's beam search
        caption, float64 [N], times 100.
    """
    beam = corpus_bleu(captions.beam, references)
    greedy = corpus_bleu(captions.greedy, references)
    beam_coco = coco_scores(captions.beam, references)
    greedy_coco = coco_scores(captions.greedy, references)
    words = [word for caption in captions.beam for word in caption.split()]
    figures = {
        "bleu": beam.scores,
        "greedy": greedy.scores,
        "signature": beam.signature,
        **{
            name: {"beam": score, "greedy": greedy_coco.scores[name]}
            for name, score in beam_coco.scores.items()
        },
        "coco_signature": beam_coco.signature,
        "images": len(captions.beam),
        "references": sum(len(photo) for photo in references),
        "distinct_captions": len(set(captions.beam)),
        "mean_words": len(words) / len(captions.beam),
        "vocabulary_used": len(set(words)),
        "intervals": {
            "bleu4": list(percentile_interval(resample_bleu4(captions.beam, references))),
            "cider_d": list(percentile_interval(resample_mean(beam_coco.photo_cider_d))),
        },
    }
    return figures, beam_coco.photo_cider_d


def measure_java_metrics(
    captions: Captions, references: Sequence[Sequence[str]], language: str
) -> dict[str, Any]:
    """Scores captions with METEOR and SPICE, where possible; otherwise the log says why not.

    Args:
        captions: The captions of N photos.
        references: The normalized references of each photo, at least one.
        language: The captions' language, a BCP 47 tag.

    Returns:
        JSON-able: `meteor` and `spice`, times 100, by search, with `meteor_signature` and
        `spice_signature`; without those that were not measured. `not_measured` has the reasons, by
        name.

    Raises:
        ValueError: If the numbers of captions and photos differ, or a photo has no reference.
    """
    by_search = {"beam": captions.beam, "greedy": captions.greedy}
    measured: dict[str, Any] = {}
    not_measured: dict[str, str] = {}
    for key, metric in JAVA_METRICS.items():
        reason = metric.why_not(language)
        if not reason:
            try:
                scores = metric.score(by_search, references)
            except (OSError, JavaError) as error:
                reason = f"Java failed ({error})"
            else:
                logger.info("%s: %.1f, greedy %.1f", metric.name, scores["beam"], scores["greedy"])
                measured |= {key: scores, f"{key}_signature": metric.signature}
        if reason:
            logger.info("%s was not measured: %s", metric.name, reason)
            not_measured[key] = reason
    return {**measured, "not_measured": not_measured}
