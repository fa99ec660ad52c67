"""Runs the notebooks on the artifacts of a small run of the pipeline."""

import base64
import html
import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from ipykernel.kernelspec import write_kernel_spec
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from PIL import Image

from components.artifacts.manifest import SPLITS, Photo, read_manifest
from components.captioning.metrics.mistakes import KINDS, find_mistakes
from pipeline.local.runs import FoundScores, find_data, find_scores

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
NAMES = ("01_explore_data", "02_inspect_captions")


def _read(name: str) -> NotebookNode:
    return nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=nbformat.NO_CONVERT)


def _code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A kernel of this Python, and no files in the home folder."""
    jupyter = tmp_path_factory.mktemp("jupyter")
    write_kernel_spec(jupyter / "kernels" / "python3")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(jupyter))
        patch.setenv("JUPYTER_RUNTIME_DIR", str(jupyter / "runtime"))
        patch.setenv("IPYTHONDIR", str(jupyter / "ipython"))
        yield


@pytest.fixture(scope="module")
def root(finished_run: Any) -> Path:
    return Path(finished_run.root)


def _execute(name: str, root: Path) -> dict[str, NotebookNode]:
    notebook = _read(name)
    for cell in notebook.cells:
        if cell.metadata.get("tags") == ["parameters"]:
            cell.source = f"root = {str(root)!r}\nrun = '*'"
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": NOTEBOOKS}}
    ).execute()
    return {cell.id: cell for cell in notebook.cells}


@pytest.fixture(scope="module")
def explored(root: Path, environment: None) -> dict[str, NotebookNode]:
    return _execute("01_explore_data", root)


@pytest.fixture(scope="module")
def inspected(root: Path, environment: None) -> dict[str, NotebookNode]:
    return _execute("02_inspect_captions", root)


@pytest.fixture(scope="module")
def photos(root: Path) -> list[Photo]:
    return read_manifest(find_data(root).manifest)


@pytest.fixture(scope="module")
def found(root: Path) -> FoundScores:
    return find_scores(root)


@pytest.fixture(scope="module")
def lines(found: FoundScores) -> list[dict[str, list[str]]]:
    """The generated caption and the references of each test photo."""
    return [json.loads(line) for line in (found.scores / "captions.jsonl").open()]


def _table_text(cell: NotebookNode) -> str:
    """Returns the text of a cell's table, row by row, with single spaces between words."""
    (output,) = [output for output in cell.outputs if "text/html" in output.get("data", {})]
    return " ".join(html.unescape(re.sub("<[^>]+>", " ", output.data["text/html"])).split())


def _image(cell: NotebookNode) -> Image.Image:
    (output,) = [output for output in cell.outputs if "image/png" in output.get("data", {})]
    return Image.open(io.BytesIO(base64.b64decode(output.data["image/png"])))


@pytest.mark.parametrize("executed", ["explored", "inspected"])
def test_notebook_runs_without_a_warning(executed: str, request: pytest.FixtureRequest) -> None:
    streams = [
        output.text
        for cell in request.getfixturevalue(executed).values()
        for output in cell.get("outputs", [])
        if output.output_type == "stream"
    ]
    assert not [text for text in streams if "Warning:" in text]


@pytest.mark.parametrize(
    ("executed", "figures"),
    [
        ("explored", ["lengths-figure", "frequencies", "gallery"]),
        (
            "inspected",
            ["best", "median", "worst", "kinds-figure", "examples", "alternatives-figure"],
        ),
    ],
)
def test_notebook_draws_its_figures(
    executed: str, figures: list[str], request: pytest.FixtureRequest
) -> None:
    cells = request.getfixturevalue(executed)
    for name in figures:
        image = _image(cells[name])
        assert min(image.size) > 200, name
        # An empty frame has few colours.
        assert len(image.convert("RGB").getcolors(2**24) or []) > 20, name


def test_explore_data_shows_split_sizes_as_in_the_manifest(
    explored: dict[str, NotebookNode], photos: list[Photo]
) -> None:
    table = _table_text(explored["splits"])
    for split in SPLITS:
        counts = [len(photo.captions) for photo in photos if photo.split == split]
        assert f"{split} {len(counts)} {sum(counts)} {min(counts)} {max(counts)}" in table


def test_explore_data_shows_caption_lengths(
    explored: dict[str, NotebookNode], photos: list[Photo]
) -> None:
    # The drawn scenes' captions are words and a full stop.
    table = _table_text(explored["lengths"])
    for split in SPLITS:
        words = [len(c.split()) for photo in photos if photo.split == split for c in photo.captions]
        mean = round(sum(words) / len(words), 1)
        row = re.search(rf"{split} (\S+) (\S+) .*? (\S+)(?= dev| test|$)", table)
        assert row is not None
        assert [float(value) for value in row.groups()] == [len(words), mean, max(words)]


def test_explore_data_shows_vocabulary_coverage(
    explored: dict[str, NotebookNode], photos: list[Photo], root: Path
) -> None:
    train = [c for photo in photos if photo.split == "train" for c in photo.captions]
    words = Counter(word for c in train for word in c.lower().rstrip(".").split())
    # With min_count 1, no train word is unknown; the vocabulary also has four special tokens.
    size = len(words) + 4
    counted = f"{len(train)} {words.total()} 100.00 1 {size}"
    assert f"train {len(train) // 5} {counted}" in _table_text(explored["vocabulary"])
    coverage = json.loads((find_data(root).matrix / "coverage.json").read_text())
    glove = _table_text(explored["glove"])
    assert f"words found {coverage['found']} words and special tokens missing" in glove
    assert f"missing {size - coverage['found']} train words found" in glove
    for word in coverage["missing"]:
        assert f"{word} {coverage['missing'][word]} {words[word]}" in _table_text(
            explored["missing"]
        )


def test_inspect_captions_shows_the_scores(
    inspected: dict[str, NotebookNode], found: FoundScores
) -> None:
    scores = json.loads((found.scores / "scores.json").read_text())
    table = _table_text(inspected["scores"])
    for name, value in scores["bleu"].items():
        assert f"{name} {value:.2f} {scores['greedy'][name]:.2f}" in table
    for name in ("cider_d", "rouge_l"):
        assert f"{name} {scores[name]['beam']:.2f} {scores[name]['greedy']:.2f}" in table
    assert f"images {scores['images']}" in _table_text(inspected["variety"])


def test_inspect_captions_counts_mistakes_by_kind(
    inspected: dict[str, NotebookNode], lines: list[dict[str, list[str]]]
) -> None:
    mistakes = [find_mistakes(str(line["hypothesis"]), line["references"]) for line in lines]
    counts = Counter(kind for kinds in mistakes for kind in kinds)
    table = _table_text(inspected["kinds"])
    for kind, meaning in KINDS.items():
        share = round(100 * counts[kind] / len(lines), 1)
        assert f"{kind} {meaning} {counts[kind]} {share}" in table


def test_inspect_captions_shows_beam_alternatives_of_the_scored_captions(
    inspected: dict[str, NotebookNode], lines: list[dict[str, list[str]]]
) -> None:
    table = _table_text(inspected["alternatives"])
    scored = {str(line["image_id"]): line["hypothesis"] for line in lines}
    first_rows = re.findall(r"(scene-\d+\.jpg) 1 (-[\d.]+) (.*?) 2 (-[\d.]+) ", table)
    assert len(first_rows) == len(lines) // 3
    for (
        image_id,
        best,
        caption,
        second,
    ) in first_rows:
        assert caption == scored[image_id]
        assert float(best) >= float(second)
    assert table.count(" 5 -") == len(first_rows)


def test_notebook_with_an_empty_work_folder_names_the_command(
    environment: None, tmp_path: Path
) -> None:
    with pytest.raises(CellExecutionError, match=r"DataError.*captionflow run --root"):
        _execute("01_explore_data", tmp_path)
