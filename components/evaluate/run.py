"""The evaluate step: scores a model on the test split, and writes a report.

1. Read and validate the model, the test examples and the manifest.
2. Fit the model's confidence on the dev split.
3. Decode captions of the test split with beam search and greedily, block by block.
4. Score both with BLEU, CIDEr-D, ROUGE-L and, where available, METEOR and SPICE against all
   references, and measure the confidence.
5. Rank the captions of the beam search, and count mistakes by kind, for the report.
6. Write the scored model, the report and the scores.
"""

import json
import logging
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from components.artifacts.checksums import checksums_fingerprint
from components.artifacts.decoding import write_decoding
from components.artifacts.files import (
    CAPTIONS_FILE,
    SCORES_FILE,
    atomic_directory,
    atomic_file,
    write_json,
)
from components.artifacts.language import write_language
from components.artifacts.scores import search_scores
from components.captioning.metrics.java import JAVA_METRICS
from components.captioning.model.normalizer import Normalizer
from components.captioning.model.vocabulary import SPECIAL_TOKENS
from components.evaluate.calibration import fit_calibration
from components.evaluate.confidence import measure_confidence
from components.evaluate.gallery import pick_captions, rank_captions
from components.evaluate.inputs import SPLIT, Inputs, read_inputs
from components.evaluate.mistakes import count_mistakes
from components.evaluate.report import gallery_sections, render_report
from components.evaluate.scoring import (
    CaptionedSplit,
    caption_split,
    measure_java_metrics,
    score_captions,
)
from components.settings.decoding import DecodingSettings

logger = logging.getLogger(__name__)

# The fields of `scores.json` that describe the data.
_OF_DATA = {
    "dataset_fingerprint",
    "test_fingerprint",
    "near_duplicates",
    "language",
    "findings",
}


def evaluate_model(
    model: str | Path,
    examples: str | Path,
    manifest: str | Path,
    settings: DecodingSettings,
    *,
    scored_model: str | Path,
    scores: str | Path,
    report: str | Path,
) -> dict[str, Any]:
    """Scores a model on the test split, in the steps listed at the top of this file.

    Args:
        model: The artifact of `train`.
        examples: The artifact of `features`.
        manifest: The artifact of `ingest`, for the photos and the fingerprints of the data.
        settings: Beam search and reranking.
        scored_model: Where to write the model with these decoding settings and its confidence, a
            directory.
        scores: Where to write the scores artifact, a directory with `scores.json` and
            `captions.jsonl`.
        report: Where to write the report, an HTML file. Each output is written atomically.

    Returns:
        The content of `scores.json`.

    Raises:
        DataError: If an artifact is incomplete or invalid, model and examples have different
            encoders, the test split is empty or lacks references, or no dev photo has any.
    """
    inputs = read_inputs(model, examples, manifest, settings)
    drawn_scenes = inputs.data.source == "sample"
    calibration = fit_calibration(inputs.bundle, inputs.dev.blocks(), drawn_scenes=drawn_scenes)
    inputs.bundle.calibration = calibration
    test = caption_split(inputs.bundle, inputs.test.blocks())
    captions = test.captions
    measured, cider_d_by_photo = score_captions(captions, test.references)
    for name in ("beam", "greedy"):
        *bleu, cider_d, rouge_l = search_scores(measured, name).values()
        numbers = "/".join(f"{value:.1f}" for value in bleu)
        logger.info(
            "%s BLEU-1 to BLEU-4: %s, CIDEr-D: %.1f, ROUGE-L: %.1f", name, numbers, cider_d, rouge_l
        )

    if drawn_scenes:
        measured["not_measured"] = dict.fromkeys(JAVA_METRICS, "the sample is scored without Java")
    else:
        measured |= measure_java_metrics(captions, test.references, inputs.data.language)
    measured["confidence"] = measure_confidence(test.confidences, cider_d_by_photo, test.references)
    logger.info(
        "CIDEr-D of the surest half: %.1f, of all: %.1f",
        measured["confidence"]["cider_d_surest_half"],
        measured["confidence"]["cider_d_all"],
    )

    ranked = rank_captions(test.image_ids, captions.beam, test.references)
    normalizer = Normalizer.load(Path(model))
    sections = gallery_sections(pick_captions(ranked), inputs.photos, normalizer.detokenize)
    with atomic_directory(scored_model) as aside:
        shutil.copytree(model, aside, copy_function=_link, dirs_exist_ok=True)
        write_decoding(aside, asdict(inputs.bundle.decoding))
        calibration.save(aside)
        write_language(aside, inputs.data.language)
    measured |= _provenance(inputs, checksums_fingerprint(scored_model))
    mistakes = count_mistakes(
        captions.beam, test.references, inputs.data.language, normalizer.detokenize
    )
    page = render_report(measured, inputs.training, inputs.data, mistakes, sections)
    with atomic_file(report) as aside:
        aside.write_text(page, encoding="utf-8")
    with atomic_directory(scores) as aside:
        write_json(aside / SCORES_FILE, measured)
        (aside / CAPTIONS_FILE).write_text(
            _caption_lines(test, normalizer.detokenize), encoding="utf-8"
        )
    shown = sum(len(section.cards) for section in sections)
    logger.info("Wrote the report with %d photos (%.1f MB): %s", shown, len(page) / 1e6, report)
    return measured


def _link(source: str, target: str) -> None:
    """Links a file of an artifact (these never change), or copies it where links do not work."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _provenance(inputs: Inputs, model_fingerprint: str) -> dict[str, Any]:
    """Returns what was scored: model, decoding settings, data and encoder."""
    return {
        "split": SPLIT,
        "mlflow_run_id": inputs.training.mlflow_run_id,
        "model_fingerprint": model_fingerprint,
        **asdict(inputs.bundle.decoding),
        **inputs.data.model_dump(include=_OF_DATA),
        "encoder": inputs.encoder,
        **inputs.training.model_dump(include={"embeddings", "start_from"}, exclude_none=True),
        "vocabulary_known": len(inputs.bundle.vocabulary) - len(SPECIAL_TOKENS),
    }


def _caption_lines(test: CaptionedSplit, detokenize: Callable[[str], str]) -> str:
    """Returns a line of JSON for each photo; `caption` is what the model shows to people."""
    rows = zip(
        test.image_ids, test.captions.beam, test.confidences, test.captions.greedy, test.references,
        strict=True,
    )  # fmt: skip
    return "".join(
        json.dumps(
            {
                "image_id": image_id,
                "hypothesis": hypothesis,
                "caption": detokenize(hypothesis),
                "confidence": confidence.probability,
                "greedy": greedy,
                "references": references,
            },
            ensure_ascii=False,
        )
        + "\n"
        for image_id, hypothesis, confidence, greedy, references in rows
    )
