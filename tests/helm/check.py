"""Checks rendered manifests: Kubernetes' schemas, the shapes of custom resources, and the rules of the house.

usage: check.py MANIFESTS.yaml VERSION...
Prints one line for each finding; exit code 0 when there is none.
"""

import json
import re
import sys
from pathlib import Path

import jsonschema
import kubernetes_validate
import yaml

CUSTOM = json.loads((Path(__file__).parent / "custom-resources.json").read_text())
WORKLOADS = {"Deployment", "Job"}
# Variables whose values are secrets: only ever by reference.
SECRET = re.compile(r"(LEDGER_URL|QUEUE_URL|KEY|TOKEN|PASSWORD|SECRET)")


def schema_findings(document, version):
    kind = document["kind"]
    if kind in CUSTOM:
        checker = jsonschema.Draft7Validator(CUSTOM[kind])
        yield from (f"{list(error.path)}: {error.message}" for error in checker.iter_errors(document))
        return
    try:
        kubernetes_validate.validate(document, version, strict=True)
    except Exception as error:  # the library raises several types; whatever it says is a finding
        yield f"Kubernetes {version}: {error}"


def pod_findings(document):
    pod = document["spec"]["template"]["spec"]
    if not pod.get("securityContext", {}).get("runAsNonRoot"):
        yield "the pod may run as root"
    if pod.get("securityContext", {}).get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "the pod has no seccomp profile"
    # Only workers of pools that grow and shrink talk to Kubernetes, by an account of their own.
    scaled = pod.get("serviceAccountName", "").endswith("-scaled-worker")
    if pod.get("automountServiceAccountToken") is not scaled:
        yield "the pod gets a token for the Kubernetes API, which nothing in it needs, or lacks the one that it needs"
    for volume in pod.get("volumes", []):
        if "emptyDir" in volume and not (volume["emptyDir"] or {}).get("sizeLimit"):
            yield f"volume {volume['name']} may fill the node"
    component = document["metadata"]["labels"]["app.kubernetes.io/component"]
    for container in pod.get("initContainers", []) + pod["containers"]:
        yield from (f"container {container['name']} {finding}" for finding in container_findings(container, component))
    if document["kind"] == "Deployment":
        if not 10 < pod["terminationGracePeriodSeconds"] <= 120:
            yield "a worker needs 10 seconds to give its task back and must not sit on a GPU for hours"
        for container in pod["containers"]:
            yield from (f"container {container['name']} has no {probe}" for probe in
                        ("startupProbe", "livenessProbe", "readinessProbe") if probe not in container)
            if component != "coordinator":
                startup = container["startupProbe"]
                if startup["periodSeconds"] * startup["failureThreshold"] < 900:
                    yield f"container {container['name']} has less than 15 minutes to load its model"


def container_findings(container, component):
    image = container["image"]
    if image.endswith(":latest") or (":" not in image.rsplit("/", 1)[-1] and "@" not in image):
        yield f"runs {image}, which can be another program tomorrow"
    security = container.get("securityContext", {})
    if security.get("allowPrivilegeEscalation") is not False or security.get("readOnlyRootFilesystem") is not True:
        yield "is not restricted"
    if security.get("capabilities", {}).get("drop") != ["ALL"]:
        yield "keeps capabilities"
    for side in ("requests", "limits"):
        for resource in ("cpu", "memory"):
            if resource not in container.get("resources", {}).get(side, {}):
                yield f"has no {side} for {resource}"
    gpus = [name for name in container["resources"]["limits"] if "/" in name]
    if gpus and component != "worker":
        yield f"takes {gpus}, but only workers need a GPU"
    for variable in container.get("env", []):
        if SECRET.search(variable["name"]) and "value" in variable:
            yield f"has {variable['name']} in plain sight"


def house_findings(documents):
    names = [(d["kind"], d["metadata"]["name"]) for d in documents]
    yield from (f"{kind} {name} occurs twice" for kind, name in set(names) if names.count((kind, name)) > 1)
    if any(d["kind"] == "Secret" for d in documents):
        yield "a Secret is rendered: secrets are for their owner to make"
    pods = [d for d in documents if d["kind"] in WORKLOADS]
    for selector in documents:
        if selector["kind"] in {"NetworkPolicy", "PodDisruptionBudget", "Service", "PodMonitor"}:
            spec = selector["spec"]
            wanted = spec.get("podSelector", spec.get("selector", {}))
            wanted = wanted.get("matchLabels", wanted)
            if not any(wanted.items() <= pod["spec"]["template"]["metadata"]["labels"].items() for pod in pods):
                yield f"{selector['kind']} {selector['metadata']['name']} selects no pod"
    for scaled in documents:
        if scaled["kind"] == "ScaledObject":
            target = scaled["spec"]["scaleTargetRef"]["name"]
            deployment = [d for d in pods if d["metadata"]["name"] == target]
            if not deployment:
                yield f"ScaledObject {scaled['metadata']['name']} scales {target}, which is not there"
            elif "replicas" in deployment[0]["spec"]:
                yield f"Deployment {target} is scaled by KEDA and sets replicas too: each upgrade would fight it"


def main() -> int:
    documents = [d for d in yaml.safe_load_all(Path(sys.argv[1]).read_text()) if d]
    found = list(house_findings(documents))
    for document in documents:
        name = f"{document['kind']} {document['metadata']['name']}"
        for version in sys.argv[2:]:
            found += [f"{name}: {finding}" for finding in schema_findings(document, version)]
        if document["kind"] in WORKLOADS:
            found += [f"{name}: {finding}" for finding in pod_findings(document)]
    print("\n".join(dict.fromkeys(found)))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
