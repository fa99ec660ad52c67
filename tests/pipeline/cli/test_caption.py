import json
import shutil
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from components.artifacts.checksums import write_checksums
from pipeline.cli.app import app


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    Image.new("RGB", (32, 24), "red").save(folder / "red.png")
    (folder / "bad\x1b.jpg").write_bytes(b"no\nphoto")
    Image.linear_gradient("L").save(folder / "grey.png")
    Image.new("1", (10_000, 10_000)).save(folder / "large.png")
    return folder


def _invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["caption", *map(str, arguments)])


@pytest.fixture
def unsure_bundle(tiny_bundle: Path, tmp_path: Path) -> Path:
    """The tiny bundle as one trained on drawn scenes, which no photo resembles."""
    bundle = tmp_path / "unsure"
    shutil.copytree(tiny_bundle, bundle)
    file = bundle / "confidence.json"
    change = {"min_familiarity": 1.0, "drawn_scenes": True}
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    write_checksums(bundle)
    return bundle


def test_caption_of_one_photo_prints_only_the_caption(photos: Path, tiny_bundle: Path) -> None:
    ended = _invoke(photos / "red.png", "--bundle", tiny_bundle)
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert len(ended.stdout.splitlines()) == 1
    caption, certainty = ended.stdout.rstrip().rsplit(" ", 1)
    assert set(caption.split()) <= {"a", "red", "blue", "circle"}
    assert certainty == "(likely)"


def test_caption_that_the_model_is_not_sure_of_abstains_unless_always(
    photos: Path, tiny_bundle: Path, unsure_bundle: Path
) -> None:
    photo = photos / "red.png"
    caption = _invoke(photo, "--bundle", tiny_bundle).stdout.removesuffix(" (likely)\n")
    abstained = _invoke(photo, "--bundle", unsure_bundle)
    assert abstained.exit_code == 0
    assert abstained.stdout.startswith(f"Not sure what this shows. It may be: {caption}. ")
    assert "drawn scenes" in abstained.stdout
    always = _invoke(photo, "--bundle", unsure_bundle, "--always")
    assert always.stdout == f"{caption} (not sure)\n"


def test_caption_that_the_model_is_not_sure_of_is_marked_in_json_and_speech(
    photos: Path, unsure_bundle: Path, programs: Path
) -> None:
    program = programs / "espeak"
    program.write_text(f'#!/bin/sh\necho "$2" >> {programs}/said\n')
    program.chmod(0o755)
    arguments = (photos / "red.png", "--bundle", unsure_bundle, "--speak")
    line = json.loads(_invoke(*arguments, "--json").stdout)
    assert (line["confidence"], line["certainty"]) == (0.7311, "not sure")
    assert "drawn scenes" in line["doubt"]
    _invoke(*arguments, "--always")
    abstained, always = (programs / "said").read_text().splitlines()
    assert abstained.startswith(f"Not sure what this shows. It may be: {line['caption']}")
    assert always == f"{line['caption']}, not sure"


def test_caption_keeps_features_only_if_told_to(
    photos: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "kept"
    ended = _invoke(photos, "--bundle", tiny_bundle, "--keep-features", folder)
    assert ended.exit_code == 3  # for the photos that are none
    files = sorted(path.name for path in folder.rglob("*") if path.is_file())
    assert len(files) == 2 and files[0].endswith(".npy") and files[1] == "encoder.json"
    (tmp_path / "file").write_text("")
    ended = _invoke(
        photos / "red.png", "--bundle", tiny_bundle, "--keep-features", tmp_path / "file"
    )
    assert ended.exit_code != 0 and f"{tmp_path}/file" in ended.stderr


def test_caption_of_several_reports_bad_ones_and_captions_the_others(
    photos: Path, tiny_bundle: Path
) -> None:
    ended = _invoke(photos, "gone.jpg", "--bundle", tiny_bundle, "--beam", 3, "--alternatives", 2)
    assert ended.exit_code == 3
    grey, *others, red, other, _ = ended.stdout.splitlines()
    assert grey.startswith(f"{photos}/grey.png: ")
    assert red.startswith(f"{photos}/red.png: ")
    assert len(others) == 2
    assert other.startswith("  -")
    bad, large, gone = ended.stderr.splitlines()
    assert bad.startswith(
        f"captionflow: {photos}/bad\\x1b.jpg can't be read as a photo: the content"
    )
    assert large.endswith("must not have more than 64000000 pixels. Received: 10000 x 10000")
    assert gone == "captionflow: gone.jpg can't be read: No such file or directory"


def test_caption_as_json_prints_json_lines_and_speaks(
    photos: Path, tiny_bundle: Path, programs: Path
) -> None:
    program = programs / "espeak"
    program.write_text(f'#!/bin/sh\necho "$2" >> {programs}/said\n')
    program.chmod(0o755)
    ended = _invoke(photos, "--bundle", tiny_bundle, "--json", "--speak")
    assert ended.exit_code == 3
    bad, grey, large, red = map(json.loads, ended.stdout.splitlines())
    assert "error" in bad and "error" in large
    assert (programs / "said").read_text().splitlines() == [
        "bad\\x1b.jpg can't be described",
        f"grey.png: {grey['caption']}",
        "large.png can't be described",
        f"red.png: {red['caption']}",
    ]


def test_caption_continues_when_the_speech_program_fails(
    photos: Path, tiny_bundle: Path, programs: Path
) -> None:
    program = programs / "espeak"
    program.write_text("#!/bin/sh\necho no sound card >&2; exit 1\n")
    program.chmod(0o755)
    ended = _invoke(photos / "red.png", photos / "grey.png", "--bundle", tiny_bundle, "--speak")
    assert ended.exit_code == 3
    assert len(ended.stdout.splitlines()) == 2
    assert ended.stderr == f"captionflow: {program} could not read aloud: no sound card\n"


def test_caption_into_a_file_prints_a_summary(
    photos: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    output = tmp_path / "captions.jsonl"
    ended = _invoke(photos, "--bundle", tiny_bundle, "-o", output)
    assert ended.exit_code == 3
    assert ended.stdout == f"{output}: 2 of 4 photos captioned (0 already done); 2 failed.\n"
    assert "bad\\x1b.jpg can't be read" in ended.stderr
    assert len(output.read_text().splitlines()) == 4
    again = _invoke(photos, "--bundle", tiny_bundle, "-o", output)
    assert again.stdout == f"{output}: 2 of 4 photos captioned (2 already done); 2 failed.\n"


def test_caption_without_runs_names_the_command(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", "")
        ended = _invoke("photo.jpg", "--root", tmp_path / "runs")
    assert ended.exit_code == 3
    assert ended.stderr.startswith("captionflow: There are no runs in MLflow at sqlite:")
    assert "captionflow run" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert not (tmp_path / "runs").exists()


def test_caption_with_an_unreachable_registry_fails(dead_mlflow: str) -> None:
    ended = _invoke("photo.jpg")
    assert (ended.exit_code, ended.stderr) == (1, f"captionflow: {dead_mlflow}\n")


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--speak",), 2, "--speak needs one of the speech programs espeak-ng, espeak, spd-say"),
        (("-o", "gs://x/y.jsonl"), 2, "--output must be a file on this machine"),
        (("-o", "/"), 2, "The output must be a file that can be written"),
        (("--alternatives", "2"), 2, "--alternatives must be less than the beam width 2"),
        (("--beam-flags", "'"), 2, "beam_flags must be command-line flags"),
        (("--bundle", "nowhere"), 3, "nowhere must be a complete model bundle"),
    ],
)
def test_caption_with_a_wrong_option_names_it(
    options: tuple[str, ...], code: int, message: str, tiny_bundle: Path, photos: Path,
    programs: Path,
) -> None:  # fmt: skip
    ended = _invoke(photos, "--bundle", tiny_bundle, *options)
    assert (ended.exit_code, ended.stdout) == (code, "")
    assert ended.stderr.startswith(f"captionflow: {message}")
    assert len(ended.stderr.splitlines()) == 1
