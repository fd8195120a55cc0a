# Every image of Pipit. One platform into the local engine, or several to a registry:
#
#   make images                                          # for this machine
#   make images PLATFORM=linux/arm64                     # for a Pi; under emulation, or on an Arm machine
#   make images OUTPUT=--push IMAGES=registry.example/pipit TAG=0.1.0 PLATFORM=linux/amd64,linux/arm64
#
# Without make: docker buildx bake -f docker-bake.hcl -f compose/domains/images.hcl

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
# For trainers with TensorFlow, on a GPU: tensorflow[and-cuda]==2.21.0. Empty: the version of the lock file, for processors.
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

group "default" { targets = ["registry", "console", "inference", "trainer"] }

target "registry" {
  inherits   = ["common"]
  dockerfile = "services/registry/Dockerfile"
  target     = "registry"
  tags       = ["${IMAGES}/registry:${TAG}"]
}

target "console" {
  inherits   = ["common"]
  dockerfile = "services/console/Dockerfile"
  target     = "console"
  tags       = ["${IMAGES}/console:${TAG}"]
}

# What every image of a domain is built from. DOMAINS stands in compose/domains/images.hcl.
target "domain" {
  inherits   = ["common"]
  dockerfile = "services/Dockerfile"
}

target "inference" {
  matrix   = { domain = DOMAINS }
  name     = "${domain.name}-inference"
  inherits = ["domain"]
  target   = "inference"
  args = {
    DOMAIN      = domain.package
    TITLE       = domain.title
    DESCRIPTION = domain.server
    FACES       = domain.faces
  }
  tags     = ["${IMAGES}/${domain.name}-inference:${TAG}"]
}

target "trainer" {
  matrix   = { domain = DOMAINS }
  name     = "${domain.name}-trainer"
  inherits = ["domain"]
  target   = "trainer"
  args = {
    DOMAIN      = domain.package
    TITLE       = domain.title
    DESCRIPTION = domain.trainer
    LICENCES    = domain.licences
    LANDMARKS   = domain.landmarks
    BESIDE      = domain.beside
    TENSORFLOW  = TENSORFLOW
    TORCH_INDEX = TORCH_INDEX
  }
  tags = ["${IMAGES}/${domain.name}-trainer:${TAG}"]
}
