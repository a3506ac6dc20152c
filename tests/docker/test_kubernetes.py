"""The pod templates, checked by the schema that Kubernetes' own client carries."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from kubernetes.client import ApiClient, V1Deployment, V1Pod, V1Service

from meli_tasks.serving.app import OPEN
from meli_tasks.settings import Settings

TEMPLATES = Path(__file__).parents[2] / "kubernetes"


def template(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((TEMPLATES / name).read_text(encoding="utf-8"))
    return found


def as_kubernetes_reads(pod: dict[str, Any], kind: type = V1Pod) -> dict[str, Any]:
    """The pod, or another object, after a pass through the client's classes.

    They drop what they do not know and demand what they need.
    """
    client = ApiClient()
    read = client.deserialize(SimpleNamespace(data=json.dumps(pod)), kind.__name__)
    assert isinstance(read, kind)
    written: dict[str, Any] = client.sanitize_for_serialization(read)
    return written


@pytest.mark.parametrize("name", ["pod-template.yaml", "gpu-pod.yaml"])
def test_templates_fit_the_schema(name: str) -> None:
    pod = template(name)
    assert as_kubernetes_reads(pod) == pod
    assert pod["spec"]["containers"][0]["name"] == "base"  # the one that Airflow gives the task's command
    assert pod["spec"]["restartPolicy"] == "Never"
    for container in [*pod["spec"]["containers"], *pod["spec"]["initContainers"]]:
        assert container["securityContext"]["readOnlyRootFilesystem"]


def test_the_schema_refuses_a_wrong_word() -> None:
    pod = template("gpu-pod.yaml")
    pod["spec"]["containers"][0]["resource"] = pod["spec"]["containers"][0].pop("resources")
    assert as_kubernetes_reads(pod) != pod
    del pod["spec"]["containers"]
    with pytest.raises(ValueError, match="containers"):
        as_kubernetes_reads(pod)


def test_only_the_card_sets_a_training_apart() -> None:
    plain, training = template("pod-template.yaml"), template("gpu-pod.yaml")
    base, gpu = plain["spec"]["containers"][0], training["spec"]["containers"][0]
    assert gpu["resources"]["limits"].pop("nvidia.com/gpu") == "1"
    assert training["spec"].pop("tolerations")[0]["key"] == "nvidia.com/gpu"
    assert gpu["image"] == "meli-tasks:gpu"
    for one in (base, gpu):
        one.pop("resources")
        one.pop("image")
        one["env"] = [entry for entry in one["env"] if entry["name"] != "MELI_DEVICE"]
    plain["metadata"].pop("name")
    training["metadata"].pop("name")
    assert training["metadata"]["labels"].pop("meli") == "training"  # by which other machines find it
    assert training == plain


def test_the_machines_that_train_together_fit_the_schema_and_find_the_training_pod() -> None:
    text = (TEMPLATES / "training-nodes.yaml").read_text(encoding="utf-8")
    service, deployment = yaml.safe_load_all(text)
    assert as_kubernetes_reads(deployment, V1Deployment) == deployment
    assert as_kubernetes_reads(service, V1Service) == service
    assert service["spec"]["selector"].items() <= template("gpu-pod.yaml")["metadata"]["labels"].items()
    pod = deployment["spec"]["template"]
    assert deployment["spec"]["selector"]["matchLabels"] == pod["metadata"]["labels"]
    assert service["spec"]["selector"].items().isdisjoint(pod["metadata"]["labels"].items())
    assert pod["spec"]["containers"][0]["command"] == ["meli", "node"]


def test_the_service_fits_the_schema_and_its_probes_need_no_key() -> None:
    text = (TEMPLATES / "serving.yaml").read_text(encoding="utf-8")
    deployment, service = yaml.safe_load_all(text)
    assert as_kubernetes_reads(deployment, V1Deployment) == deployment
    assert as_kubernetes_reads(service, V1Service) == service
    pod = deployment["spec"]["template"]
    for selector in (deployment["spec"]["selector"]["matchLabels"], service["spec"]["selector"]):
        assert selector == pod["metadata"]["labels"]
    (container,) = pod["spec"]["containers"]
    probes = {name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")}
    # Not ready without a model, but alive: a restart would not bring one.
    assert probes == {"startup": "/health/live", "liveness": "/health/live", "readiness": "/health/ready"}
    assert set(probes.values()) <= OPEN
    (port,) = container["ports"]
    environment = {one["name"]: one for one in container["env"]}
    assert environment["MELI_SERVING_PORT"]["value"] == str(port["containerPort"])
    assert service["spec"]["ports"][0]["targetPort"] == port["name"]
    known = {str(field.alias) for field in Settings.model_fields.values()}
    assert {name for name in environment if name.startswith("MELI_")} <= known
    secret = {str(field.alias) for field in Settings.model_fields.values() if not field.repr}
    assert all("valueFrom" in environment[name] for name in secret & environment.keys())
