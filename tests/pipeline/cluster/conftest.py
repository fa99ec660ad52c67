"""Fixtures for the cluster commands, and a model of KFP's driver that resolves the package."""

import copy
import hashlib
import itertools
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import Result
from typer.testing import CliRunner

from pipeline.kubeflow import app

Call = Callable[..., Result]


@pytest.fixture
def call(kfp_server: Any, compiled_once: Path) -> Call:
    """Runs a command of `pipeline.kubeflow` against the server."""

    def invoke(command: str, *options: object) -> Result:
        arguments = [command, "--host", kfp_server.url, *map(str, options)]
        return CliRunner().invoke(app, arguments, env={"COLUMNS": "300"})

    return invoke


@dataclass
class Execution:
    """How KFP 2.17's driver resolved a step.

    Attributes:
        parameters: As the step receives them.
        artifacts: Names of its input artifacts.
        key: Everything in its cache key; None if caching is off for it.
        served: Whether an earlier execution's outputs were taken instead of running it.
        accelerators: How many its pod requests, as text; None if the driver sets no limit.
    """

    parameters: dict[str, Any]
    artifacts: dict[str, str]
    key: dict[str, Any] | None
    served: bool
    accelerators: str | None


@dataclass
class KfpDriver:
    """Resolves a package's steps like KFP's driver; all conditions hold, and no pod runs.

    Equal inputs give equal output parameters here. File names below are of kubeflow/pipelines 2.17.
    """

    pipeline: dict[str, Any]
    pods: dict[str, Any]
    # Names of the output artifacts of each execution, by cache key.
    _cache: dict[str, dict[str, str]] = field(default_factory=dict)
    _artifact_ids: Any = field(default_factory=lambda: itertools.count(1))
    _display_name: str = ""

    def run(self, display_name: str = "first", **parameters: Any) -> dict[str, Execution]:
        self._display_name = display_name
        root = self.pipeline["root"]
        known = root["inputDefinitions"]["parameters"]
        defaults = {name: given["defaultValue"] for name, given in known.items()}
        executions: dict[str, Execution] = {}
        self._run_dag(root["dag"], defaults | parameters, {}, executions)
        return executions

    def _run_dag(
        self,
        dag: dict[str, Any],
        parameters: dict[str, Any],
        artifacts: dict[str, str],
        executions: dict[str, Execution],
    ) -> None:
        outputs: dict[str, tuple[dict[str, Any], dict[str, str]]] = {}
        waiting = dict(dag["tasks"])
        while waiting:
            name = next(n for n in waiting if not waiting.keys() & _before(waiting[n]))
            task = waiting.pop(name)
            component = self.pipeline["components"][task["componentRef"]["name"]]
            inputs = task.get("inputs", {})
            given = {
                key: self._parameter(source, parameters, outputs)
                for key, source in inputs.get("parameters", {}).items()
            }
            declared = component.get("inputDefinitions", {}).get("parameters", {})
            given = {key: _converted(key, value, declared) for key, value in given.items()}
            taken = {
                key: artifacts[source["componentInputArtifact"]]
                if "componentInputArtifact" in source
                else _output(outputs, source["taskOutputArtifact"], 1, "outputArtifactKey")
                for key, source in inputs.get("artifacts", {}).items()
            }
            if "dag" in component:
                self._run_dag(component["dag"], given, taken, executions)
            else:
                outputs[name] = self._execute(name, task, component, given, taken, executions)

    def _parameter(self, source: Any, parameters: Any, outputs: Any) -> Any:
        if "componentInputParameter" in source:
            return parameters[source["componentInputParameter"]]
        if "taskOutputParameter" in source:
            return _output(outputs, source["taskOutputParameter"], 0, "outputParameterKey")
        # resolveInputParameter in backend/src/v2/driver/resolve.go.
        constant = source["runtimeValue"]["constant"]
        return self._display_name if constant == "{{$.pipeline_job_name}}" else constant

    def _execute(
        self,
        name: str,
        task: Any,
        component: Any,
        parameters: dict[str, Any],
        artifacts: dict[str, str],
        executions: dict[str, Execution],
    ) -> tuple[dict[str, Any], dict[str, str]]:
        container = self.pipeline["deploymentSpec"]["executors"][component["executorLabel"]][
            "container"
        ]
        declared = component.get("outputDefinitions", {})
        # GenerateCacheKey in backend/src/v2/cacheutils/cache.go: artifacts by name, and (without
        # their addresses) what comes out, the command, the image and the claims of volumes.
        key = {
            "inputArtifactNames": artifacts,
            "inputParameterValues": parameters,
            "outputArtifactsSpec": declared.get("artifacts", {}),
            "outputParametersSpec": declared.get("parameters", {}),
            "containerSpec": {
                "image": container["image"],
                "cmdArgs": [*container["command"], *container["args"]],
                "pvcNames": [
                    mount["constant"]
                    for mount in self.pods[component["executorLabel"]].get("pvcMount", [])
                ],
            },
        }
        fingerprint = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
        # getFingerPrintsAndID in backend/src/v2/driver/cache.go.
        cached = task.get("cachingOptions", {}).get("enableCache", False)
        served = cached and fingerprint in self._cache
        if served:
            made = self._cache[fingerprint]
        else:
            # toRuntimeArtifact in backend/src/v2/metadata/converter.go: an artifact's name is its
            # id in ML Metadata, and each execution registers new ones.
            made = {each: str(next(self._artifact_ids)) for each in declared.get("artifacts", {})}
            if cached:
                self._cache[fingerprint] = made
        executions[name] = Execution(
            parameters,
            artifacts,
            key if cached else None,
            served,
            _accelerators(container, parameters),
        )
        return {each: f"{each} of {name}" for each in declared.get("parameters", {})}, made


def _before(task: Any) -> set[str]:
    return set(task.get("dependentTasks", []))


def _output(outputs: Any, source: Any, kind: int, key: str) -> Any:
    return outputs[source["producerTask"]][kind][source[key]]


def _converted(name: str, value: Any, declared: dict[str, Any]) -> Any:
    # handleParamTypeValidationAndConversion in backend/src/v2/driver/resolve.go: anything becomes
    # text where text is declared (PbValueToText in backend/src/v2/metadata/converter.go).
    if declared.get(name, {}).get("parameterType") != "STRING" or isinstance(value, str):
        return value
    if isinstance(value, bool | dict | list):
        return json.dumps(value)
    return str(int(value)) if float(value).is_integer() else str(value)


def _accelerators(container: Any, parameters: dict[str, Any]) -> str | None:
    # initPodSpecPatch in backend/src/v2/driver/driver.go, and in resolve.go
    # resolvePodSpecInputRuntimeParameter: a value that is not text becomes an empty text.
    count = container.get("resources", {}).get("accelerator", {}).get("resourceCount", "")
    if channel := re.search(r"\$.inputs.parameters\['(.+?)'\]", count):
        value = parameters[channel[1]]
        count = value if isinstance(value, str) else ""
    return count or None


@pytest.fixture
def kfp_driver(package: Path) -> Callable[..., KfpDriver]:
    """Creates a driver for the package, optionally after a function has changed it."""

    def make(change: Callable[[dict[str, Any]], None] = lambda _: None) -> KfpDriver:
        pipeline, platform = copy.deepcopy(list(yaml.safe_load_all(package.read_text())))
        change(pipeline)
        executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
        return KfpDriver(pipeline, executors)

    return make
