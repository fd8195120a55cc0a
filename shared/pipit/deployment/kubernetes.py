"""Manifests of each domain that k8s/base and k8s/components take in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pipit.deployment.facts import Domain
from pipit.deployment.text import HEADING, fill

_FOLDER = "k8s/domains"
SECRETS = "k8s/secrets/kustomization.yaml"
"""Beside it lie secrets, which nobody writes or removes by way of this."""
_RESOURCES = """\
# @heading@
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
@resources@
"""
_DOMAIN = """\
# @heading@
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namePrefix: @name@-
resources:
  - ../../../base/inference
@trainers@
configMapGenerator:
  - name: inference
    behavior: merge
    literals:
      - PIPIT_SERVING_TASKS=@tasks@
@gallery_key@patches:
  - target: {kind: StatefulSet, name: inference}
    patch: |
      - op: replace
        path: /spec/template/spec/containers/0/resources/limits/memory
        value: @server_mib@Mi
      - op: replace
        path: /spec/template/spec/volumes/1/secret/secretName
        value: @name@-inference-tls
@gallery_secret@labels:
  - pairs:
      app.kubernetes.io/instance: @name@
    includeSelectors: true
    includeTemplates: true
images:
  - name: inference
    newName: pipit/@name@-inference
    newTag: dev
  - name: trainer
    newName: pipit/@name@-trainer
    newTag: dev
"""
_GALLERY_KEY = """\
      - PIPIT_SERVING_GALLERY_KEY=/run/secrets/gallery_key
      - PIPIT_SERVING_GALLERY_DIR=/var/lib/pipit/cache/galleries
"""
_GALLERY_SECRET = """\
      - op: add
        path: /spec/template/spec/volumes/0/projected/sources/-
        value:
          secret: {name: gallery-key}
"""
_TRAINER = """\
# @heading@
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namePrefix: @task_name@-
resources:
  - ../../../../base/trainer
patches:
  - target: {kind: CronJob, name: trainer}
    patch: |
      - op: replace
        path: /spec/jobTemplate/spec/template/spec/containers/0/args/0
        value: @task@
labels:
  - pairs:
      app.kubernetes.io/name: @name@-@task_name@-trainer
    includeTemplates: true
"""
_AUTOSCALER = """\
# @heading@
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: @name@-inference
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: StatefulSet
    name: @name@-inference
  minReplicas: 1
  maxReplicas: 3
  metrics:
    - type: Resource
      resource:
        name: cpu
        target:
          type: AverageValue
          # Two of the three cores that a replica may use.
          averageValue: "2"
  behavior:
    scaleUp:
      # Loading a model takes the processor too; that is no load to scale for.
      stabilizationWindowSeconds: 60
      policies:
        - {type: Pods, value: 1, periodSeconds: 60}
    scaleDown:
      stabilizationWindowSeconds: 600
      policies:
        - {type: Pods, value: 1, periodSeconds: 300}
"""
_CERTIFICATE = """\
# @heading@
# 127.0.0.1 is for the probes, which run in the container.
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: @name@-inference
spec:
  secretName: @name@-inference-certificate
  duration: 8760h
  renewBefore: 720h
  privateKey: {algorithm: ECDSA, size: 256}
  usages: [digital signature, server auth, client auth]
  issuerRef: {name: tls-authority, kind: Issuer}
  dnsNames:
    - @name@-inference
    - @name@-inference.pipit
    - @name@-inference.pipit.svc
    - @name@-inference.pipit.svc.cluster.local
    - "*.inference-pods"
    - "*.inference-pods.pipit.svc.cluster.local"
    - localhost
  ipAddresses: [127.0.0.1]
"""
_CERTIFICATES = """\
# @heading@
# Each server mounts the secret that cert-manager makes, in place of the one that `make k3s` does.
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
resources:
@resources@
patches:
"""
_ISSUED = """\
  - target: {kind: StatefulSet, name: @name@-inference}
    patch: |
      - op: replace
        path: /spec/template/spec/volumes/1/secret/secretName
        value: @name@-inference-certificate
"""
_CONSOLE = """\
# @heading@
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - ../../base/console
configMapGenerator:
  - name: console
    behavior: merge
    literals:
      - PIPIT_CONSOLE_SERVERS=@servers@
"""
_SECRETS = """\
# @heading@
# The secrets that the manifests name, from files that are not committed:
#
#   compose/secrets.sh "$PWD/k8s/secrets/files"     makes what is missing (see its head for what is what)
#   kubectl apply -k k8s/secrets
#
# Not among the manifests of an overlay, so that an overlay can be rendered, reviewed and committed anywhere.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: pipit
generatorOptions:
  disableNameSuffixHash: true
  labels:
    app.kubernetes.io/part-of: pipit
secretGenerator:
  - name: minio-credentials
    files: [files/minio_user, files/minio_password]
  # Who may call the registry and the servers.
  - name: tokens
    files: [files/tokens.yaml]
  # A server and a trainer read their token from a file named after the setting.
  - name: device-token
    files: [pipit_token=files/device_token]
  - name: trainer-token
    files: [pipit_token=files/trainer_token, files/signing_key]
  # For what the console reads by itself; people sign in with tokens of their own.
  - name: console-token
    files: [pipit_token=files/console_token]
  # For your own pods that ask servers; none of Pipit's has it.
  - name: caller-token
    files: [pipit_token=files/caller_token]
  # For servers that name faces. Like the token it is mounted into /run/secrets.
  - name: gallery-key
    files: [files/gallery_key]
  - name: grafana-password
    files: [files/grafana_password]
  # What each server shows, and what it knows others by. The authority's key stays outside.
"""
_PAIR = """\
  - name: @secret@
    files: [files/tls/@name@/tls.crt, files/tls/@name@/tls.key, files/tls/@name@/ca.crt]
"""


def kubernetes(domains: Sequence[Domain]) -> dict[str, str]:
    """Text by path from the repository's root."""
    names = [each.name for each in domains]
    found = {
        f"{_FOLDER}/servers/kustomization.yaml": _resources(names),
        f"{_FOLDER}/console/kustomization.yaml": fill(
            _CONSOLE, heading=HEADING, servers=",".join(f"dns:///{name}-inference:50051" for name in names)
        ),
        f"{_FOLDER}/autoscalers/kustomization.yaml": _resources(f"{name}.yaml" for name in names),
        f"{_FOLDER}/certificates/kustomization.yaml": fill(
            _CERTIFICATES, heading=HEADING, resources="\n".join(f"  - {name}.yaml" for name in names)
        )
        + "".join(fill(_ISSUED, name=name) for name in names),
        SECRETS: fill(_SECRETS, heading=HEADING)
        + "".join(fill(_PAIR, name=name, secret=f"{name}-tls") for name in ("registry", "console", "caller"))
        + "".join(fill(_PAIR, name=name, secret=f"{name}-inference-tls") for name in names),
    }
    for domain in domains:
        found[f"{_FOLDER}/autoscalers/{domain.name}.yaml"] = fill(_AUTOSCALER, heading=HEADING, name=domain.name)
        found[f"{_FOLDER}/certificates/{domain.name}.yaml"] = fill(_CERTIFICATE, heading=HEADING, name=domain.name)
        folder = f"{_FOLDER}/servers/{domain.name}"
        found[f"{folder}/kustomization.yaml"] = fill(
            _DOMAIN,
            heading=HEADING,
            name=domain.name,
            trainers="\n".join(f"  - {_task_name(task)}" for task in sorted(domain.trained)),
            tasks=",".join(domain.tasks),
            server_mib=domain.server_mib,
            gallery_key=_GALLERY_KEY if domain.gallery else "",
            gallery_secret=_GALLERY_SECRET if domain.gallery else "",
        )
        for task in domain.trained:
            found[f"{folder}/{_task_name(task)}/kustomization.yaml"] = fill(
                _TRAINER, heading=HEADING, name=domain.name, task=task, task_name=_task_name(task)
            )
    return found


def _resources(resources: Iterable[str]) -> str:
    lines = "\n".join(f"  - {each}" for each in resources)
    return fill(_RESOURCES, heading=HEADING, resources=lines)


def _task_name(task: str) -> str:
    return task.partition(".")[2].replace("_", "-")
