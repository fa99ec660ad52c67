"""Step 6 as one plain function: from a model and the test split to scores and a report.

1. Read and check model, test examples and manifest.
2. Search captions with the beam and greedily, many photos at a time.
3. Score both with BLEU, CIDEr-D and ROUGE-L against all references.
4. Rank the beam's captions one by one; show the best, the median and the worst in the report.
5. Write scores and report.
"""

import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

from components.artifacts.examples import Examples
from components.artifacts.files import (
    CAPTIONS_FILE,
    SCORES_FILE,
    atomic_directory,
    atomic_file,
    write_json,
)
from components.artifacts.scores import search_scores
from components.captioning.model.vocabulary import SPECIAL_TOKENS
from components.evaluate.gallery import pick_captions, rank_captions
from components.evaluate.inputs import SPLIT, Inputs, read_inputs
from components.evaluate.report import gallery_sections, render_report
from components.evaluate.scoring import Captions, score_captions, search_both
from components.settings.decoding import DecodingSettings

logger = logging.getLogger(__name__)


def evaluate_model(
    model: str | Path,
    examples: str | Path,
    manifest: str | Path,
    settings: DecodingSettings,
    *,
    scores: str | Path,
    report: str | Path,
) -> dict[str, Any]:
    """Scores a model on the test split; the steps are at the head of this file.

    Args:
        model: The model artifact: a bundle with `training.json`.
        examples: The examples artifact.
        manifest: The manifest artifact, for the photos and the data's fingerprints.
        settings: Beam search and reranking.
        scores: Where the scores artifact goes, a directory of `scores.json` and
            `captions.jsonl`; whole or not at all.
        report: Where the report goes, an HTML file; likewise.

    Returns:
        What `scores.json` holds.

    Raises:
        DataError: If an artifact is not whole, model and examples are of different encoders, or
            the test split is empty or lacks references.
    """
    inputs = read_inputs(model, examples, manifest, settings)
    test = inputs.examples
    captions = search_both(inputs.bundle, test.features)
    measured = score_captions(captions, test.references) | _context(inputs)
    for name in ("beam", "greedy"):
        *bleu, cider_d, rouge_l = search_scores(measured, name).values()
        numbers = "/".join(f"{value:.1f}" for value in bleu)
        logger.info(
            "%s BLEU-1 to BLEU-4: %s, CIDEr-D: %.1f, ROUGE-L: %.1f", name, numbers, cider_d, rouge_l
        )

    ranked = rank_captions(test.image_ids, captions.beam, test.references)
    sections = gallery_sections(pick_captions(ranked), inputs.photos)
    page = render_report(measured, inputs.training, sections)
    with atomic_file(report) as aside:
        aside.write_text(page, encoding="utf-8")
    with atomic_directory(scores) as aside:
        write_json(aside / SCORES_FILE, measured)
        (aside / CAPTIONS_FILE).write_text(_lines(test, captions), encoding="utf-8")
    shown = sum(len(section.cards) for section in sections)
    logger.info("report with %d photos, %.1f MB: %s", shown, len(page) / 1e6, report)
    return measured


def _context(inputs: Inputs) -> dict[str, Any]:
    """What the scores are of, so that they can be told from others."""
    return {
        "split": SPLIT,
        **asdict(inputs.bundle.decoding),
        **inputs.data.model_dump(),
        "encoder": inputs.encoder,
        "vocabulary_known": len(inputs.bundle.vocabulary) - len(SPECIAL_TOKENS),
    }


def _lines(examples: Examples, captions: Captions) -> str:
    rows = zip(examples.image_ids, captions.beam, captions.greedy, examples.references, strict=True)
    return "".join(
        json.dumps(
            {
                "image_id": image_id,
                "hypothesis": hypothesis,
                "greedy": greedy,
                "references": references,
            },
            ensure_ascii=False,
        )
        + "\n"
        for image_id, hypothesis, greedy, references in rows
    )
