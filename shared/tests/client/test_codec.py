"""Answers that came over the wire, as the client's own types."""

from __future__ import annotations

import pytest
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from pipit.client.codec import answer_from_message


@pytest.mark.parametrize("quality", [None, 0.0, 0.75])
def test_a_quality_that_is_zero_is_not_one_that_was_never_measured(quality: float | None) -> None:
    prediction = pb.Prediction(quality=quality)
    (part,) = answer_from_message(pb.ClassifyResponse(predictions=[prediction])).predictions
    assert part.quality == quality
    assert part.region_score is None
