"""Servers and trainers of each domain for the compose files, which include them, and what Prometheus scrapes there."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipit.deployment.facts import Domain
from pipit.deployment.text import HEADING, fill

_SERVER = """\
  @name@:
    extends: {file: compose.domain.yaml, service: server}
@depends@    build:
      args:
        DOMAIN: @package@
        TITLE: "@title@"
        DESCRIPTION: "@server@"
        FACES: "@faces@"
    image: ${PIPIT_IMAGES:-pipit}/@name@-inference:${PIPIT_TAG:-dev}
    environment:
@registry@      PIPIT_SERVING_TASKS: @tasks@
      PIPIT_SERVING_DEVICE_ID: @device@-@name@
@gallery@@secrets@    mem_limit: ${@variable@_MEMORY:-@server_mib@m}
    ports: ["${PIPIT_BIND:-127.0.0.1}:${@variable@_PORT:-@port@}:50051"]
    volumes:
      - @name@-cache:/var/lib/pipit/cache
      - type: bind
        source: ${PIPIT_SECRETS:-./secrets}/tls/@name@
        target: /etc/pipit/tls
        read_only: true
        bind: {create_host_path: false}
"""
_IN_THE_STACK = fill(_SERVER, depends="", registry="", device="${PIPIT_DEVICE:-stack}", secrets="@gallery_secret@")
_ALONE = fill(
    _SERVER,
    depends="    depends_on: !reset {}\n",
    registry="      PIPIT_SERVING_REGISTRY: ${PIPIT_REGISTRY:?set it to host:port of the registry}\n",
    device="${PIPIT_DEVICE:?set it to a name that no other device has}",
    # In the place of device_token, which the stack's own servers share.
    secrets="    secrets:\n      - {source: @name@-token, target: pipit_token}\n@gallery_entry@",
)
_GALLERY = """\
      PIPIT_SERVING_GALLERY_KEY: /run/secrets/gallery_key
      PIPIT_SERVING_GALLERY_DIR: /var/lib/pipit/cache/galleries
"""
_TOKENS = """\
  @name@-token: {file: "${PIPIT_SECRETS:-./secrets}/device_tokens/@name@"}
"""
_TRAINER = """\
  @name@-trainer:
    extends: {file: compose.domain.yaml, service: trainer}
    build:
      args:
        DOMAIN: @package@
        TITLE: "@title@"
        DESCRIPTION: "@trainer@"
        LANDMARKS: "@landmarks@"
        BESIDE: "@beside@"
        LICENCES: "@licences@"
    image: ${PIPIT_IMAGES:-pipit}/@name@-trainer:${PIPIT_TAG:-dev}
    mem_limit: ${@variable@_TRAINER_MEMORY:-@trainer_mib@m}
    command: [@task@]
"""
_DEVELOPMENT = """\
  @name@:
    environment:
      PYTHONPATH: /src/shared:/src/services/@package@
      PYTHONDONTWRITEBYTECODE: "1"
      PIPIT_SERVING_LOG_LEVEL: DEBUG
      PIPIT_SERVING_LOG_FORMAT: console
    ports: ["127.0.0.1:${@variable@_METRICS_PORT:-@metrics_port@}:9464"]
    volumes:
      - {type: bind, source: .., target: /src, read_only: true}
"""
_VARIABLES = """\
@variable@_PORT=@port@
@variable@_METRICS_PORT=@metrics_port@
@variable@_MEMORY=@server_mib@m
@variable@_TRAINER_MEMORY=@trainer_mib@m
"""
_CONSOLE = """\
# @heading@
# compose.yaml extends this by all else. Every domain's server, in the network `calls`.
services:
  console:
    environment:
      PIPIT_CONSOLE_SERVERS: >-
@servers@
"""
_TARGETS = """\
# @heading@
- targets:
@targets@
"""


def compose(domains: Sequence[Domain]) -> dict[str, str]:
    """Text by path from the repository's root."""
    heading = f"# {HEADING}\n"
    volumes = "\nvolumes:\n" + "".join(f"  {each.name}-cache: {{}}\n" for each in domains)
    tokens = "\nsecrets:\n" + "".join(map(_filler(_TOKENS), domains))
    explanation = (
        f"{heading}# Variables of the compose files that are a domain's own, with their defaults: where its server is\n"
        "# reached, where the layer dev opens its metrics, and the memory of its server and its trainer.\n"
    )
    targets = "\n".join(f"    - {each.name}:9464" for each in domains)
    return {
        "compose/domains/servers.yaml": _services(_IN_THE_STACK, domains) + volumes,
        "compose/domains/trainers.yaml": _services(_TRAINER, domains),
        "compose/domains/dev.yaml": _services(_DEVELOPMENT, domains),
        "compose/domains/device.yaml": _services(_ALONE, domains) + volumes + tokens,
        "compose/domains/variables.env": explanation + "".join(map(_filler(_VARIABLES), domains)),
        "compose/domains/console.yaml": fill(
            _CONSOLE, heading=HEADING, servers=",\n".join(f"        {each.name}:50051" for each in domains)
        ),
        "compose/prometheus/targets/inference.yml": fill(_TARGETS, heading=HEADING, targets=targets),
    }


def _services(template: str, domains: Sequence[Domain]) -> str:
    return f"# {HEADING}\nservices:\n" + "\n".join(map(_filler(template), domains))


def _filler(template: str) -> Callable[[Domain], str]:
    def filled(domain: Domain) -> str:
        return fill(
            template,
            name=domain.name,
            package=domain.package,
            title=domain.title,
            server=domain.server,
            server_mib=domain.server_mib,
            trainer=domain.trainer,
            trainer_mib=domain.trainer_mib,
            tasks=",".join(domain.tasks),
            task=domain.trained[0],
            variable=domain.variable,
            port=domain.port,
            metrics_port=domain.metrics_port,
            gallery=_GALLERY if domain.gallery else "",
            gallery_secret="    secrets: [gallery_key]\n" if domain.gallery else "",
            gallery_entry="      - gallery_key\n" if domain.gallery else "",
            faces="yes" if domain.blurs_faces else "",
            landmarks="yes" if domain.landmarks else "",
            beside=domain.beside,
            licences=domain.licences,
        )

    return filled
