from __future__ import annotations

from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from pipit.errors import InvalidInput
from pipit.rpc.timestamps import moment, timestamp


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_comes_back_as_it_was(time: datetime) -> None:
    assert moment(timestamp(time)) == time


def test_a_time_that_no_calendar_knows_is_refused() -> None:
    for message in (Timestamp(seconds=2**40), Timestamp(seconds=-(2**40))):
        with pytest.raises(InvalidInput, match="years 1 to 9999"):
            moment(message)
    assert moment(Timestamp(seconds=0)) == datetime(1970, 1, 1, tzinfo=UTC)
