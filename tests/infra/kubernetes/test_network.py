"""Services, disruption budgets, network policies and addresses."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

Labels = dict[str, str]

NAME = "app.kubernetes.io/name"
RUN_POD = {"pipelines.kubeflow.org/v2_component": "true"}
# KFP 2.17's S3 store: its pod's labels, and the pod's port behind each port of its Service
# (manifests/kustomize/third-party/seaweedfs/base/seaweedfs/seaweedfs-service.yaml).
S3_POD = {"app": "seaweedfs"}
S3_SERVICE: dict[str, Any] = {"name": "seaweedfs", "ports": {9000: 8333, 8333: 8333}}
# manifests/kustomize/base/pipeline/ml-pipeline-apiserver-deployment.yaml
KFP_SERVER_POD = {"app": "ml-pipeline"}
# Pods of KFP: those of runs, its S3 store, and its API server.
FOREIGN_PODS = (RUN_POD, S3_POD, KFP_SERVER_POD)


def _rules(overlay: Any, direction: str) -> Iterator[tuple[Labels, Labels, int]]:
    """Yields the rules between pods of the namespace: their owner, the peer, the port."""
    side = {"ingress": "from", "egress": "to"}[direction]
    for policy in overlay.of_kind("NetworkPolicy"):
        for rule in policy["spec"].get(direction, []):
            for peer in rule[side]:
                if peer.keys() == {"podSelector"}:
                    for port in rule["ports"]:
                        whose = policy["spec"]["podSelector"]["matchLabels"]
                        yield whose, peer["podSelector"]["matchLabels"], port["port"]


def test_services_lead_to_pods(overlay: Any, ports_of: Any) -> None:
    for service in overlay.of_kind("Service"):
        (pod,) = overlay.selected(service["spec"]["selector"])
        for port in service["spec"]["ports"]:
            assert ports_of(pod)[port["targetPort"]] == port["port"]


def test_disruption_budgets_let_nodes_drain(overlay: Any) -> None:
    for budget in overlay.of_kind("PodDisruptionBudget"):
        assert len(overlay.selected(budget["spec"]["selector"]["matchLabels"])) == 1
        assert budget["spec"]["maxUnavailable"] == 1


def test_one_server_stays_while_another_moves(render: Any) -> None:
    assert render("gke").named("Deployment", "mlflow")["spec"]["replicas"] == 2


def test_network_denies_all_other_traffic(overlay: Any) -> None:
    policy = overlay.named("NetworkPolicy", "captionflow-deny")["spec"]
    assert overlay.selected(policy["podSelector"]["matchLabels"]) == overlay.pods
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in policy
    (names,) = policy["egress"]
    assert {port["port"] for port in names["ports"]} == {53}


def test_network_policies_select_our_pods_only(overlay: Any) -> None:
    for policy in overlay.of_kind("NetworkPolicy"):
        # An empty selector would also restrict KFP.
        assert overlay.selected(policy["spec"]["podSelector"]["matchLabels"])
        assert policy["spec"]["podSelector"]["matchLabels"]


@pytest.mark.parametrize(("direction", "opposite"), [("ingress", "egress"), ("egress", "ingress")])
def test_network_rules_agree_at_both_ends(overlay: Any, direction: str, opposite: str) -> None:
    rules = list(_rules(overlay, direction))
    assert rules
    for whose, peer, port in rules:
        assert peer in FOREIGN_PODS or (peer, whose, port) in _rules(overlay, opposite)


def test_network_rules_name_ports_that_listen(overlay: Any, ports_of: Any) -> None:
    for whose, _, port in _rules(overlay, "ingress"):
        (pod,) = overlay.selected(whose)
        assert port in ports_of(pod).values()


def test_servers_are_for_those_who_need_them(overlay: Any) -> None:
    admitted: dict[str, list[Labels]] = {}
    for whose, peer, _ in _rules(overlay, "ingress"):
        admitted.setdefault(whose[NAME], []).append(peer)
    expected = {"mlflow": [RUN_POD, {NAME: "captionflow-setup"}, KFP_SERVER_POD]}
    if overlay.name == "local":
        expected["mlflow-postgres"] = [{NAME: "mlflow"}]
    assert admitted == expected


def test_artifact_store_is_kfps_and_mlflow_may_reach_it(render: Any) -> None:
    local = render("local")
    environment = {
        e["name"]: e.get("value") for e in local.container("Deployment", "mlflow")["env"]
    }
    address = urlsplit(environment["MLFLOW_S3_ENDPOINT_URL"])
    assert address.hostname == f"{S3_SERVICE['name']}.kubeflow.svc.cluster.local"
    # A policy applies to the pod's port, not the Service's.
    behind = S3_SERVICE["ports"][address.port]
    rules = list(_rules(local, "egress"))
    assert ({NAME: "mlflow"}, S3_POD, behind) in rules


def test_tracking_address_is_served_and_allowed(overlay: Any) -> None:
    address = overlay.named("ConfigMap", "captionflow")["data"]["MLFLOW_TRACKING_URI"]
    service = overlay.named("Service", "mlflow")
    host = f"mlflow.{service['metadata']['namespace']}.svc.cluster.local"
    (port,) = (port["port"] for port in service["spec"]["ports"])
    assert address == f"http://{host}:{port}"
    arguments = dict(
        argument.split("=") for argument in overlay.container("Deployment", "mlflow")["args"]
        if "=" in argument
    )  # fmt: skip
    assert arguments["--port"] == str(port)
    # `localhost:*` allows a port-forward; `*` alone would allow any web page.
    allowed = arguments["--allowed-hosts"].split(",")
    assert {f"{host}:{port}", "localhost:*"} <= set(allowed)
    assert "*" not in allowed
