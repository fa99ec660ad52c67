"""Confidence benchmark: how much better are a model's most confident captions, at what cost?

The confidence of a model kept by `quality.py --models FOLDER` is fitted on dev and measured on
test, with all references, as in the step `evaluate`; the captions are those of beam search with the
preset's other decoding settings.

    .venv/bin/python tests/benchmarks/confidence.py FOLDER/seed-1 --beam 5
"""

import argparse
import time
from pathlib import Path

from data import load_examples
from machine import describe_machine
from our_trainer import decoding_of, preset_settings
from rich.console import Console
from rich.table import Table

from components.captioning.inference.bundle import Bundle
from components.captioning.inference.confidence import SIGNALS
from components.captioning.metrics.coco import photo_cider_d
from components.evaluate.calibration import fit_calibration
from components.evaluate.confidence import measure_confidence


def main() -> None:
    """Fits and measures, and prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("model", type=Path, help="folder of a model")
    parser.add_argument("--beam", type=int, default=50, help="beam width")
    args = parser.parse_args()
    examples, _ = load_examples()
    dev, test = examples["dev"], examples["test"]
    bundle = Bundle.load(args.model, decoding_of(preset_settings(), beam_width=args.beam))
    calibration = fit_calibration(bundle, [dev], drawn_scenes=False)
    bundle.calibration = calibration
    bundle.captions(test.features[:32])  # compiles
    started = time.perf_counter()
    captions = bundle.captions(test.features)
    searched = time.perf_counter()
    confidences = bundle.confidences(test.features, captions)
    finished = time.perf_counter()
    measured = measure_confidence(
        confidences, photo_cider_d(captions, test.references), test.references
    )

    console = Console(width=110)
    console.print(describe_machine())
    console.print(
        f"dev: {calibration.photos} photos, {calibration.good} of them with a good caption "
        f"(CIDEr-D of {calibration.good_cider_d:.1f}); coefficients "
        + ", ".join(f"{name} {getattr(calibration, name).coefficient:.2f}" for name in SIGNALS)
    )
    table = Table("captions of test", "not good", "CIDEr-D")
    for point in measured["curve"]:
        table.add_row(f"{point['coverage']:.0%}", f"{point['risk']:.1%}", f"{point['cider_d']:.1f}")
    console.print(table)
    console.print({name: value for name, value in measured.items() if name != "curve"})
    doubts = [str(each.doubt) for each in confidences if each.doubt]
    console.print({doubt: doubts.count(doubt) for doubt in sorted(set(doubts))})
    console.print(
        f"{len(captions)} photos: search {searched - started:.1f} s, "
        f"confidence {finished - searched:.1f} s"
    )


if __name__ == "__main__":
    main()
