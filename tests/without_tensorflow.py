"""Does what needs no TensorFlow, the lightest first; test_house.py runs it in a new process.

Its last line tells, by what was done, which heavy libraries were loaded by then.
"""

import inspect
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from kfp import dsl
from typer.testing import CliRunner

from components.artifacts.captions import CaptionedPhoto, write_captions
from components.artifacts.manifest import write_manifest
from components.captioning.model.vocabulary import SPECIAL_TOKENS, Vocabulary
from pipeline.config import make_settings

_HEAVY = ("tensorflow", "keras", "apache_beam", "mlflow")
_SETTINGS = make_settings("sample", {"scenes": 40}).model_dump()


def _invoke(module: str, *arguments: str) -> None:
    ended = CliRunner().invoke(import_module(module).app, arguments, catch_exceptions=False)
    assert ended.exit_code == 0, ended.output


def _run(name: str, **artifacts: Any) -> None:
    body = getattr(import_module(f"components.{name}.component"), name).python_func
    wanted = inspect.signature(body).parameters
    body(**artifacts, **{key: value for key, value in _SETTINGS.items() if key in wanted})


def _artifact(folder: Path, name: str, **files: Any) -> dsl.Artifact:
    (folder / name).mkdir()
    for file, content in files.items():
        (folder / name / f"{file}.json").write_text(json.dumps(content))
    return dsl.Artifact(uri=str(folder / name))


def _judged(folder: Path) -> dict[str, dsl.Artifact]:
    from components.registry.runs import start_run

    orders = {f"bleu{order}": 50.0 for order in range(1, 5)}
    scores = {
        "bleu": orders, "greedy": orders, "signature": "nrefs:5", "test_fingerprint": "f",
    }  # fmt: skip
    (folder / "report").write_text("<h1>Scores</h1>")
    said = {"image_id": "1.jpg", "hypothesis": "red", "references": ["red"]}
    judged = _artifact(folder, "scores", scores=scores)
    Path(judged.path, "captions.jsonl").write_text(json.dumps(said))
    return {
        "model": _artifact(folder, "model", training={"mlflow_run_id": start_run("x", "y", {})}),
        "scores": judged,
        "report": dsl.HTML(uri=str(folder / "report")),
        "rival": dsl.Artifact(uri=str(folder / "rival")),
        "recipe": "{}",
    }


def main(folder: Path) -> None:
    told = {}

    def note(what: str) -> None:
        told[what] = [name for name in _HEAVY if name in sys.modules]

    for module in (
        "local", "kubeflow", "store", "doctor", "registry", "caption", "demo",
    ):  # fmt: skip
        _invoke(f"pipeline.{module}", "--help")
        note(f"{module} --help")
    _invoke("pipeline.kubeflow", "compile", "-o", str(folder / "captionflow.yaml"))
    note("compile")
    import_module("components.gate.decision")
    note("decide")

    captions = _artifact(folder, "captions")
    Vocabulary([*SPECIAL_TOKENS, "red"]).save(Path(captions.path, "vocabulary.txt"))
    write_captions(Path(captions.path), [CaptionedPhoto("1.jpg", "train", ("red",), ((4,),))])
    _run("embeddings", captions=captions, matrix=dsl.Artifact(uri=str(folder / "matrix")))
    note("embeddings")

    manifest = _artifact(folder, "data", report={"dataset_fingerprint": "d"})
    _run("trigger", manifest=manifest)
    note("trigger")
    # Of a first run: a champion brings TensorFlow, to describe photos.
    write_manifest(Path(manifest.path), [])
    rival = dsl.Artifact(uri=str(folder / "rival"))
    _run("rescore", examples=_artifact(folder, "examples"), manifest=manifest, rival=rival)
    note("rescore")
    _run("gate", **_judged(folder))
    note("gate")
    _invoke("pipeline.local", "--plan", "--root", str(folder / "runs"))
    note("local --plan")

    _run("ingest", manifest=dsl.Dataset(uri=str(folder / "manifest")))
    note("ingest")
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
