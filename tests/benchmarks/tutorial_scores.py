"""What the popular tutorials' own evaluation says of the same captions, beside ours.

    python tests/benchmarks/tutorial_scores.py runs
    python tests/benchmarks/tutorial_scores.py runs --beam --train-photos 500
    python tests/benchmarks/tutorial_scores.py captions.jsonl

Why their numbers look different, though model and captions are the same:

- **Marks count as words.** Each caption and each reference begins with `startseq` and ends with
  `endseq` when it is scored: two words that are always right. Of a caption of eleven words that
  makes 2 of 13 unigrams; longer n-grams gain wherever a caption begins or ends as people do.
- **BLEU-3 is weighed wrongly.** (0.3, 0.3, 0.3) sums up to 0.9, so the score is the geometric mean
  to the power of 0.9, which of a number under 1 is more.
- **Short words are gone.** Words of one letter are dropped when captions are cleaned, and with them
  "a", the most frequent of all. That costs the n-grams around it, so BLEU goes down again.
- **Other photos.** Some score photos that the model was trained on: it has seen those references.
- **Fewer references.** With one reference a photo instead of five there is less to agree with: BLEU
  falls by half or more.

The marks and weights are those of "How to Develop a Deep Learning Photo Caption Generator from
Scratch" (Machine Learning Mastery) and of the many that copy it. By default the greedy captions are
scored, since that is how tutorials search.
"""

import json
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from nltk.translate.bleu_score import corpus_bleu as nltk_corpus_bleu
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table

from components.captioning.metrics.bleu import corpus_bleu

#: The tutorials' weights of the 1- to n-gram precisions, for BLEU-1 to BLEU-4.
WEIGHTS = (
    (1.0, 0, 0, 0),
    (0.5, 0.5, 0, 0),
    (0.3, 0.3, 0.3, 0),
    (0.25, 0.25, 0.25, 0.25),
)
START, END = "startseq", "endseq"


@dataclass(frozen=True)
class Scored:
    """Captions with the references of their photos, all normalised."""

    captions: list[str]
    references: list[list[str]]


def with_marks(scored: Scored) -> Scored:
    """Returns all texts with the marks that tutorials leave in."""
    return _changed(scored, lambda text: f"{START} {text} {END}")


def without_short_words(scored: Scored) -> Scored:
    """Returns all texts without words of one letter."""
    return _changed(scored, lambda text: " ".join(w for w in text.split() if len(w) > 1))


def with_one_reference(scored: Scored) -> Scored:
    """Returns the captions with the first reference of each photo alone."""
    return Scored(scored.captions, [known[:1] for known in scored.references])


def our_bleu(scored: Scored) -> list[float]:
    """Returns BLEU-1 to BLEU-4 as this project reports them, 0 to 100."""
    return list(corpus_bleu(scored.captions, scored.references).scores.values())


def tutorial_bleu(scored: Scored) -> list[float]:
    """Returns "BLEU-1" to "BLEU-4" by NLTK with the tutorials' weights, times 100.

    Words are what stands between spaces.
    """
    captions = [caption.split() for caption in scored.captions]
    references = [[text.split() for text in known] for known in scored.references]
    with warnings.catch_warnings():
        # It says so where an n-gram is never right, and then gives next to nothing.
        warnings.filterwarnings("ignore", message=r"\nThe hypothesis contains 0 counts")
        return [
            100 * nltk_corpus_bleu(references, captions, weights=weights) for weights in WEIGHTS
        ]


def evaluations(scored: Scored) -> Iterator[tuple[str, list[float]]]:
    """Yields each way to score the same captions, with its BLEU-1 to BLEU-4."""
    marked, cleaned = with_marks(scored), with_marks(without_short_words(scored))
    yield "captionflow (sacrebleu)", our_bleu(scored)
    yield "tutorials' weights alone (NLTK)", tutorial_bleu(scored)
    yield f"{START} and {END} left in alone", our_bleu(marked)
    yield "tutorials: weights and marks", tutorial_bleu(marked)
    yield "the same, one-letter words dropped", tutorial_bleu(cleaned)
    yield "captionflow, one reference a photo", our_bleu(with_one_reference(scored))


def read_captions(file: Path, search: str) -> Scored:
    """Reads what `evaluate` wrote.

    Args:
        file: Its `captions.jsonl`.
        search: The captions' key there: `hypothesis` (beam) or `greedy`.
    """
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return Scored([row[search] for row in rows], [row["references"] for row in rows])


def describe_train_photos(root: Path, count: int, search: str) -> Scored:
    """Describes photos that a run's model was trained on.

    Args:
        root: A work folder with a finished run.
        count: The first so many of them.
        search: As in `read_captions`.
    """
    # TensorFlow, which scoring a file does without.
    from components.artifacts.examples import read_examples
    from components.captioning.inference.bundle import Bundle
    from components.evaluate.scoring import search_both
    from pipeline.local.runs import find_scores

    found = find_scores(root)
    # The newest: the features may have come from the cache, and lie with an earlier run.
    train = read_examples(max(root.glob("artifacts/*/features/examples")), "train")
    captions = search_both(Bundle.load(found.model), train.features[:count])
    said = captions.greedy if search == "greedy" else captions.beam
    return Scored(said, [list(known) for known in train.references[:count]])


def score_table(title: str, rows: Iterator[tuple[str, list[float]]]) -> Table:
    """Returns the evaluations as a table."""
    headings = [Column(f"BLEU-{order}", justify="right") for order in range(1, 5)]
    table = Table("evaluation", *headings, title=title, box=SIMPLE_HEAD, title_justify="left")
    for name, values in rows:
        table.add_row(name, *(f"{value:.1f}" for value in values))
    return table


def main(
    run: Annotated[Path, typer.Argument(help="A work folder, or a captions.jsonl", exists=True)],
    train_photos: Annotated[
        int, typer.Option(min=0, help="Score as many train photos too; needs a work folder")
    ] = 0,
    beam: Annotated[bool, typer.Option(help="Score the beam's captions")] = False,
) -> None:
    """Scores the captions of a run as we do and as tutorials do."""
    search = "hypothesis" if beam else "greedy"
    file = run
    if run.is_dir():
        # Brings TensorFlow, see above.
        from components.evaluate.run import CAPTIONS_FILE
        from pipeline.local.runs import find_scores

        file = find_scores(run).scores / CAPTIONS_FILE
    elif train_photos:
        raise typer.BadParameter(f"--train-photos needs a work folder. Received: {run}")
    console = Console()
    scored = read_captions(file, search)
    kind = "beam" if beam else "greedy"
    console.print(score_table(f"{kind}, {len(scored.captions)} test photos", evaluations(scored)))
    if train_photos:
        seen = describe_train_photos(run, train_photos, search)
        title = f"{kind}, {len(seen.captions)} photos that the model was trained on"
        console.print(score_table(title, evaluations(seen)))


def _changed(scored: Scored, change: Callable[[str], str]) -> Scored:
    return Scored(
        [change(text) for text in scored.captions],
        [[change(text) for text in known] for known in scored.references],
    )


if __name__ == "__main__":
    typer.run(main)
