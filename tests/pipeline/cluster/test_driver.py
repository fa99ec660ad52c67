"""What KFP's driver makes of the package: what its cache would serve, and resources of pods."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pipeline.kubernetes import RESOURCES

MakeDriver = Callable[..., Any]
BEFORE_TRAIN = ("ingest", "normalize", "features", "embeddings")


def _tasks(pipeline: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    dags = [pipeline["root"], *pipeline["components"].values()]
    return (pair for each in dags if "dag" in each for pair in each["dag"]["tasks"].items())


def _cache(*names: str) -> Callable[[dict[str, Any]], None]:
    def change(pipeline: dict[str, Any]) -> None:
        for name, task in _tasks(pipeline):
            if name in names:
                task["cachingOptions"] = {"enableCache": True}

    return change


def _served(executions: dict[str, Any]) -> set[str]:
    return {name for name, execution in executions.items() if execution.served}


def test_driver_runs_every_step_of_the_package(kfp_driver: MakeDriver) -> None:
    assert kfp_driver().run().keys() == RESOURCES.keys()


def test_package_declares_cached_only_what_a_second_run_is_served(kfp_driver: MakeDriver) -> None:
    driver = kfp_driver()
    first, second = driver.run(), driver.run()
    declared = {name for name, execution in first.items() if execution.key}
    assert _served(second) == declared


def test_cached_step_after_one_that_runs_is_never_reused(kfp_driver: MakeDriver) -> None:
    # This is why the package declares none: the artifacts' names are in the key, and are new.
    driver = kfp_driver(_cache("features"))
    first, second = driver.run()["features"], driver.run()["features"]
    assert not second.served
    differing = {name for name in first.key if first.key[name] != second.key[name]}
    assert differing == {"inputArtifactNames"}


def test_cached_steps_are_served_if_all_before_them_are(kfp_driver: MakeDriver) -> None:
    # So it is no fault of this driver that nothing is served above.
    driver = kfp_driver(_cache(*BEFORE_TRAIN))
    assert not _served(driver.run())
    assert _served(driver.run()) == set(BEFORE_TRAIN)
    # By its parameters alone: of other photos at the same place KFP sees nothing.
    assert "ingest" not in _served(driver.run(dataset="gs://photos/other.zip"))


@pytest.mark.parametrize(("gpus", "requested"), [(0, "0"), (1, "1"), (2.0, "2")])
def test_number_of_gpus_reaches_the_pod_of_train(
    kfp_driver: MakeDriver, gpus: float, requested: str
) -> None:
    # JSON has one kind of number: 2 may come as 2.0.
    executions = kfp_driver().run(gpus=gpus)
    assert executions["train"].accelerators == requested
    assert executions["train"].parameters["gpus"] == requested
    assert {e.accelerators for name, e in executions.items() if name != "train"} == {None}


def test_number_of_gpus_that_stays_a_number_reaches_no_pod(kfp_driver: MakeDriver) -> None:
    def as_number(pipeline: dict[str, Any]) -> None:
        declared = pipeline["components"]["comp-condition-1"]["inputDefinitions"]["parameters"]
        declared["pipelinechannel--gpus"]["parameterType"] = "NUMBER_INTEGER"

    assert kfp_driver(as_number).run(gpus=2)["train"].accelerators is None


def test_train_receives_the_name_of_the_run(kfp_driver: MakeDriver) -> None:
    executions = kfp_driver().run(display_name="captionflow of Monday")
    assert executions["train"].parameters["run_name"] == "captionflow of Monday"
