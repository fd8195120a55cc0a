"""What docker-bake.hcl builds: a server and a trainer of each domain."""

from __future__ import annotations

from collections.abc import Sequence

from pipit.deployment.facts import Domain
from pipit.deployment.text import HEADING, fill

_FILE = """\
# @heading@
variable "DOMAINS" {
  default = [
@domains@
  ]
}
"""
_DOMAIN = """\
    {
      package   = "@package@"
      name      = "@name@"
      title     = "@title@"
      server    = "@server@"
      trainer   = "@trainer@"
      faces     = "@faces@"
      landmarks = "@landmarks@"
      beside    = "@beside@"
      licences  = "@licences@"
    },"""


def images(domains: Sequence[Domain]) -> dict[str, str]:
    """Text by path from the repository's root."""
    entries = [
        fill(
            _DOMAIN,
            package=each.package,
            name=each.name,
            title=each.title,
            server=each.server,
            trainer=each.trainer,
            faces="yes" if each.blurs_faces else "",
            landmarks="yes" if each.landmarks else "",
            beside=each.beside,
            licences=each.licences,
        )
        for each in domains
    ]
    return {"compose/domains/images.hcl": fill(_FILE, heading=HEADING, domains="\n".join(entries))}
