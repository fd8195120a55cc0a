"""A candidate in the shadow: open beside what answers, for as long as the rollout wants it and memory allows."""

from __future__ import annotations

from pathlib import Path

import pytest
from candidate_site import Site
from pipit.errors import UntrustedSignature
from pipit.fleet import State
from pipit.proving import Proof, memory_is_short
from pipit.serving.attempts import Desired
from tiny import TASK
from tiny_server import Until, version


def test_a_candidate_in_the_shadow_is_open_and_takes_over_without_another_opening(site: Site, until: Until) -> None:
    site.host._loaded.on_trial = None  # 1.0.0 counts as good.
    site.waits(shadow=True)
    until(lambda: site.shadows == ["2.0.0"])
    assert version(site.running) == "1.0.0"
    assert site.candidate == ("2.0.0", State.PREFETCHED, "")
    site.canary()
    until(lambda: version(site.running) == "2.0.0")
    assert (site.opened, site.shadows) == (["2.0.0"], ["2.0.0", ""])


def test_the_shadow_ends_with_its_rollout_and_holds_nothing_against_the_version(
    site: Site, until: Until, tmp_path: Path
) -> None:
    site.host._loaded.on_trial = None
    site.waits(shadow=True)
    until(lambda: site.shadows == ["2.0.0"])
    mark = tmp_path / "cache/trials" / f"{TASK}.json"
    assert site.new.digest in mark.read_text()
    site.told(site.old)
    until(lambda: site.shadows == ["2.0.0", ""])
    until(lambda: site.new.digest not in mark.read_text())
    assert site.host._loaded.beside.besides(()) == []


def test_without_memory_a_candidate_is_proven_and_not_opened(
    site: Site, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.host._loaded.on_trial = None
    monkeypatch.setattr("pipit.serving.ways.memory_is_short", lambda needed: True)
    site.waits(shadow=True)
    until(lambda: site.candidate == ("2.0.0", State.PREFETCHED, "memory"))
    assert (site.shadows, site.opened) == ([], [])
    monkeypatch.setattr("pipit.serving.ways.memory_is_short", lambda needed: False)
    until(lambda: site.shadows == ["2.0.0"])


def test_a_candidate_that_would_leave_too_little_memory_is_not_opened_to_be_dropped(
    site: Site, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.host._loaded.on_trial = None
    site.host._loader._keep(site.new.digest, Proof(0.0, peak_bytes=300 << 20))
    free = 700 << 20  # Of which half a gigabyte should stay.
    monkeypatch.setattr("pipit.proving.limits.memory_there_is", lambda: (8 << 30, free))
    monkeypatch.setattr("pipit.serving.ways.memory_is_short", memory_is_short)
    site.waits(shadow=True)
    until(lambda: site.candidate == ("2.0.0", State.PREFETCHED, "memory"))
    assert (site.shadows, site.opened) == ([], [])
    free = 900 << 20
    until(lambda: site.shadows == ["2.0.0"])
    # What was said of the memory is over with it.
    until(lambda: site.candidate == ("2.0.0", State.PREFETCHED, ""))
    assert site.host.report().candidate_reason == ""


def test_a_shadow_that_nobody_trusts_any_more_leaves_no_trial_behind(site: Site, until: Until, tmp_path: Path) -> None:
    site.host._loaded.on_trial = None
    site.waits(shadow=True)
    until(lambda: site.shadows == ["2.0.0"])
    site.host._loader.trusts = lambda model: model.identity.version != "2.0.0"  # type: ignore[method-assign]

    def refused() -> Path:
        raise UntrustedSignature("the key was revoked")

    site.host.desire(Desired("2.0.0", site.new.digest, refused))
    until(lambda: site.host.report().failed_step == "signature")
    assert site.shadows == ["2.0.0", ""]
    assert site.new.digest not in (tmp_path / "cache/trials" / f"{TASK}.json").read_text()
