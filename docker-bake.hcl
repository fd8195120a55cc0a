# Every image of Pipit. One platform into the local engine, or several to a registry:
#
#   make images                                          # for this machine
#   make images PLATFORM=linux/arm64                     # for a Pi; under emulation, or on an Arm machine
#   IMAGES=registry.example/pipit TAG=0.1.0 PLATFORMS=linux/amd64,linux/arm64 docker buildx bake --push

variable "IMAGES" { default = "pipit" }
variable "TAG" { default = "dev" }
variable "VERSION" { default = "0.1.0" }
variable "REVISION" { default = "unknown" }
# Address of the code, for a label; empty: no label.
variable "SOURCE" { default = "" }
variable "BASE" { default = "python:3.11-slim-bookworm" }
# Separated by commas; empty: the builder's own.
variable "PLATFORMS" { default = "" }
# File with pip's settings (a mirror, a certificate), for the time of the build only.
variable "PIP_CONFIG" { default = "/dev/null" }
# For trainers on a GPU: tensorflow[and-cuda]==2.21.0. Empty: the version of the lock file, for processors.
variable "TENSORFLOW" { default = "" }
# For trainers with PyTorch: another index of packages, as https://download.pytorch.org/whl/cpu; PyPI has the build for GPUs.
variable "TORCH_INDEX" { default = "" }

target "common" {
  context   = "."
  platforms = PLATFORMS == "" ? [] : split(",", PLATFORMS)
  args      = { BASE = BASE, VERSION = VERSION, REVISION = REVISION }
  labels    = SOURCE == "" ? {} : { "org.opencontainers.image.source" = SOURCE }
  secret    = PIP_CONFIG == "/dev/null" ? [] : ["id=pip,src=${PIP_CONFIG}"]
}

group "default" { targets = ["registry", "inference", "trainer"] }
group "inference" { targets = ["home-security-inference", "emotion-inference", "footprints-inference"] }
group "trainer" { targets = ["home-security-trainer", "emotion-trainer", "footprints-trainer"] }

target "registry" {
  inherits   = ["common"]
  dockerfile = "services/registry/Dockerfile"
  target     = "registry"
  tags       = ["${IMAGES}/registry:${TAG}"]
}

target "home-security-inference" {
  inherits   = ["common"]
  dockerfile = "services/home_security/Dockerfile"
  target     = "inference"
  tags       = ["${IMAGES}/home-security-inference:${TAG}"]
}

target "home-security-trainer" {
  inherits   = ["common"]
  dockerfile = "services/home_security/Dockerfile"
  target     = "trainer"
  args       = { TENSORFLOW = TENSORFLOW }
  tags       = ["${IMAGES}/home-security-trainer:${TAG}"]
}

target "emotion-inference" {
  inherits   = ["common"]
  dockerfile = "services/emotion/Dockerfile"
  target     = "inference"
  tags       = ["${IMAGES}/emotion-inference:${TAG}"]
}

target "emotion-trainer" {
  inherits   = ["common"]
  dockerfile = "services/emotion/Dockerfile"
  target     = "trainer"
  args       = { TORCH_INDEX = TORCH_INDEX }
  tags       = ["${IMAGES}/emotion-trainer:${TAG}"]
}

target "footprints-inference" {
  inherits   = ["common"]
  dockerfile = "services/footprints/Dockerfile"
  target     = "inference"
  tags       = ["${IMAGES}/footprints-inference:${TAG}"]
}

target "footprints-trainer" {
  inherits   = ["common"]
  dockerfile = "services/footprints/Dockerfile"
  target     = "trainer"
  args       = { TENSORFLOW = TENSORFLOW, TORCH_INDEX = TORCH_INDEX }
  tags       = ["${IMAGES}/footprints-trainer:${TAG}"]
}
