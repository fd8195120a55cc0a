"""A proof that nobody waits for gives way to one that is needed at once; a kept one says what an opening takes."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from candidate_site import Site
from pipit.proving import Overtaken, Proof, ProofRequest
from pipit.serving.attempts import Attempt, Purpose
from tiny import TASK
from tiny_server import MakeBundle, Until, desired, version


def test_a_patient_proof_gives_way_to_one_that_is_needed_at_once(site: Site, make_bundle: MakeBundle) -> None:
    loader, begun, ends = site.host._loader, {"2.0.0": threading.Event(), "3.0.0": threading.Event()}, threading.Event()
    third, order = make_bundle("3.0.0"), list[str]()

    def prove(request: ProofRequest, at_step: Any, interrupted: threading.Event) -> Proof:
        version, is_first = str(request.bundle.manifest.version), not order
        order.append(version)
        begun[version].set()
        if not request.patient:
            assert ends.wait(30)
        elif is_first:
            assert interrupted.wait(30)
            raise Overtaken
        return Proof(0.0)

    def run(attempt: Attempt) -> threading.Thread:
        def go() -> None:
            try:
                loader.prove(TASK, attempt)
            except Overtaken:
                order.append("overtaken")

        thread = threading.Thread(target=go)
        thread.start()
        return thread

    loader._prover = prove
    first = Attempt(desired(site.new), Purpose.PREFETCH)
    threads = [run(first)]
    assert begun["2.0.0"].wait(30)
    threads.append(run(Attempt(desired(third))))
    assert begun["3.0.0"].wait(30)
    threads[0].join(30)
    assert not first.cancelled.is_set()
    # Taken up again, it waits for the end of that one; another one is wanted no more meanwhile.
    threads.append(run(Attempt(desired(site.new), Purpose.PREFETCH)))
    dropped = Attempt(desired(site.old), Purpose.PREFETCH)
    loader._proofs.clear()
    waiting = run(dropped)
    dropped.cancel()
    waiting.join(30)
    ends.set()
    for thread in threads:
        thread.join(30)
    assert sorted(order[:3]) == ["2.0.0", "3.0.0", "overtaken"]
    assert order[3:] == ["overtaken", "2.0.0"]


def test_a_kept_proof_says_how_much_memory_it_takes_to_open(
    site: Site, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    loader = site.host._loader
    loader._keep(site.new.digest, Proof(0.0, peak_bytes=300 << 20))
    # Over three quarters of all memory, as where the settings allow a proof more than that.
    free = 223
    monkeypatch.setattr("pipit.proving.limits.memory_there_is", lambda: (390 << 20, free << 20))
    site.canary()
    until(lambda: "found too little memory here and will be tried again" in site.host.report().reason)
    assert "its proof took 300 MiB, 200 MiB are what was free here at that time" in site.host.report().reason
    until(lambda: site.loads("memory") >= 1.0)
    assert (version(site.running), site.host.report().failed_step) == ("1.0.0", "")
    free = 360
    until(lambda: version(site.running) == "2.0.0")
    until(lambda: site.host.report().reason == "")
