"""Ways to break a manifest, each with the check that must find it, and what that says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from manifests.documents import Document, named, of_kind

Breakage = Callable[[list[Document]], Any]
SERVER, REGISTRY, TRAINER = (
    ("StatefulSet", "home-security-inference"),
    ("Deployment", "registry"),
    ("CronJob", "home-security-sounds-trainer"),
)


def get(documents: list[Document], kind: str, name: str) -> Document:
    found = named(documents, kind, name)
    assert found is not None
    return found


def pod(documents: list[Document], kind: str, name: str) -> Document:
    spec = get(documents, kind, name)["spec"]
    return (spec["jobTemplate"]["spec"] if kind == "CronJob" else spec)["template"]["spec"]


def container(documents: list[Document], kind: str, name: str) -> Document:
    return pod(documents, kind, name)["containers"][0]


def settings(documents: list[Document], prefix: str) -> Document:
    return next(each["data"] for each in of_kind(documents, "ConfigMap") if each["metadata"]["name"].startswith(prefix))


def policy(documents: list[Document], name: str) -> Document:
    return get(documents, "NetworkPolicy", name)["spec"]


def servers_like(documents: list[Document], count: int) -> list[Document]:
    """More domains' servers."""
    server = get(documents, *SERVER)
    return [{**server, "metadata": {**server["metadata"], "name": f"domain-{number}"}} for number in range(count)]


BREAKAGES: dict[str, tuple[str, Breakage, str]] = {
    # name: check, what is broken, what it says
    "illegal name": (
        "names", lambda d: get(d, "Service", "minio")["metadata"].update(name="Minio"), "not a legal name"),
    "name too long for a job": (
        "names", lambda d: get(d, *TRAINER)["metadata"].update(name="a" * 53), "not a legal name"),
    "other namespace": (
        "names", lambda d: get(d, "Service", "minio")["metadata"].update(namespace="other"), "not in the namespace"),
    "one name twice": ("names", lambda d: d.append(get(d, "Service", "minio")), "Service minio is there 2 times"),
    "no service account": (
        "objects", lambda d: pod(d, *REGISTRY).update(serviceAccountName="root"), "ServiceAccount root"),
    "no priority class": ("objects", lambda d: pod(d, *SERVER).update(priorityClassName="high"), "PriorityClass high"),
    "no claim": (
        "objects", lambda d: pod(d, *TRAINER)["volumes"][0].update(persistentVolumeClaim={"claimName": "x"}),
        "PersistentVolumeClaim x"),
    "no governing service": ("objects", lambda d: get(d, *SERVER)["spec"].update(serviceName="x"), "Service x"),
    "no subdomain": ("objects", lambda d: pod(d, *TRAINER).update(subdomain="x"), "Service x"),
    "no config map": (
        "objects", lambda d: container(d, *SERVER)["envFrom"][0]["configMapRef"].update(name="x"), "ConfigMap x"),
    "no secret": (
        "objects",
        lambda d: container(d, *SERVER).update(
            env=[{"name": "A", "valueFrom": {"secretKeyRef": {"name": "nobody", "key": "k"}}}]),
        "k of Secret nobody"),
    "no key in a secret": (
        "objects",
        lambda d: pod(d, *REGISTRY)["volumes"][0]["projected"]["sources"][0]["secret"]["items"][0].update(key="x"),
        "x of Secret minio-credentials"),
    "no key in a config map": (
        "objects",
        lambda d: pod(d, *SERVER)["volumes"].append(
            {"name": "c", "configMap": {"name": of_kind(d, "ConfigMap")[0]["metadata"]["name"],
                                        "items": [{"key": "x", "path": "x"}]}}),
        "x of ConfigMap"),
    "sub-path that is no key": (
        "objects",
        lambda d: container(d, "StatefulSet", "emotion-inference")["volumeMounts"].append(
            {"name": "tls", "subPath": "nothing", "mountPath": "/a"}),
        "nothing of Secret emotion-inference-certificate"),
    "no storage class": (
        "objects", lambda d: get(d, "PersistentVolumeClaim", "training-runs")["spec"].update(storageClassName="fast"),
        "StorageClass fast"),
    "shared local disk": (
        "objects",
        lambda d: get(d, "PersistentVolumeClaim", "training-runs")["spec"].update(accessModes=["ReadWriteMany"]),
        "can't be shared"),
    "mount without a volume": ("mounts", lambda d: pod(d, *SERVER)["volumes"].pop(), "is no volume of it"),
    "volume without a mount": ("mounts", lambda d: container(d, *SERVER)["volumeMounts"].pop(), "nothing mounts"),
    "one path twice": (
        "mounts",
        lambda d: container(d, *SERVER)["volumeMounts"].append({"name": "tmp", "mountPath": "/tmp"}), "mounts twice"),
    "autoscaler without a target": (
        "scale_targets",
        lambda d: of_kind(d, "HorizontalPodAutoscaler")[0]["spec"]["scaleTargetRef"].update(kind="Deployment"),
        "which is not there"),
    "two set the replicas": ("scale_targets", lambda d: get(d, *SERVER)["spec"].update(replicas=2), "sets replicas"),
    "port over 65535": (
        "ports", lambda d: container(d, *SERVER)["ports"][0].update(containerPort=70000), "has port 70000"),
    "port 0 of a service": ("ports", lambda d: get(d, "Service", "minio")["spec"]["ports"][0].update(port=0), "port 0"),
    "port name twice": ("ports", lambda d: container(d, *SERVER)["ports"][1].update(name="grpc"), "port grpc twice"),
    "target that pods lack": (
        "ports", lambda d: get(d, "Service", "minio")["spec"]["ports"][0].update(targetPort="s4"), "port s4"),
    "headless with another port": (
        "ports", lambda d: get(d, "Service", "registry")["spec"]["ports"][0].update(port=80), "is headless"),
    "selector of another": (
        "selectors",
        lambda d: get(d, *REGISTRY)["spec"]["selector"].update(matchLabels={"app.kubernetes.io/part-of": "pipit"}),
        "Deployment registry selects the pods of"),
    "service of nobody": (
        "selectors", lambda d: get(d, "Service", "minio")["spec"]["selector"].update(x="y"), "selects no pod"),
    "service of everybody": (
        "selectors", lambda d: get(d, "Service", "minio")["spec"].pop("selector"), "selects no pod"),
    "budget of nobody": (
        "selectors", lambda d: get(d, "PodDisruptionBudget", "minio")["spec"].pop("selector"), "is for 0 workloads"),
    "spread among others": (
        "selectors",
        lambda d: pod(d, *SERVER)["topologySpreadConstraints"][0].update(labelSelector={}), "not its own"),
    "gRPC behind one address": (
        "headless", lambda d: get(d, "Service", "registry")["spec"].pop("clusterIP"), "pins a client"),
    "address of nobody": (
        "addresses", lambda d: settings(d, "home-security-inference").update(PIPIT_SERVING_REGISTRY="dns:///registri:50050"),
        "no such Service"),
    "address with a wrong port": (
        "addresses", lambda d: settings(d, "home-security-inference").update(PIPIT_SERVING_REGISTRY="dns:///registry:50051"),
        "no such port"),
    "first replica alone": (
        "addresses", lambda d: settings(d, "home-security-inference").update(PIPIT_SERVING_REGISTRY="registry:50050"),
        "the first replica alone"),
    "name of a pod behind one address": (
        "addresses", lambda d: settings(d, "registry").update(PIPIT_REGISTRY_MINIO_ENDPOINT="minio-0.minio:9000"),
        "only a headless Service"),
    "worker without a name": (
        "addresses", lambda d: container(d, *TRAINER)["env"][1].update(value="$(JOB_NAME)-0.workers:2222"),
        "no such Service"),
    "quantity that is none": (
        "quantities", lambda d: container(d, *SERVER)["resources"]["limits"].update(memory="512MB"), "no quantity"),
    "memory in thousandths": (
        "quantities", lambda d: container(d, *SERVER)["resources"]["limits"].update(memory="512m"), "less than a MiB"),
    "no limit": (
        "quantities", lambda d: container(d, *SERVER)["resources"]["limits"].pop("memory"), "no request or limit"),
    "request over the limit": (
        "quantities", lambda d: container(d, *SERVER)["resources"]["requests"].update(memory="1Gi"), "its limit is"),
    "folder in memory without end": (
        "quantities", lambda d: pod(d, *SERVER)["volumes"].append({"name": "x", "emptyDir": {}}), "no size limit"),
    "requests over a node": (
        "node", lambda d: container(d, *REGISTRY)["resources"]["requests"].update(memory="2Gi"), "requests of"),
    "limits over a node": (
        "node", lambda d: container(d, *REGISTRY)["resources"]["limits"].update(memory="2Gi"), "a 4 GB Pi has"),
    "limits of all domains over a large node": (
        "node", lambda d: d.extend(servers_like(d, 10)), "an 8 GB Pi has"),
    "trainer over a node": (
        "node", lambda d: container(d, *TRAINER)["resources"]["limits"].update(memory="3Gi"), "may use more memory"),
    "scaled up over a large node": (
        "node", lambda d: get(d, "HorizontalPodAutoscaler", SERVER[1])["spec"].update(maxReplicas=40), "scaled up"),
    "replicas over a node": (
        "node", lambda d: get(d, *REGISTRY)["spec"].update(replicas=40), "requests of"),
    "cache over its volume": (
        "cache", lambda d: settings(d, "home-security-inference").update(PIPIT_SERVING_CACHE_MIB="2048"),
        "grow larger than its volume"),
    "cache beside its volume": (
        "cache", lambda d: settings(d, "home-security-inference").update(PIPIT_SERVING_CACHE_DIR="/tmp"),
        "no volume of its own"),
    "image that nobody makes": (
        "images", lambda d: container(d, *SERVER).update(image="pipit/home-inference:dev"), "nobody makes"),
    "other version than compose's": (
        "images", lambda d: container(d, "StatefulSet", "minio").update(image="minio/minio:RELEASE.2020"),
        "nobody makes"),
    "image without a version": ("images", lambda d: container(d, *SERVER).update(image="pipit/registry"), "no version"),
    "latest image": ("images", lambda d: container(d, *SERVER).update(image="pipit/registry:latest"), "no version"),
    "misspelt setting": (
        "settings", lambda d: settings(d, "home-security-inference").update(PIPIT_SERVING_CACHE_MB="1"),
        "PIPIT_SERVING_CACHE_MB is no setting"),
    "setting of another process": (
        "settings", lambda d: settings(d, "registry").update(PIPIT_SERVING_PORT="1"), "is no setting"),
    "value that is refused": (
        "settings", lambda d: settings(d, "home-security-inference").update(PIPIT_SERVING_TASKS="sounds"),
        "PIPIT_SERVING_TASKS"),
    "registry that everybody may change": (
        "settings", lambda d: settings(d, "registry").pop("PIPIT_REGISTRY_TOKENS"),
        "set PIPIT_REGISTRY_TOKENS, or PIPIT_REGISTRY_ALLOW_ANONYMOUS=true"),
    "registry whose calls everybody may read": (
        "settings", lambda d: [
            settings(d, "registry").pop(f"PIPIT_REGISTRY_TLS_{name}") for name in ("CERTIFICATE", "KEY", "CLIENT_CA")
        ],
        "set PIPIT_REGISTRY_TLS_CERTIFICATE and PIPIT_REGISTRY_TLS_KEY, or PIPIT_REGISTRY_INSECURE=true"),
    "secret that no setting reads": (
        "secret_files",
        lambda d: pod(d, *REGISTRY)["volumes"][0]["projected"]["sources"][0]["secret"]["items"][0].update(path="x"),
        "no setting reads /run/secrets/x"),
    "file that is not there": (
        "secret_files", lambda d: settings(d, "registry").update(PIPIT_REGISTRY_TOKENS="/run/secrets/t.yaml"),
        "/run/secrets/t.yaml is not there"),
    "no probe": ("probes", lambda d: container(d, *SERVER).pop("livenessProbe"), "has no livenessProbe"),
    "probe in plain text": (
        "probes", lambda d: container(d, *SERVER).update(readinessProbe={"grpc": {"port": 50051}}), "plain text"),
    "probe that knows no authority": (
        "probes", lambda d: settings(d, "registry").pop("PIPIT_CA"), "do not agree on TLS"),
    "probe of a health service that is not there": (
        "probes", lambda d: container(d, *SERVER)["livenessProbe"]["exec"]["command"].__setitem__(5, "alive"),
        "of 'alive'"),
    "restart for want of a model": (
        "probes",
        lambda d: container(d, *SERVER).update(livenessProbe=container(d, *SERVER)["readinessProbe"]), "of ''"),
    "probe of a port that is not there": (
        "probes",
        lambda d: container(d, "StatefulSet", "minio").update(livenessProbe={"httpGet": {"path": "/", "port": "s4"}}),
        "port s4"),
    "probe by some other program": (
        "probes", lambda d: container(d, *SERVER).update(livenessProbe={"exec": {"command": ["true"]}}),
        "no probe of ours"),
    "killed too early": (
        "stop", lambda d: pod(d, *SERVER).update(terminationGracePeriodSeconds=15), "is killed before"),
    "everything allowed": (
        "ways", lambda d: policy(d, "dns").update(egress=[{}]), "has a rule for any address"),
    "way that need not be": (
        "ways",
        lambda d: policy(d, "object-store")["ingress"].append({"from": [{"podSelector": {}}]})
        or policy(d, "trainer")["egress"].append({"to": [{"podSelector": {}}]}),
        "trainer reaches object-store at 9000"),
    "strangers let in": (
        "ways", lambda d: policy(d, "inference")["ingress"][0]["from"][0].pop("podSelector"), "stranger reaches"),
    "wrong port opened": (
        "ways", lambda d: policy(d, "registry")["ingress"][0]["ports"][0].update(port=50051),
        "inference does not reach registry at 50050"),
    "no default": (
        "ways", lambda d: d.remove(get(d, "NetworkPolicy", "default-deny")), "stranger reaches newcomer at 80/TCP"),
    "no names": ("ways", lambda d: d.remove(get(d, "NetworkPolicy", "dns")), "registry does not reach dns at 53/UDP"),
    "names over one protocol": (
        "ways", lambda d: policy(d, "dns")["egress"][0]["ports"].pop(0), "does not reach dns at 53/UDP"),
    "namespace without pod security": (
        "pod_security", lambda d: get(d, "Namespace", "pipit")["metadata"].pop("labels"), "does not enforce"),
    "folder of the node": (
        "pod_security", lambda d: pod(d, *SERVER)["volumes"].append({"name": "h", "hostPath": {"path": "/"}}),
        "volume h is a hostPath"),
    "network of the node": ("pod_security", lambda d: pod(d, *SERVER).update(hostNetwork=True), "hostNetwork is set"),
    "port of the node": (
        "pod_security", lambda d: container(d, *SERVER)["ports"][0].update(hostPort=50051), "takes a port of the node"),
    "root": ("pod_security", lambda d: pod(d, *REGISTRY)["securityContext"].update(runAsUser=0), "may run as root"),
    "no seccomp profile": (
        "pod_security", lambda d: pod(d, *REGISTRY)["securityContext"].pop("seccompProfile"), "no seccomp profile"),
    "a capability": (
        "pod_security",
        lambda d: container(d, *TRAINER)["securityContext"]["capabilities"].update(add=["SYS_ADMIN"]),
        "keeps capabilities"),
    "privileges to gain": (
        "pod_security", lambda d: container(d, *TRAINER)["securityContext"].pop("allowPrivilegeEscalation"),
        "may gain privileges"),
    "privileged": (
        "pod_security", lambda d: container(d, *TRAINER)["securityContext"].update(privileged=True), "is privileged"),
    "root file system to write to": (
        "pod_security", lambda d: container(d, *TRAINER)["securityContext"].pop("readOnlyRootFilesystem"),
        "may write to its root"),
}  # fmt: skip
