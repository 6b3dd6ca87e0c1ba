import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from evidence_examples import HOSTILE, SHALOM, drawn, evidence, noisy_pictures, pictures

from liteproof.errors import StorageError
from liteproof.evidence.records import ChangeKind, Damage, MarginBin, Outcome, Verdict
from liteproof.report import charts, confusion, gallery, sentences, wording
from liteproof.report.drawing import Axis, text
from liteproof.report.page import write_report

DIGITS = [str(digit) for digit in range(10)]
LARGEST = 2_000_000
SECTIONS = (
    "models confusion gallery classes confidence reliability margins robustness layers latency "
    "executions calibration provenance"
)
VOID = {"meta", "link", "img", "br", "input"}


class Document(HTMLParser):
    """What a browser would make of the file: elements, their attributes and the text."""

    def __init__(self, source):
        super().__init__()
        self.elements, self.text, self.open = [], "", []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data):
        if self.open and self.open[-1] not in {"script", "style"}:
            self.text += data

    def all(self, tag, **wanted):
        return [
            attributes
            for name, attributes in self.elements
            if name == tag and wanted.items() <= attributes.items()
        ]


@pytest.fixture(scope="module")
def some():
    return evidence(*drawn(400, 10, 0.9), DIGITS)


@pytest.fixture
def written(tmp_path):
    def write(*arguments):
        path = tmp_path / "report.html"
        write_report(*arguments, path)
        return path.read_text("utf-8")

    return write


def test_report_has_every_section_in_order(some, written):
    document = Document(written(some, pictures()))

    ids = [
        attributes.get("id") for tag, attributes in document.elements if tag in {"section", "div"}
    ]
    assert [each for each in ids if each in SECTIONS.split()] == SECTIONS.split()
    assert document.open == []


def test_report_leaves_out_what_was_not_measured(some, written):
    bare = replace(some, damages=(), layers=[], diagnosis=(), cells=(), calibration=None)
    document = Document(written(bare, pictures()))

    ids = {attributes.get("id") for _, attributes in document.elements}
    assert ids.isdisjoint({"robustness", "layers", "latency", "executions", "calibration"})
    links = {attributes["href"][1:] for attributes in document.all("a")}
    assert links <= ids


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Outcome.SHOWN, "Shown: not worse"),
        (Outcome.REFUTED, "Refuted: worse"),
        (Outcome.INCONCLUSIVE, "Inconclusive: not enough to tell"),
        (None, "Partial: no verdict"),
    ],
)
def test_verdict_is_told_by_a_word_and_a_sentence(some, written, outcome, words):
    verdict = outcome and Verdict(outcome, 0.002, 0.001, None, "so it is")
    text = Document(written(replace(some, verdict=verdict, total=4321), pictures())).text

    assert words in text
    expected = "so it is" if outcome else "400 of 4,321 pictures were compared"
    assert expected in text


def test_report_needs_nothing_from_elsewhere(some, written):
    source = written(some, pictures())

    addresses = re.findall(r'(?:src|href|action|data)="([^"]*)"', source)
    assert all(each.startswith(("#", "data:")) for each in addresses)
    assert not re.search(r"url\(|@import|https?://", source)


def test_hostile_names_are_shown_and_do_nothing(written):
    made = evidence(*drawn(400, 10, 0.9), HOSTILE, dataset=HOSTILE[1])
    sides = {
        "baseline": replace(made.baseline, name=HOSTILE[0]),
        "candidate": replace(made.candidate, name=HOSTILE[2]),
    }
    facts = {each: each for each in HOSTILE}
    damages = tuple(replace(each, kind=HOSTILE[0]) for each in made.damages)
    layers = [{**each, "layer": HOSTILE[1], "operator": HOSTILE[0]} for each in made.layers]
    finding = dict.fromkeys(("rule", "severity", "seen", "remedy"), HOSTILE[0])
    document = Document(
        written(
            replace(
                made,
                **sides,
                provenance=facts,
                damages=damages,
                damage_sentence=HOSTILE[0],
                diagnosis=HOSTILE,
                layers=layers,
                calibration={
                    "n": 5,
                    "classes": 2,
                    "fingerprint": HOSTILE[0],
                    "findings": [finding],
                },
            ),
            pictures(),
        )
    )

    assert len(document.all("script")) == 1
    assert all(each["src"].startswith("data:image/png;base64,") for each in document.all("img"))
    handlers = {name for _, each in document.elements for name in each if name.startswith("on")}
    assert handlers == set()
    for shown in ("<script>alert(1)</script>", "{{ 7 * 7 }}", "\\u202egnp.exe", "&amp; &lt;b&gt;"):
        assert shown in document.text
    assert "\u202e" not in document.text


def test_report_stays_small_with_many_classes_and_large_changed_pictures(written):
    names = [f"{at}{'<' * 500}" for at in range(200)]
    made = evidence(*drawn(3000, 200, 0.5, sure=2.5), names)
    source = written(made, noisy_pictures(96))

    assert len(made.changes) > 1000
    assert LARGEST * 0.8 < len(source.encode()) <= LARGEST
    shown = len(Document(source).all("img"))
    assert f"{shown} of {len(made.changes):,} are shown" in source
    assert "The 20 of 200 classes in which most pictures changed." in source


def test_every_change_has_a_card_where_they_fit(some, written):
    document = Document(written(some, pictures()))

    cards = [each for each in document.all("li") if "data-kind" in each]
    kinds = [each["data-kind"] for each in cards]
    assert len(cards) == len(some.changes) == len(document.all("img"))
    assert kinds.count("broken") == some.pair.broken
    assert kinds.count("fixed") == some.pair.fixed


def test_report_of_equal_sides_shows_no_cards(written):
    before, _, truth = drawn(300, 10, 0.0)
    document = Document(written(evidence(before, before, truth, DIGITS), pictures()))

    assert document.all("img") == []
    assert "All 300 pictures get the same answer from both." in document.text


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7])
def test_pictures_of_any_channels_are_drawn(some, channels):
    (card, *_) = gallery.cards(some, pictures(20, 30, channels), 10**6)

    assert card.source.startswith("data:image/png;base64,iVBOR")
    assert (card.width, card.height) == (96, 64)


def test_gallery_takes_broken_and_fixed_first_then_the_smallest_margins(some):
    order = [card.change for card in gallery.cards(some, pictures(), 10**7)]

    others = [change.kind is ChangeKind.OTHER for change in order]
    assert others == sorted(others)
    first = [change.margin_before for change in order[: others.count(False)]]
    assert first == sorted(first)


def test_gallery_asks_for_the_test_set_indices_of_its_changes(some):
    asked = []

    def give(indices):
        asked.extend(indices)
        return pictures()(indices)

    gallery.cards(some, give, 10**7)

    assert sorted(asked) == sorted(change.index for change in some.changes)


def test_difference_matrix_sums_to_nought_and_marks_what_got_worse(some):
    rows = confusion.matrix(some, confusion.View.DIFFERENCE, some.changes)

    assert [sum(cell.value for cell in row.entries) for row in rows] == [0] * 10
    for row in rows:
        for cell in row.entries:
            worse = (cell.value < 0) == (cell.answer == row.label)
            assert not cell.value or cell.good is not worse


def test_cells_of_a_side_count_the_changed_pictures_that_it_answers_so(some):
    rows = confusion.matrix(some, confusion.View.CANDIDATE, some.changes)

    for row in rows:
        for cell in row.entries:
            expected = [
                change
                for change in some.changes
                if (change.label, change.after) == (row.label, cell.answer)
            ]
            assert cell.changed == len(expected)


def test_confusion_sentence_names_the_greatest_rise(some):
    still = some.baseline.confusion
    raised = [list(row) for row in still]
    raised[4][9] += 3
    candidate = replace(some.candidate, confusion=tuple(map(tuple, raised)))

    assert sentences.confusion(replace(some, candidate=candidate)).endswith(
        "what rose most is 4 taken for 9, by 3 pictures."
    )


def test_classes_sentence_names_the_class_that_loses_most(some):
    first, *rest = some.classes
    worst = replace(first, n=50, before=49, after=9, interval=(0.66, 0.9))
    kept = [replace(each, before=each.n, after=each.n, interval=(-0.1, 0.1)) for each in rest]

    assert sentences.classes(replace(some, classes=(worst, *kept))) == (
        "0 loses most, 40 of 50 pictures (80.00 points); "
        "the interval excludes 0 in 1 of 10 classes."
    )


def test_margin_sentence_says_from_where_on_nothing_flips(some):
    bins = (MarginBin(0.0, 0.5, 10, 4), MarginBin(0.5, 1.0, 20, 1), MarginBin(1.0, 2.0, 70, 0))

    assert sentences.margins(replace(some, pair=replace(some.pair, margins=bins))) == (
        "4 of 10 pictures with a margin from 0 to 0.5 logits flip (40.0\u00a0%); "
        "of the 70 pictures with a margin of 1 or more none does."
    )


def test_robustness_sentence_names_the_damage_that_costs_most_beyond_the_clean_drop(some):
    damages = (Damage("blur", 2, 100, 90, 80, 10, 0), Damage("noise", 5, 100, 50, 45, 5, 0))
    clean = replace(some.pair, drop=0.01)

    assert sentences.robustness(replace(some, damages=damages, pair=clean)) == (
        "Damage costs the candidate most beyond the baseline with blur at strength 2: its loss "
        "against the baseline goes from 1.00 points on pictures as they are to 10.00."
    )


def test_reliability_sentence_says_whether_the_candidate_is_too_sure(some):
    (first, *_) = some.candidate.bins
    bins = (replace(first, n=10, confidence=0.9, accuracy=0.6),)
    side = replace(some.candidate, bins=bins, expected_calibration_error=0.3)

    assert sentences.reliability(replace(some, candidate=side)).endswith(
        "int8 is on average 30.00 points surer than it is right."
    )


def test_names_are_cut_in_the_middle_and_kept_on_one_line():
    assert wording.name("a\nb") == "a\\nb"
    assert wording.name("x" * 30 + "y" * 30, 12) == "xxxxxxx…yyyy"
    assert len(wording.name("z" * 10**6)) == wording.LONGEST_NAME
    assert wording.name(SHALOM) == f"\u2068{SHALOM}\u2069"


def test_a_difference_that_rounds_to_nought_has_no_sign():
    assert wording.points(-0.00001) == "0.00"
    assert wording.points(-0.0012) == "−0.12"
    assert wording.points(0.0012) == "+0.12"


def test_ticks_are_round_and_within_the_axis():
    assert Axis(0, 1, 0, 100).ticks() == pytest.approx((0, 0.2, 0.4, 0.6, 0.8, 1))
    assert Axis(0.93, 0.99, 0, 100).ticks() == pytest.approx((0.94, 0.96, 0.98))
    assert Axis(3, 3, 0, 100).ticks() == (3,)


def test_a_value_outside_of_the_axis_stays_in_the_picture():
    axis = Axis(0, 2, 10, 30)

    assert [axis.at(value) for value in (-5, 0, 1, 2, 9)] == [10, 10, 20, 30, 30]


def test_text_in_a_picture_is_escaped():
    assert "&lt;b&gt;" in text((0, 0), "<b>")


def test_charts_hold_no_number_that_svg_does_not_know(some):
    drawn_all = [
        charts.verdict_chart(some.verdict, some.pair),
        charts.verdict_chart(None, replace(some.pair, drop=0.0, interval=(0.0, 0.0))),
        charts.reliability_chart(some.baseline, some.candidate, "alt"),
        charts.margin_chart((), "alt"),
        charts.margin_chart((MarginBin(0.0, math.inf, 3, 3),), "alt"),
        charts.drop_bar(0.0, (0.0, 0.0), 0.0),
        charts.latency_bar({50: 3.0}, 3.0),
        *(chart for _, chart in charts.damage_charts(some)),
    ]

    assert not [each for each in drawn_all if re.search(r"\b(nan|inf)\b", each)]


def test_an_array_gives_the_pictures_itself(some, written):
    array = np.zeros((400, 8, 8, 1), np.uint8)

    assert len(Document(written(some, array.__getitem__)).all("img")) == len(some.changes)


def test_report_that_cannot_be_written_is_a_storage_error(some, tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(StorageError):
        write_report(some, pictures(), tmp_path / "file" / "report.html")


def test_report_of_a_model_that_is_compared_with_nothing_is_about_it_alone(some, written):
    made = replace(some, baseline=some.candidate, verdict=None, changes=(), alone="it came alone")

    document = Document(written(made, pictures()))

    assert "Compared with nothing: it came alone." in document.text
    assert "Nothing to compare with: no verdict" in document.text
    assert f"{made.candidate.name} against" not in document.text
    sections = [attributes.get("id") for name, attributes in document.elements if name == "section"]
    assert "classes" in sections
    assert {"gallery", "margins"}.isdisjoint(sections)
