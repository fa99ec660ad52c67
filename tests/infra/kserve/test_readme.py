"""The commands of infra/kserve/README.md: valid bash that names what exists."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[3]
README = (PROJECT / "infra/kserve/README.md").read_text()
BLOCKS = re.findall(r"^```bash\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
BASH = str(shutil.which("bash"))


def test_blocks_are_bash_and_name_only_what_exists() -> None:
    for block in BLOCKS:
        subprocess.run([BASH, "-n"], input=block, check=True, text=True)
    paths = set(re.findall(r"\binfra/[\w/.-]*\w", "".join(BLOCKS)))
    assert paths == {"infra/kserve/base", "infra/kserve/canary"}
    assert all((PROJECT / path / "kustomization.yaml").is_file() for path in paths)


def test_image_gets_the_registry(predictor_of: Any) -> None:
    (script,) = re.findall(r'sed -e "(.+)"', README)
    (container,) = predictor_of("base")["containers"]
    filled = subprocess.run(
        [str(shutil.which("sed")), "-e", script.replace("$REGISTRY", "registry.example/x")],
        input=f"image: {container['image']}\n", check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert filled == f"image: registry.example/x/{container['image']}\n"


def test_restart_changes_the_pods_template() -> None:
    (block,) = (block for block in BLOCKS if "--patch" in block)
    echo = 'kubectl() { echo "${@: -1}"; }'
    done = subprocess.run(
        [BASH, "-eu"], input=f"{echo}\n{block}", check=True, capture_output=True, text=True
    )
    patch = json.loads(done.stdout)
    (annotations,) = patch["spec"]["predictor"].values()
    assert int(annotations["captionflow/restarted"]) > 0
