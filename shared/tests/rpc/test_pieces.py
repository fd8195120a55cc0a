"""Many messages in pieces: none lost, none turned round, none too large."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from pipit._pb.pipit.labels.v1 import labels_pb2 as pb
from pipit.rpc.pieces import pieces


@given(st.lists(st.text(max_size=40)), st.integers(1, 5), st.integers(1, 60))
def test_pieces_are_the_whole_in_order_and_within_limits(labels: list[str], most: int, most_bytes: int) -> None:
    messages = [pb.SetItem(label=label) for label in labels]
    made = list(pieces(messages, most, most_bytes))
    assert [message for piece in made for message in piece] == messages
    for piece in made:
        assert 1 <= len(piece) <= most
        assert len(piece) == 1 or sum(message.ByteSize() for message in piece) <= most_bytes
