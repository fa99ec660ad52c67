"""Runs everything that needs no TensorFlow, the lightest first; test_house.py starts it.

Its last line lists the heavy libraries that were loaded after each task.
"""

import gc
import inspect
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from kfp import dsl
from typer.testing import CliRunner

from components.artifacts.captions import CaptionedPhoto, write_captions
from components.artifacts.checksums import METADATA_KEY, write_checksums
from components.artifacts.fingerprint import fingerprint_file
from components.artifacts.manifest import write_manifest
from components.artifacts.report import PLACES, place
from components.captioning.model.vocabulary import SPECIAL_TOKENS, Vocabulary
from components.settings.run import RunSettings
from pipeline.cli.app import app
from pipeline.config import make_settings

_HEAVY = ("tensorflow", "keras", "apache_beam", "mlflow")
# Without a store, which would lie in the current directory.
_SETTINGS = make_settings("sample", {"scenes": 40, "store": ""}).model_dump()


def _invoke(*arguments: str) -> None:
    ended = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert ended.exit_code == 0, ended.output


_REPORT = {
    "dataset_fingerprint": "d", "photos": 0, "captions": 0,
    "splits": {"train": 0, "dev": 0, "test": 0}, "words": {"lengths": [], "unspaced_share": 0.0},
}  # fmt: skip


def _run(name: str, **artifacts: Any) -> None:
    body = getattr(import_module(f"components.{name}.component"), name).python_func
    wanted = inspect.signature(body).parameters
    body(**artifacts, **{key: value for key, value in _SETTINGS.items() if key in wanted})


def _artifact(folder: Path, name: str, **files: Any) -> dsl.Artifact:
    (folder / name).mkdir()
    for file, content in files.items():
        (folder / name / f"{file}.json").write_text(json.dumps(content))
    write_checksums(folder / name)
    return dsl.Artifact(uri=str(folder / name))


def _judged(folder: Path) -> dict[str, dsl.Artifact]:
    from components.registry.runs import start_run

    orders = {f"bleu{order}": 50.0 for order in range(1, 5)}
    scores = {
        "bleu": orders, "greedy": orders, "signature": "nrefs:5", "test_fingerprint": "f",
    }  # fmt: skip
    report = folder / "report"
    report.write_text("".join(map(place, PLACES)))
    said = {"image_id": "1.jpg", "hypothesis": "red", "references": ["red"]}
    judged = _artifact(folder, "scores", scores=scores)
    Path(judged.path, "captions.jsonl").write_text(json.dumps(said))
    write_checksums(Path(judged.path))
    return {
        "model": _artifact(folder, "model", training={"mlflow_run_id": start_run("x", "y", {})}),
        "scores": judged,
        "report": dsl.HTML(uri=str(report), metadata={METADATA_KEY: fingerprint_file(report)}),
        "baseline": dsl.Artifact(uri=str(folder / "baseline")),
        "training_config": "{}",
        "run_config": RunSettings().to_yaml(),
        "drift": "",
        "final_report": dsl.HTML(uri=str(folder / "final_report")),
    }


def main(folder: Path) -> None:
    # Without collections, importing takes less time.
    gc.disable()
    loaded = {}

    def note(what: str) -> None:
        loaded[what] = [name for name in _HEAVY if name in sys.modules]

    for command in (
        "run", "submit", "schedule", "schedules", "unschedule", "compile", "caption", "demo",
        "serve", "models", "features", "doctor",
    ):  # fmt: skip
        _invoke(command, "--help")
        note(f"{command} --help")
    _invoke("compile", "-o", str(folder / "captionflow.yaml"))
    note("compile")
    import_module("components.gate.decision")
    note("decide")

    captions = _artifact(folder, "captions")
    Vocabulary([*SPECIAL_TOKENS, "red"]).save(Path(captions.path, "vocabulary.txt"))
    write_captions(Path(captions.path), [CaptionedPhoto("1.jpg", "train", ("red",), ((4,),))])
    write_checksums(Path(captions.path))
    _run("embeddings", captions=captions, matrix=dsl.Artifact(uri=str(folder / "matrix")))
    note("embeddings")

    manifest = _artifact(folder, "data", report=_REPORT)
    _run("trigger", manifest=manifest)
    note("trigger")
    # Without a champion, which would load TensorFlow to caption photos.
    write_manifest(Path(manifest.path), [])
    write_checksums(Path(manifest.path))
    baseline = dsl.Artifact(uri=str(folder / "baseline"))
    _run("rescore", examples=_artifact(folder, "examples"), manifest=manifest, baseline=baseline)
    note("rescore")
    _run("gate", **_judged(folder))
    note("gate")
    _invoke("run", "--plan", "--root", str(folder / "runs"))
    note("run --plan")

    _run("ingest", manifest=dsl.Dataset(uri=str(folder / "manifest")))
    note("ingest")
    sys.stdout.write(json.dumps(loaded) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
