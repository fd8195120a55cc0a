"""Which domains are installed here, and how one gets those that are not.

A domain is a folder of `services/` with a package of the same name. What it can do stands in the entry points of its
`pyproject.toml`, in groups that begin with `pipit.`; nothing here knows a domain by its name.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, distributions, entry_points

_TASKS = ("pipit.pipelines", "pipit.trainers")
_PREFIX = "pipit."


def installed_tasks() -> tuple[str, ...]:
    """Every task that can be served or trained here, sorted."""
    return tuple(sorted({name for group in _TASKS for name in entry_points(group=group).names}))


def installed_domains() -> tuple[str, ...]:
    """The domains of those tasks, sorted."""
    return tuple(sorted({domain_of(task) for task in installed_tasks()}))


def domain_of(task: str) -> str:
    """The domain in "domain.task"."""
    return task.partition(".")[0]


def tasks_beside(point: EntryPoint) -> tuple[str, ...]:
    """Tasks whose trainers come with the distribution that `point` comes with, sorted."""
    own = [
        trainer for trainer in entry_points(group="pipit.trainers") if _distribution(trainer) == _distribution(point)
    ]
    return tuple(sorted(trainer.name for trainer in own))


def own_packages() -> frozenset[str]:
    """Import names of Pipit's own packages: this one, and whatever registers something for it."""
    everything = (point for distribution in distributions() for point in distribution.entry_points)
    points = (point for point in everything if point.group.startswith(_PREFIX))
    return frozenset({"pipit", *(point.module.partition(".")[0] for point in points)})


def how_to_install(domain: str, extra: str) -> str:
    """What to run so that a domain's serve or train extra is there.

    domain: "" for the one that is installed here, where there is one; else it stays open.
    """
    installed = installed_domains()
    name = domain or (installed[0] if len(installed) == 1 else "DOMAIN")
    which = "" if name != "DOMAIN" else f", DOMAIN being {' or '.join(installed) or 'a folder of services/'}"
    return f"in the repository, run: pip install --editable 'services/{name}[{extra}]'{which}"


def _distribution(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else ""
