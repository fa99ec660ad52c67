"""The policy that makes the root file system of steps read-only, without an API server."""

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from pipeline.kubernetes import VOLUMES

INFRA = Path(__file__).parents[3] / "infra"


@pytest.fixture(scope="module")
def policy() -> dict[str, Any]:
    text = (INFRA / "kubernetes/kfp/read-only-steps.yaml").read_text()
    policy, binding = yaml.safe_load_all(text)
    for version in ("1.36", kubernetes_validate.latest_version()):
        kubernetes_validate.validate(policy, version, strict=True)
        kubernetes_validate.validate(binding, version, strict=True)
    assert binding["spec"]["policyName"] == policy["metadata"]["name"]
    return dict(policy)


def test_read_only_steps_mounts_a_volume_wherever_the_image_writes(policy: dict[str, Any]) -> None:
    (mutation,) = policy["spec"]["mutations"]
    text = mutation["applyConfiguration"]["expression"]
    assert "readOnlyRootFilesystem: true" in text
    assert all(text.count(left) == text.count(right) for left, right in ("{}", "[]", "()"))
    mounts = dict(re.findall(r'name: "([\w-]+)", mountPath: "([^"]+)"', text))
    volumes = re.findall(r'name: "([\w-]+)", emptyDir', text)
    assert list(mounts) == volumes
    dockerfile = (INFRA / "docker/Dockerfile").read_text()
    (home,), (work,) = (
        re.findall(r"HOME=(\S+)", dockerfile),
        re.findall(r"WORKDIR (/work)", dockerfile),
    )
    assert set(mounts.values()) == {"/tmp", home, work}  # noqa: S108
    # The claims are mounted inside of one of them.
    assert all(path.startswith(f"{work}/") for _, path in VOLUMES.values())


def test_read_only_steps_is_for_pods_of_our_image(policy: dict[str, Any]) -> None:
    (condition,) = policy["spec"]["matchConditions"]
    (image,) = re.findall(r"contains\('(.+)'\)", condition["expression"])
    readme = (INFRA / "docker/README.md").read_text()
    assert f"-t {image}:" in readme
