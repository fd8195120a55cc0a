from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pipit._pb.pipit.inference.v1 import inference_pb2 as pb
from tiny_server import Serve, Until

RATE = 8


def pcm(*samples: float, rate: int = RATE) -> pb.Input:
    data = np.array(samples, "<f4").tobytes()
    return pb.Input(pcm=pb.PcmAudio(samples=data, encoding=pb.PcmAudio.ENCODING_F32, sample_rate=rate, channels=1))


def landmarks(*values: float) -> pb.Input:
    return pb.Input(landmarks=pb.Landmarks(values=values))


def message(item: pb.Input, request_id: str = "", **more: Any) -> pb.ClassifyStreamRequest:
    return pb.ClassifyStreamRequest(request=pb.ClassifyRequest(input=item, request_id=request_id, **more))


class Talk:
    """An open stream whose requests a test sends one by one."""

    def __init__(self, running: Any) -> None:
        self._requests: queue.SimpleQueue[pb.ClassifyStreamRequest | None] = queue.SimpleQueue()
        self.call = running.calls.ClassifyStream(iter(self._requests.get, None))

    def say(
        self, item: pb.Input, request_id: str = "", seconds: float | None = None, *, always: bool = False, **more: Any
    ) -> None:
        request = message(item, request_id, **more)
        request.answer_always = always
        if seconds is not None:
            request.seconds = seconds
        self._requests.put(request)

    def hear(self) -> pb.ClassifyStreamResponse:
        return next(self.call)

    def end(self) -> list[pb.ClassifyStreamResponse]:
        self._requests.put(None)
        return list(self.call)

    def leave(self) -> None:
        self.call.cancel()
        self._requests.put(None)


@pytest.fixture
def talk() -> Iterator[Callable[[Any], Talk]]:
    talks: list[Talk] = []

    def begin(running: Any) -> Talk:
        talks.append(Talk(running))
        return talks[-1]

    yield begin
    for one in talks:
        one.leave()


def spans(answers: list[pb.ClassifyStreamResponse]) -> list[tuple[float, float]]:
    return [
        (prediction.span.start_seconds, prediction.span.end_seconds)
        for answer in answers
        for prediction in answer.response.predictions
    ]


def test_inputs_are_answered_in_their_order_and_an_error_takes_the_place_of_its_answer(serve: Serve) -> None:
    running = serve()
    sent = [
        message(landmarks(1, 0, 0, 0), "first"),
        message(landmarks(1, 0), "short"),
        message(pb.Input(image=b"broken"), "broken"),
        message(pb.Input(), "empty"),
        message(landmarks(0, 0, 0, 1), "last"),
    ]
    first, short, broken, empty, last = running.calls.ClassifyStream(iter(sent))
    assert (first.response.request_id, last.response.request_id) == ("first", "last")
    assert first.response.predictions[0].scores[0].label == "high"
    assert short.error == pb.StreamError(request_id="short", code=3, message="2 landmarks; send 4")
    assert (broken.error.request_id, broken.error.code) == ("broken", 13)
    assert broken.error.message.startswith("internal error ")
    assert "secret" not in broken.error.message
    assert (empty.error.request_id, empty.error.code) == ("empty", 3)


def test_pcm_is_one_recording_across_messages(serve: Serve, talk: Callable[[Any], Talk]) -> None:
    stream = talk(serve())
    stream.say(pcm(0.1, 0.2, 0.3), "a")
    stream.say(pcm(0.4, 0.5), "b")
    first = stream.hear()
    assert first.response.request_id == "b"
    assert spans([first]) == [(0.0, 0.5)]
    assert [score.label for score in first.response.predictions[0].scores] == ["high", "middle", "low"]
    (rest,) = stream.end()
    assert rest.response.request_id == "b"
    assert spans([rest]) == [(0.5, 1.0)]


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(pieces=st.lists(st.lists(st.floats(-1, 1, width=32), max_size=9), min_size=1, max_size=6))
def test_how_a_recording_is_cut_into_messages_changes_no_score(one_server: Any, pieces: list[list[float]]) -> None:
    whole = [sample for piece in pieces for sample in piece]
    cut = list(one_server.calls.ClassifyStream(iter([message(pcm(*piece)) for piece in pieces])))
    once = list(one_server.calls.ClassifyStream(iter([message(pcm(*whole))])))
    scores = [
        [
            {score.label: score.score for score in prediction.scores}
            for answer in answers
            for prediction in answer.response.predictions
        ]
        for answers in (cut, once)
    ]
    assert spans(cut) == spans(once) == [(n / 2, n / 2 + 0.5) for n in range((len(whole) + 3) // 4)]
    for one, other in zip(*scores, strict=True):
        assert one == pytest.approx(other, abs=1e-6)


@pytest.fixture
def one_server(serve: Serve) -> Any:
    return serve()


def test_other_inputs_between_pcm_are_answered_by_themselves(serve: Serve, talk: Callable[[Any], Talk]) -> None:
    stream = talk(serve())
    stream.say(pcm(0.1, 0.2))
    stream.say(landmarks(1, 0, 0, 0), "face")
    face = stream.hear()
    assert face.response.request_id == "face"
    assert face.response.predictions[0].WhichOneof("region") is None
    stream.say(pcm(0.3, 0.4))
    assert spans([stream.hear()]) == [(0.0, 0.5)]
    assert stream.end() == []


def test_a_stream_follows_whatever_its_task_takes_and_streams_do_not_see_each_other(
    serve: Serve, make_bundle: Callable[..., Any], talk: Callable[[Any], Talk]
) -> None:
    running = serve(bundle=(make_bundle(pipeline="test.pairs").path,))
    one, other = talk(running), talk(running)
    one.say(landmarks(1, 0, 0, 0), "first")
    other.say(landmarks(0, 0, 0, 9), "elsewhere")
    one.say(landmarks(1, 0), "short")
    assert one.hear().error.request_id == "short"
    one.say(pcm(0.1, 0.2, 0.3, 0.4), "sound")
    sound = one.hear()
    assert sound.response.request_id == "sound"
    one.say(landmarks(0, 1, 0, 0), "second")
    pair = one.hear()
    assert pair.response.request_id == "second"
    assert spans([pair]) == [(0.0, 2.0)]
    found = {score.label: score.score for score in pair.response.predictions[0].scores}
    # The mean of (1, 0, 0, 0) and (0, 1, 0, 0): logits (0, 1, 2) / 10 and (3, 4, 5) / 10.
    exponentials = np.exp([0.15, 0.25, 0.35])
    assert found == pytest.approx(dict(zip(("low", "middle", "high"), exponentials / exponentials.sum(), strict=True)))
    for values in ((1, 0, 0, 0), (0, 1, 0, 0)):
        one.say(landmarks(*values))
    assert spans([one.hear()]) == [(2.0, 4.0)]
    assert one.end() == other.end() == []


def test_a_task_learns_when_its_inputs_were_taken(
    serve: Serve, make_bundle: Callable[..., Any], talk: Callable[[Any], Talk]
) -> None:
    stream = talk(serve(bundle=(make_bundle(pipeline="test.pairs").path,)))
    stream.say(landmarks(1, 0, 0, 0), seconds=0.25)
    stream.say(landmarks(1, 0, 0, 0), seconds=0.75)
    assert spans([stream.hear()]) == [(0.0, 0.75)]
    stream.say(landmarks(1, 0, 0, 0), "late", seconds=0.5)
    late = stream.hear().error
    assert (late.request_id, late.code) == ("late", 3)
    assert late.message == "an input taken at 0.5 s came after one of 0.75 s; send them in their order"
    for wrong in (-1.0, float("nan"), float("inf")):
        stream.say(landmarks(1, 0, 0, 0), seconds=wrong)
        assert "send the seconds from the stream's start" in stream.hear().error.message
    stream.say(landmarks(1, 0, 0, 0), seconds=0.75)
    stream.say(landmarks(1, 0, 0, 0))
    assert spans([stream.hear()]) == [(0.75, 1.75)]
    assert stream.end() == []


def test_whoever_asks_for_it_hears_of_every_input(
    serve: Serve, make_bundle: Callable[..., Any], talk: Callable[[Any], Talk]
) -> None:
    stream = talk(serve(bundle=(make_bundle(pipeline="test.pairs").path,)))
    stream.say(landmarks(1, 0, 0, 0), "first", always=True)
    assert stream.hear().response == pb.ClassifyResponse(request_id="first")
    stream.say(landmarks(1, 0, 0, 0), "second", always=True)
    second = stream.hear().response
    assert (second.request_id, len(second.predictions)) == ("second", 1)
    stream.say(landmarks(1, 0), "short", always=True)
    assert stream.hear().error.request_id == "short"
    stream.say(landmarks(1, 0, 0, 0), "silent")
    assert stream.end() == []


def test_bad_pcm_is_an_error_in_its_place_and_the_recording_goes_on(serve: Serve, talk: Callable[[Any], Talk]) -> None:
    stream = talk(serve())
    stream.say(pcm(0.1, 0.2))
    stream.say(pcm(0.3, float("nan")), "odd")
    odd = stream.hear()
    assert odd.error == pb.StreamError(
        request_id="odd", code=3, message="the recording holds a sample that is no number"
    )
    stream.say(pcm(rate=0), "no rate")
    assert stream.hear().error.code == 3
    stream.say(pcm(0.3, 0.4))
    assert spans([stream.hear()]) == [(0.0, 0.5)]


def test_model_and_options_of_the_first_message_hold(serve: Serve, talk: Callable[[Any], Talk]) -> None:
    stream = talk(serve())
    stream.say(landmarks(1, 0, 0, 0), options=pb.ClassifyOptions(top_k=1))
    assert len(stream.hear().response.predictions[0].scores) == 1
    stream.say(landmarks(1, 0, 0, 0), options=pb.ClassifyOptions(top_k=3), model=pb.ModelSelector(task="no.such"))
    assert len(stream.hear().response.predictions[0].scores) == 1


def test_a_stream_for_a_task_that_is_not_here_ends_at_once(serve: Serve, talk: Callable[[Any], Talk]) -> None:
    stream = talk(serve())
    stream.say(landmarks(1, 0, 0, 0), model=pb.ModelSelector(task="no.such"))
    with pytest.raises(grpc.RpcError) as caught:
        stream.hear()
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_an_empty_stream_has_an_empty_answer(serve: Serve) -> None:
    assert list(serve().calls.ClassifyStream(iter([]))) == []


def test_streams_do_not_take_the_turns_or_threads_of_unary_calls(serve: Serve, talk: Callable[[Any], Talk]) -> None:
    running = serve(concurrency=1, queue=0, streams=4)
    streams = [talk(running) for _ in range(4)]
    for stream in streams:
        stream.say(pcm(0.1, 0.2, 0.3, 0.4, 0.5, 0.6))
        # It had its turn, and stays open in the middle of its second window.
        assert spans([stream.hear()]) == [(0.0, 0.5)]
    assert running.server.streams.open_streams == 4
    for _ in range(20):
        answer = running.calls.Classify(pb.ClassifyRequest(input=landmarks(1, 0, 0, 0)), timeout=30)
        assert len(answer.predictions) == 1
    too_many = talk(running)
    too_many.say(pcm(0.1))
    with pytest.raises(grpc.RpcError) as caught:
        too_many.hear()
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    for stream in streams:
        stream.say(pcm(0.7, 0.8))
        assert spans([stream.hear()]) == [(0.5, 1.0)]


def test_a_stream_waits_for_its_turn_instead_of_losing_sound(
    serve: Serve, talk: Callable[[Any], Talk], until: Until
) -> None:
    running = serve(concurrency=1, queue=0)
    running.gate.close()
    held = running.calls.Classify.future(pb.ClassifyRequest(input=pb.Input(image=b"held")))
    running.gate.wait_entered(1)
    stream = talk(running)
    stream.say(pcm(0.1, 0.2, 0.3, 0.4))
    until(lambda: running.server.admission.waiting == 1)
    running.gate.open()
    assert spans([stream.hear()]) == [(0.0, 0.5)]
    assert len(held.result(30).predictions) == 1


def test_a_client_that_leaves_frees_its_thread_its_turn_and_the_model(
    serve: Serve, talk: Callable[[Any], Talk], until: Until
) -> None:
    running = serve(streams=1)
    model = running.server.hosts["test.tiny"].lease()
    model.release()
    for _ in range(3):
        stream = talk(running)
        stream.say(pcm(0.1, 0.2, 0.3, 0.4, 0.5))
        stream.hear()
        stream.leave()
        until(lambda: running.server.streams.open_streams == 0)
    until(lambda: running.server.admission.running == 0)
    model.retire()
    assert model.is_drained


def test_a_client_that_leaves_while_it_waits_for_a_turn_frees_its_place(
    serve: Serve, talk: Callable[[Any], Talk], until: Until
) -> None:
    running = serve(concurrency=1, streams=1)
    running.gate.close()
    held = running.calls.Classify.future(pb.ClassifyRequest(input=pb.Input(image=b"held")))
    running.gate.wait_entered(1)
    stream = talk(running)
    stream.say(pcm(0.1, 0.2, 0.3, 0.4))
    until(lambda: running.server.admission.waiting == 1)
    stream.leave()
    running.gate.open()
    assert len(held.result(30).predictions) == 1
    until(lambda: running.server.streams.open_streams == 0)
    assert (running.server.admission.running, running.server.admission.waiting) == (0, 0)
