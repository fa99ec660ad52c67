"""Scores captions both as popular tutorials do and as this project does.

    python tests/benchmarks/tutorial_scores.py runs
    python tests/benchmarks/tutorial_scores.py runs --beam --train-photos 500
    python tests/benchmarks/tutorial_scores.py captions.jsonl

Why their scores differ for the same model and captions:

- **Special tokens count as words.** Every caption and reference is scored with `startseq` at the
  start and `endseq` at the end: two words that always match. In a caption of eleven words these are
  2 of 13 unigrams; longer n-grams gain wherever a caption starts or ends like a reference.
- **Wrong weights for BLEU-3.** The weights (0.3, 0.3, 0.3) sum up to 0.9, so the score is the
  geometric mean to the power of 0.9, which is higher for values below 1.
- **No short words.** One-letter words are removed from captions, including "a", the most frequent
  word. That removes the n-grams around it, which lowers BLEU.
- **Other photos.** Some tutorials score photos that the model was trained on.
- **Fewer references.** One reference per photo instead of five lowers BLEU by half or more.

Special tokens and weights are those of "How to Develop a Deep Learning Photo Caption Generator from
Scratch" (Machine Learning Mastery) and its many copies. By default the captions of greedy search
are scored, because tutorials use greedy search.
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
    """Normalized captions with the references of their photos."""

    captions: list[str]
    references: list[list[str]]


def with_special_tokens(scored: Scored) -> Scored:
    """Returns all texts with the special tokens that tutorials do not remove."""
    return _changed(scored, lambda text: f"{START} {text} {END}")


def without_short_words(scored: Scored) -> Scored:
    """Returns all texts without one-letter words."""
    return _changed(scored, lambda text: " ".join(w for w in text.split() if len(w) > 1))


def with_one_reference(scored: Scored) -> Scored:
    """Returns the captions with only the first reference of each photo."""
    return Scored(scored.captions, [known[:1] for known in scored.references])


def our_bleu(scored: Scored) -> list[float]:
    """Returns BLEU-1 to BLEU-4 as this project reports them, 0 to 100."""
    return list(corpus_bleu(scored.captions, scored.references).scores.values())


def tutorial_bleu(scored: Scored) -> list[float]:
    """Returns BLEU-1 to BLEU-4 by NLTK with the tutorials' weights, times 100.

    Words are separated by spaces.
    """
    captions = [caption.split() for caption in scored.captions]
    references = [[text.split() for text in known] for known in scored.references]
    with warnings.catch_warnings():
        # NLTK warns if no n-gram of an order matches; the score is then close to 0.
        warnings.filterwarnings("ignore", message=r"\nThe hypothesis contains 0 counts")
        return [
            100 * nltk_corpus_bleu(references, captions, weights=weights) for weights in WEIGHTS
        ]


def evaluations(scored: Scored) -> Iterator[tuple[str, list[float]]]:
    """Yields the name and BLEU-1 to BLEU-4 of each way of scoring the same captions."""
    with_tokens, cleaned = (
        with_special_tokens(scored),
        with_special_tokens(without_short_words(scored)),
    )
    yield "captionflow (sacrebleu)", our_bleu(scored)
    yield "tutorials' weights only (NLTK)", tutorial_bleu(scored)
    yield f"{START} and {END} only", our_bleu(with_tokens)
    yield "tutorials: weights and special tokens", tutorial_bleu(with_tokens)
    yield "the same, without one-letter words", tutorial_bleu(cleaned)
    yield "captionflow, one reference per photo", our_bleu(with_one_reference(scored))


def read_captions(file: Path, search: str) -> Scored:
    """Reads the captions and references that `evaluate` wrote.

    Args:
        file: Its `captions.jsonl`.
        search: The key of the captions: `hypothesis` (beam search) or `greedy`.
    """
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return Scored([row[search] for row in rows], [row["references"] for row in rows])


def describe_train_photos(root: Path, count: int, search: str) -> Scored:
    """Describes photos that a run's model was trained on.

    Args:
        root: A work folder with a finished run.
        count: The number of photos, starting with the first.
        search: As in `read_captions`.
    """
    # Imports TensorFlow, which scoring a file does not need.
    from components.artifacts.examples import read_examples
    from components.captioning.inference.bundle import Bundle
    from components.evaluate.scoring import search_both
    from pipeline.local.runs import find_scores

    found = find_scores(root)
    # The newest examples, which may be from an earlier run if the features came from the cache.
    train = read_examples(max(root.glob("artifacts/*/features/examples")), "train")
    captions = search_both(Bundle.load(found.model), train.features[:count])
    texts = captions.greedy if search == "greedy" else captions.beam
    return Scored(texts, [list(references) for references in train.references[:count]])


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
        int, typer.Option(min=0, help="Also score this many train photos; needs a work folder")
    ] = 0,
    beam: Annotated[bool, typer.Option(help="Score the captions of the beam search")] = False,
) -> None:
    """Scores the captions of a run as this project and as tutorials do."""
    search = "hypothesis" if beam else "greedy"
    file = run
    if run.is_dir():
        # Imports TensorFlow, see above.
        from components.evaluate.run import CAPTIONS_FILE
        from pipeline.local.runs import find_scores

        file = find_scores(run).scores / CAPTIONS_FILE
    elif train_photos:
        raise typer.BadParameter(f"--train-photos needs a work folder. Received: {run}")
    console = Console()
    scored = read_captions(file, search)
    kind = "beam search" if beam else "greedy search"
    console.print(score_table(f"{kind}, {len(scored.captions)} test photos", evaluations(scored)))
    if train_photos:
        trained_on = describe_train_photos(run, train_photos, search)
        title = f"{kind}, {len(trained_on.captions)} photos that the model was trained on"
        console.print(score_table(title, evaluations(trained_on)))


def _changed(scored: Scored, change: Callable[[str], str]) -> Scored:
    return Scored(
        [change(text) for text in scored.captions],
        [[change(text) for text in known] for known in scored.references],
    )


if __name__ == "__main__":
    typer.run(main)
