"""Promotions by several processes through the MLflow server of the manifests, over PostgreSQL."""

from mlflow import MlflowClient
from warm_processes import warm_executor

from components.registry.history import read_history
from components.registry.models import find_champion, read_model
from components.registry.promotion import promote
from components.registry.runs import start_run


def test_33_promotions_three_at_a_time_leave_one_champion_and_a_whole_history() -> None:
    client = MlflowClient()
    client.create_registered_model("promoted")
    run_id = start_run("photos", "train", {})
    for _ in range(33):
        client.create_model_version("promoted", f"runs:/{run_id}/model", run_id)
    with warm_executor(3) as pool:
        running = [
            pool.submit(promote, "promoted", str(number), reason=f"reason {number}")
            for number in range(1, 34)
        ]
        for each in running:
            each.result()
    history = read_history(read_model("promoted").tags)
    assert sorted(int(each.version) for each in history) == list(range(1, 34))
    champion = find_champion("promoted")
    assert champion is not None and champion.version == history[-1].version
