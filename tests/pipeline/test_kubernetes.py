from typing import Any

import pytest
import yaml

from components.errors import SettingError
from components.runtime.image import IMAGE
from components.runtime.kubeflow_run import POD_ID_VARIABLE, POD_VARIABLE
from pipeline.config import Settings
from pipeline.kubernetes import RESOURCES
from pipeline.kubernetes_settings import make_kubernetes_settings
from pipeline.package import compile_package


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    file = tmp_path_factory.mktemp("package") / "captionflow.yaml"
    compile_package(file)
    spec, platform = yaml.safe_load_all(file.read_text())
    return spec, platform


@pytest.fixture(scope="module")
def package(
    documents: tuple[dict[str, Any], dict[str, Any]],
) -> tuple[dict[str, Any], dict[str, Any]]:
    spec, platform = documents
    return spec, platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]


def _tasks(spec: dict[str, Any]) -> dict[str, Any]:
    dags = [spec["root"], *(spec["components"][f"comp-condition-{n}"] for n in (1, 2))]
    tasks = {name: task for dag in dags for name, task in dag["dag"]["tasks"].items()}
    return {name: task for name, task in tasks.items() if not name.startswith("condition-")}


def test_package_gives_every_step_resources_retries_a_deadline_and_no_root(
    package: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    spec, pods = package
    tasks = _tasks(spec)
    assert tasks.keys() == RESOURCES.keys()
    for name, task in tasks.items():
        resources = spec["deploymentSpec"]["executors"][f"exec-{name}"]["container"]["resources"]
        for kind in ("CpuRequest", "CpuLimit", "MemoryRequest", "MemoryLimit"):
            assert resources[f"resource{kind}"], name
        assert resources["cpuRequest"] <= resources["cpuLimit"]
        assert resources["memoryRequest"] < resources["memoryLimit"]
        assert task["retryPolicy"] == {
            "maxRetryCount": 3, "backoffDuration": "60s", "backoffFactor": 2.0,
            # For all attempts together, as Argo reads it.
            "backoffMaxDuration": f"{RESOURCES[name].hours * 3600:.0f}s",
        }  # fmt: skip
        assert int(pods[f"exec-{name}"]["activeDeadlineSeconds"]) == RESOURCES[name].hours * 3600
        assert pods[f"exec-{name}"]["securityContext"]["runAsNonRoot"]
        assert task["taskInfo"]["name"].split()[1] == name


def test_package_bounds_the_run_and_keeps_pods_of_a_failed_one(
    documents: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    config = documents[1]["platforms"]["kubernetes"]["pipelineConfig"]
    hours = {name: seconds / 3600 for name, seconds in config.items()}
    # A run may take as long as all its steps, and wait a while for nodes.
    assert sum(step.hours for step in RESOURCES.values()) < hours.pop("activeDeadlineSeconds") == 72
    assert hours == {"resourceTtlOnSuccess": 1, "resourceTtlOnFailure": 7 * 24}


def test_package_brings_secrets_as_files_and_none_as_parameters(
    package: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    spec, pods = package
    for executor, pod in pods.items():
        mounts = {mount["secretName"]: mount["mountPath"] for mount in pod["secretAsVolume"]}
        assert mounts == {
            "mlflow-credentials": "/home/captionflow/.mlflow", "gcs-key": "/var/run/secrets/gcs",
        }  # fmt: skip
        assert "secretAsEnv" not in pod
        variables = [pair["envVar"] for one in pod["configMapAsEnv"] for pair in one["keyToEnv"]]
        expected = ["MLFLOW_TRACKING_URI", "GOOGLE_APPLICATION_CREDENTIALS"]
        assert variables == expected + ["KFP_UI_URL"] * (executor == "exec-train")
    parameters = spec["root"]["inputDefinitions"]["parameters"]
    assert not [name for name in parameters if "secret" in name or "password" in name]


def test_package_puts_train_on_spot_nodes_with_gpus(
    package: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    spec, pods = package
    accelerator = spec["deploymentSpec"]["executors"]["exec-train"]["container"]["resources"][
        "accelerator"
    ]
    assert accelerator["resourceType"] == "nvidia.com/gpu"
    assert accelerator["resourceCount"] == "{{$.inputs.parameters['pipelinechannel--gpus']}}"
    gpus = spec["root"]["inputDefinitions"]["parameters"]["gpus"]
    assert (gpus["parameterType"], gpus["defaultValue"]) == ("NUMBER_INTEGER", 1)
    train = pods["exec-train"]
    assert {taint["key"] for taint in train["tolerations"]} == {
        "nvidia.com/gpu", "cloud.google.com/gke-spot",
    }  # fmt: skip
    assert train["nodeSelector"]["nodeSelectorJson"] == {
        "componentInputParameter": "pipelinechannel--train_nodes"
    }


def test_package_mounts_volumes_where_settings_point(
    package: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    mounts = {
        name: [(mount["constant"], mount["mountPath"]) for mount in pod["pvcMount"]]
        for name, pod in package[1].items()
        if "pvcMount" in pod
    }
    # The settings are relative to the steps' working folder, /work.
    settings = Settings()
    assert mounts == {
        "exec-ingest": [("captionflow-features", f"/work/{settings.store}")],
        "exec-features": [("captionflow-features", f"/work/{settings.store}")],
        "exec-train": [("captionflow-checkpoints", f"/work/{settings.checkpoints}")],
    }


def test_package_carries_what_conditions_need_into_them(
    package: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    # kfp 2.17 forgets to hand the number of GPUs into a condition unless the step takes it too.
    spec, _ = package
    outer = spec["root"]["dag"]["tasks"]["condition-1"]["inputs"]["parameters"]
    for task in spec["components"]["comp-condition-1"]["dag"]["tasks"].values():
        for source in task.get("inputs", {}).get("parameters", {}).values():
            if "componentInputParameter" in source:
                assert source["componentInputParameter"] in outer


def test_make_kubernetes_settings_without_gpus_trains_in_the_common_image_on_any_node() -> None:
    made = make_kubernetes_settings({"gpus": 0, "image": "here/captionflow:1"})
    assert (made.train_image, made.train_nodes) == ("here/captionflow:1", {})
    assert make_kubernetes_settings({"gpus": "00"}).train_image == IMAGE


def test_make_kubernetes_settings_with_gpus_trains_in_the_cuda_image() -> None:
    assert (
        make_kubernetes_settings({"image": "here/captionflow:1"}).train_image
        == "here/captionflow:1-gpu"
    )
    assert make_kubernetes_settings({}).train_image == f"{IMAGE}-gpu"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"train_workers": "4"}, (0, IMAGE, IMAGE)),
        ({"train_workers": 4, "worker_gpus": 1}, (0, IMAGE, f"{IMAGE}-gpu")),
        ({"train_workers": 4, "worker_gpus": "1", "image": "x:1"}, (0, "x:1", "x:1-gpu")),
        ({"train_workers": 1}, (1, f"{IMAGE}-gpu", IMAGE)),
        ({"train_workers": 1, "worker_gpus": 0}, (1, f"{IMAGE}-gpu", IMAGE)),
        ({"train_workers": 2, "worker_image": "y:1"}, (0, IMAGE, "y:1")),
    ],
)
def test_make_kubernetes_settings_with_several_workers_gives_gpus_to_them_alone(
    given: dict[str, Any], expected: tuple[int, str, str]
) -> None:
    made = make_kubernetes_settings(given)
    assert (made.gpus, made.train_image, made.worker_image) == expected


def test_package_tells_train_its_pod_which_owns_the_train_job(
    package: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    fields = {
        each["name"]: each["fieldPath"] for each in package[1]["exec-train"]["fieldPathAsEnv"]
    }
    assert (fields[POD_VARIABLE], fields[POD_ID_VARIABLE]) == ("metadata.name", "metadata.uid")


def test_make_kubernetes_settings_keeps_given_values() -> None:
    made = make_kubernetes_settings(
        {"gpus": "0", "train_nodes": '{"disk": "fast"}', "train_image": "x:1"}
    )
    assert (made.train_image, made.train_nodes) == ("x:1", {"disk": "fast"})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"gpus": "-1"}, "gpus must be greater than or equal to 0. Received: '-1'"),
        ({"gpus": "1.5"}, "gpus must be a valid integer. Received: '1.5'"),
        ({"train_nodes": "{spot"}, "train_nodes must be a JSON object of labels"),
        ({"train_nodes": '["spot"]'}, "train_nodes must be a valid dictionary"),
        ({"image": ""}, "image must not be empty"),
        ({"train_workers": 0}, "train_workers must be greater than or equal to 1"),
        ({"worker_gpus": 2}, "worker_gpus must be less than or equal to 1"),
        ({"train_workers": 2, "gpus": 1}, "gpus must be 0 if train_workers is above 1"),
        ({"worker_gpus": 1}, "worker_gpus needs train_workers above 1. Received: 1"),
        ({"worker_gpus": "1", "gpus": 0}, "worker_gpus needs train_workers above 1"),
        ({"train_workers": 1, "worker_image": "x:1"}, "worker_image needs train_workers above 1"),
        ({"worker_image": IMAGE}, "worker_image needs train_workers above 1"),
    ],
)
def test_make_kubernetes_settings_with_a_wrong_value_states_the_rule(
    given: dict[str, str], message: str
) -> None:
    with pytest.raises(SettingError, match=message.replace("(", r"\(")):
        make_kubernetes_settings(given)
