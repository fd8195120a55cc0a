"""What a bundle of blocks consists of: its members, how they vote, and the rows that the vote is taken of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pipit.errors import InvalidInput

Voting = Literal["weighted", "fitted", "majority"]
VOTINGS: tuple[Voting, ...] = ("weighted", "fitted", "majority")


@dataclass(frozen=True, slots=True)
class Member:
    """One bundle whose answers are put together with others'.

    name: its column in tables of scores. digest: SHA-256 of its manifest. hears: whether it goes by sound. threshold:
    from which score on it calls something an advertisement itself.
    """

    name: str
    task: str
    version: str
    digest: str
    hears: bool
    threshold: float

    def __str__(self) -> str:
        return f"{self.name} ({self.task} {self.version}, {self.digest[:12]})"


@dataclass(frozen=True, slots=True)
class Ensemble:
    """weights: one a member, not negative. bias: of a fitted vote, nats."""

    members: tuple[Member, ...]
    voting: Voting
    weights: tuple[float, ...]
    bias: float = 0.0

    def __post_init__(self) -> None:
        """Raises InvalidInput."""
        if not self.members:
            raise InvalidInput("an ensemble needs a member; name bundles in ensemble.models")
        names = [member.name for member in self.members]
        if len(set(names)) != len(names):
            raise InvalidInput(f"two members of an ensemble are called the same: {', '.join(names)}")
        if self.voting not in VOTINGS:
            raise InvalidInput(f"there is no voting {self.voting!r}; there are {', '.join(VOTINGS)}")
        check_weights(self.weights, len(self.members))

    @property
    def names(self) -> tuple[str, ...]:
        """Of the members, in the order of columns."""
        return tuple(member.name for member in self.members)

    def rows(self, scores: NDArray[np.floating]) -> NDArray[np.float32]:
        """scores: (moments, members), NaN for none. Gives (moments, 2, members): the score, and whether there is one.

        Raises InvalidInput for other shapes, and for what is no share.
        """
        values = np.asarray(scores, np.float32)
        if values.ndim != 2 or values.shape[1] != len(self.members):
            raise InvalidInput(
                f"scores must be of shape (moments, {len(self.members)}): {', '.join(self.names)}; NaN for none"
            )
        known = ~np.isnan(values)
        if (values[known] < 0.0).any() or (values[known] > 1.0).any():
            raise InvalidInput("scores are shares from 0 to 1, or NaN where a member has no answer")
        return np.stack([np.where(known, values, np.float32(0.0)), known.astype(np.float32)], axis=1)

    def is_whole(self, rows: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Of each moment, whether all that hear and have a vote have answered: the sound is alive. rows: of `rows`."""
        counted = [1.0] * len(self.members) if self.voting == "majority" else self.weights
        hearing = np.array([one.hears and weight > 0.0 for one, weight in zip(self.members, counted, strict=True)])
        return np.asarray(rows[:, 1, hearing].all(axis=1), bool)

    def share(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Of each moment, how much of the vote is there, 0..1."""
        counted = np.ones(len(self.members)) if self.voting == "majority" else np.array(self.weights)
        return np.asarray((rows[:, 1] @ counted) / counted.sum(), np.float64)

    @property
    def parameters(self) -> dict[str, Any]:
        """As a bundle holds them; the inverse of `ensemble_of`."""
        return {
            "members": [asdict(member) for member in self.members],
            "voting": self.voting,
            "weights": list(self.weights),
            "bias": self.bias,
        }


def check_weights(weights: Sequence[float], members: int) -> None:
    """Raises InvalidInput that says what a list of weights has to be."""
    if len(weights) != members:
        raise InvalidInput(f"there are {len(weights)} weights for {members} members; give one for each, in their order")
    if not all(math.isfinite(weight) and weight >= 0.0 for weight in weights) or not sum(weights) > 0.0:
        raise InvalidInput(f"weights are numbers from 0 on, not all of them 0, and not {list(weights)}")


def members_of(entries: Sequence[Mapping[str, Any]]) -> tuple[Member, ...]:
    """The inverse of `asdict` of each. Raises InvalidInput."""
    try:
        values = [{field.name: entry[field.name] for field in fields(Member)} for entry in entries]
        return tuple(
            Member(
                str(value["name"]),
                str(value["task"]),
                str(value["version"]),
                str(value["digest"]),
                bool(value["hears"]),
                float(value["threshold"]),
            )
            for value in values
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(f"a list of members is wrong ({type(error).__name__}: {error})") from error


def ensemble_of(parameters: Mapping[str, Any]) -> Ensemble:
    """From a bundle's pipeline parameters. Raises InvalidInput."""
    try:
        members, voting = parameters["members"], parameters["voting"]
        weights = tuple(float(weight) for weight in parameters["weights"])
        bias = float(parameters["bias"])
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(
            f"the bundle's pipeline parameters are wrong ({type(error).__name__}: {error}); it needs members, voting, "
            "weights, bias"
        ) from error
    return Ensemble(members_of(members), voting, weights, bias)
