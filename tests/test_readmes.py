"""The READMEs name files and folders that exist."""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
FOLDERS = ("components", "pipeline", "infra", "notebooks", "tests")
READMES = sorted(
    path.relative_to(PROJECT).as_posix()
    for pattern in ("README.md", *(f"{folder}/**/README.md" for folder in FOLDERS))
    for path in PROJECT.glob(pattern)
)
_CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
# With `*` for any name; what an equals sign follows is a label of Kubernetes.
_PATH = re.compile(rf"(?<![\w./-])(?:{'|'.join(FOLDERS)}|\.ci|\.github)/[\w./*-]*+(?!=)")
_LINK = re.compile(r"\]\(([^)#\s]+)")


def _paths(text: str, folder: str = ".") -> list[str]:
    """Returns the paths that a README's code and its relative links name, from the project's root.

    Args:
        text: The README.
        folder: Where it is.
    """
    code = [path for each in _CODE.findall(text) for path in _PATH.findall(each)]
    links = [link for link in _LINK.findall(text) if ":" not in link]
    return [*code, *(f"{folder}/{link}" for link in links)]


def test_paths_are_those_in_code_and_relative_links() -> None:
    text = (
        "[a](b/c.md) [d](https://e.f/tests/g) `pytest tests/h.py infra/*.txt` tests/i.py\n"
        "```sh\npython tests/j.py x/tests/k\n```\n`-l pipeline/runid=m` `pipeline/`"
    )
    assert _paths(text, "infra") == [
        "tests/h.py", "infra/*.txt", "tests/j.py", "pipeline/", "infra/b/c.md",
    ]  # fmt: skip


@pytest.mark.parametrize("readme", READMES)
def test_paths_in_a_readme_exist(readme: str) -> None:
    file = PROJECT / readme
    named = _paths(file.read_text(encoding="utf-8"), Path(readme).parent.as_posix())
    assert [path for path in named if not any(PROJECT.glob(path))] == []
