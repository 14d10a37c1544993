# SPDX-License-Identifier: BSD-3-Clause
"""Failover from targets that answer badly or not at all (RFC 3261 8.1.3.1, 21.5.4); failover.py
says what is measured."""
import pytest

from failover import PROGRESS_MS, RESPONSE_MS, Trial


@pytest.mark.parametrize("retry_after_s", (0, 1))
def test_503(launch, conf, crowd, retry_after_s):
    """With Retry-After it is left alone for so long; without, it is asked each time."""
    trial = Trial(launch, conf, crowd)
    trial.first.retry_after_s = retry_after_s
    trial.first.set("open")
    assert trial.run(f"busy_{retry_after_s}_s", 0, invite="busy")
    refused = [when for when, _ in trial.first.refused]
    if retry_after_s:
        pauses = [b - a for a, b in zip(refused, refused[1:]) if b - a > 0.5]
        assert pauses and min(pauses) > retry_after_s - 0.1


@pytest.mark.parametrize("invite, options, bound_ms", (
    ("silence", True, RESPONSE_MS), ("silence", False, RESPONSE_MS),
    ("trying", True, PROGRESS_MS), ("reset", True, RESPONSE_MS),
    ("reset after 100", True, RESPONSE_MS), ("reset after 180", True, RESPONSE_MS)))
def test_no_answer(launch, conf, crowd, invite, options, bound_ms):
    """Of a connection that is reset, other calls may have been in progress."""
    trial = Trial(launch, conf, crowd)
    trial.first.set("open")
    kind = invite.replace(" ", "_") + ("" if options else "_no_options")
    assert trial.run(kind, bound_ms, invite=invite, options=options)
