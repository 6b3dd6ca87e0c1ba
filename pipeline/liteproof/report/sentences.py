"""What to see in each figure of the report, in one sentence computed from the data."""

import statistics
from collections.abc import Sequence
from typing import Any

from liteproof.diagnosis.table import decibel_words
from liteproof.evidence.records import Change, ChangeKind, Damage, Evidence, Outcome, Side
from liteproof.report import wording
from liteproof.report.wording import count, figures, lines, name, percent, pictures, points

HEADLINES = {
    Outcome.SHOWN: "Shown: not worse",
    Outcome.REFUTED: "Refuted: worse",
    Outcome.INCONCLUSIVE: "Inconclusive: not enough to tell",
}


ALONE = "Nothing to compare with: no verdict"


def verdict(evidence: Evidence) -> str:
    """Return the sentence that the report opens with."""
    if evidence.verdict is not None:
        return lines(evidence.verdict.sentence)
    if evidence.alone:
        side = evidence.candidate
        return f"{name(side.name)} is right on {percent(side.correct / side.n)} of the pictures."
    return (
        f"{count(evidence.pair.n)} of {pictures(evidence.total)} were compared: a part of them "
        "yields no verdict."
    )


def models(evidence: Evidence) -> str:
    """Say how much smaller the candidate's file is, and which side is more often right."""
    sides = evidence.baseline, evidence.candidate
    before, after = (side.correct / side.n for side in sides)
    if evidence.alone:
        return f"{name(sides[1].name)} is right on {percent(after)} of the pictures."
    accuracy = (
        f"{name(sides[1].name)} is right on {percent(after)} of the pictures, "
        f"{name(sides[0].name)} on {percent(before)}"
    )
    others = [
        bytes_ for model, bytes_ in evidence.sizes.items() if model != sides[1].name and bytes_
    ]
    own = evidence.sizes.get(sides[1].name)
    if not own or not others:
        return f"{accuracy}."
    share = percent(own / max(others), 0)
    return f"{accuracy}; its file takes {wording.size(own)}, {share} of the largest other."


def confusion(evidence: Evidence) -> str:
    """Say what the candidate confuses more often than the baseline."""
    before, after = evidence.baseline.confusion, evidence.candidate.confusion
    if evidence.alone:
        return _most_confused(evidence)
    rises = [
        (after[label][answer] - row[answer], label, answer)
        for label, row in enumerate(before)
        for answer in range(len(row))
        if label != answer
    ]
    alike = (
        f"The two give the same answer on {percent(evidence.pair.agreement)} of "
        f"{pictures(evidence.pair.n)}"
    )
    rise, label, answer = max(rises, default=(0, 0, 0), key=lambda each: each[0])
    if rise <= 0:
        return f"{alike}, and no confusion became more frequent."
    truth, taken = name(evidence.labels[label]), name(evidence.labels[answer])
    return f"{alike}; what rose most is {truth} taken for {taken}, by {pictures(rise)}."


def gallery(evidence: Evidence) -> str:
    """Say how sure the baseline was of the pictures that changed."""
    changes = evidence.changes
    if not changes:
        return f"All {pictures(evidence.pair.n)} get the same answer from both."
    median = statistics.median(change.margin_before for change in changes)
    return (
        f"{pictures(len(changes)).capitalize()} changed: {_of(changes, ChangeKind.BROKEN)} broken, "
        f"{_of(changes, ChangeKind.FIXED)} fixed, {_of(changes, ChangeKind.OTHER)} wrong both "
        f"times; on half of them the baseline's margin was at most {figures(median)} logits."
    )


def classes(evidence: Evidence) -> str:
    """Say which class loses most, and whether that is more than chance."""
    seen = [each for each in evidence.classes if each.n]
    if not seen:
        return "No class has a picture."
    if evidence.alone:
        least = min(seen, key=lambda each: each.after / each.n)
        return (
            f"{name(least.label)} is recognised least often, in {percent(least.after / least.n)} "
            f"of {pictures(least.n)}."
        )
    worst = max(seen, key=lambda each: (each.before - each.after) / each.n)
    lost = worst.before - worst.after
    clear = sum(not each.interval[0] <= 0 <= each.interval[1] for each in seen)
    chance = (
        f"the interval excludes 0 in {clear} of {len(seen)} classes"
        if clear
        else "no class's interval excludes 0"
    )
    if lost <= 0:
        return f"No class loses accuracy; {chance}."
    return (
        f"{name(worst.label)} loses most, {lost} of {pictures(worst.n)} "
        f"({100 * lost / worst.n:.2f} points); {chance}."
    )


def reliability(evidence: Evidence) -> str:
    """Say how the confidence of each side relates to how often it is right."""
    sides = (evidence.baseline, evidence.candidate)
    before, after = (side.expected_calibration_error for side in sides)
    if evidence.alone:
        return f"Expected calibration error is {percent(after)}: it is {_bias(sides[1])}."
    return (
        f"Expected calibration error goes from {percent(before)} to {percent(after)} "
        f"({points(after - before)} points): {name(sides[1].name)} is {_bias(sides[1])}."
    )


def margins(evidence: Evidence) -> str:
    """Say up to which margin answers flip."""
    bins = [each for each in evidence.pair.margins if each.n]
    flipping = [each for each in bins if each.flipped]
    if not flipping:
        return "No picture flips, however small its margin."
    top = max(flipping, key=lambda each: each.low)
    first = max(flipping, key=lambda each: each.flipped / each.n)
    above = sum(each.n for each in bins if each.low > top.low)
    rest = (
        f"of the {pictures(above)} with a margin of {figures(top.high)} or more none does"
        if above
        else "flips reach up to the largest margins"
    )
    return (
        f"{first.flipped} of {pictures(first.n)} with a margin from {figures(first.low)} to "
        f"{figures(first.high)} logits flip ({percent(first.flipped / first.n, 1)}); {rest}."
    )


def robustness(evidence: Evidence) -> str:
    """Say where damage costs the candidate most beyond what it costs the baseline."""
    if evidence.damage_sentence:
        return lines(evidence.damage_sentence)
    clean = evidence.pair.drop

    def extra(damage: Damage) -> float:
        return (damage.before - damage.after) / damage.n - clean

    worst = max((each for each in evidence.damages if each.n), key=extra, default=None)
    if worst is None:
        return "No damaged picture was compared."
    where = f"{name(worst.kind)} at strength {worst.strength}"
    if extra(worst) <= 0:
        return "No damage costs the candidate more than it costs the baseline."
    return (
        f"Damage costs the candidate most beyond the baseline with {where}: its loss against the "
        f"baseline goes from {points(clean).lstrip('+')} points on pictures as they are to "
        f"{points(extra(worst) + clean).lstrip('+')}."
    )


def layers(ranked: Sequence[dict[str, Any]]) -> str:
    """Say which layer loses most. The layers come the worst first."""
    worst = ranked[0]
    lost = worst["introduced"]
    snr = decibel_words(float("inf") if worst["snr_db"] is None else worst["snr_db"])
    if lost is None:
        return f"The signal-to-noise ratio of {name(worst['layer'])} is {snr}."
    return (
        f"{name(worst['layer'])} loses most, {percent(lost)} of what its channels say; "
        f"what leaves it has a signal-to-noise ratio of {snr}."
    )


def latency(evidence: Evidence) -> str:
    """Say which execution is fastest, and how far its slow pictures are from its median."""
    timed = [cell for cell in evidence.cells if cell.latency_us]
    fastest = min(timed, key=lambda cell: cell.latency_us[min(cell.latency_us)])
    low, high = min(fastest.latency_us), max(fastest.latency_us)
    return (
        f"{name(fastest.model)} on {name(fastest.runtime)} is fastest: {low} of 100 pictures take "
        f"at most {wording.microseconds(fastest.latency_us[low])}, {high} of 100 at most "
        f"{wording.microseconds(fastest.latency_us[high])}."
    )


def executions(evidence: Evidence) -> str:
    """Say how far the executions are from the reference one."""
    first, *others = evidence.cells
    compared = [cell for cell in others if cell.agreement is not None]
    if not compared:
        return "Nothing was compared with the reference cell, the first."
    worst = min(compared, key=lambda cell: cell.agreement or 0.0)
    if worst.agreement == 1:
        return (
            f"Every label of all {len(compared)} other executions is that of the first, "
            f"{name(first.model)} on {name(first.runtime)}."
        )
    return (
        f"The farthest from the first is {name(worst.model)} on {name(worst.runtime)}, "
        f"{name(worst.machine)}: {percent(worst.agreement or 0.0)} of the labels are the same."
    )


def calibration(report: dict[str, Any]) -> str:
    """Say what the calibration set was, and whether the linter found something."""
    of = "" if report["classes"] is None else f" of {report['classes']} classes"
    found = len(report["findings"])
    words = f"{found} finding{'' if found == 1 else 's'}" if found else "no findings"
    return f"{pictures(report['n'])}{of}, {words}."


def provenance(evidence: Evidence) -> str:
    """Say what the report rests on."""
    return (
        f"{count(evidence.pair.n)} of the {pictures(evidence.total)} "
        f"of {name(evidence.dataset)}; what was compared, and by which versions:"
    )


def alt(change: Change, evidence: Evidence) -> str:
    """Return what a gallery picture shows, for who does not see it."""
    truth, before, after = (
        name(evidence.labels[at]) for at in (change.label, change.before, change.after)
    )
    return f"{truth}, which the baseline calls {before} and the candidate {after}"


def _most_confused(evidence: Evidence) -> str:
    taken = [
        (n, label, answer)
        for label, row in enumerate(evidence.candidate.confusion)
        for answer, n in enumerate(row)
        if label != answer
    ]
    n, label, answer = max(taken, default=(0, 0, 0), key=lambda each: each[0])
    if not n:
        return "No class is taken for another."
    truth, called = name(evidence.labels[label]), name(evidence.labels[answer])
    return f"What is confused most is {truth} taken for {called}, {pictures(n)}."


def _of(changes: Sequence[Change], kind: ChangeKind) -> str:
    return count(sum(change.kind is kind for change in changes))


def _bias(side: Side) -> str:
    n = sum(each.n for each in side.bins)
    gap = sum(each.n * (each.confidence - each.accuracy) for each in side.bins) / n if n else 0.0
    if f"{100 * abs(gap):.2f}" == "0.00":
        return "as sure as it is right"
    return (
        f"on average {points(abs(gap)).lstrip('+')} points "
        f"{'surer than it is right' if gap > 0 else 'less sure than it is right'}"
    )
