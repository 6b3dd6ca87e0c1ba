"""The report in headless Chromium: it renders, complains of nothing, and its controls work."""

import browser
import pytest
from evidence_examples import HOSTILE, drawn, evidence, pictures

from liteproof.report.page import write_report

pytestmark = browser.NEEDED
SHOWN = "[...document.querySelectorAll('.card:not([hidden])')]"


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    names = [f"digit {at}" for at in range(10)]
    write_report(evidence(*drawn(900, 10, 0.9), names), pictures(), path)
    return path


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "hostile.html"
    facts = {each: each for each in HOSTILE}
    write_report(
        evidence(*drawn(400, 10, 0.9), HOSTILE, provenance=facts, dataset=HOSTILE[0]),
        pictures(),
        path,
    )
    return path


def shown(page, key):
    return page.value(f"{SHOWN}.map((card) => card.dataset.{key})")


def test_pictures_and_charts_are_rendered(page, report):
    page.open(report)

    assert page.value("[...document.images].every((each) => each.complete && each.naturalWidth)")
    charts = page.value("[...document.querySelectorAll('.chart')].map((each) => each.clientHeight)")
    assert len(charts) > 10
    assert min(charts) > 0


def test_filters_show_one_kind_and_one_class(page, report):
    page.open(report)
    everything = page.value("document.querySelectorAll('.card').length")
    assert len(shown(page, "kind")) == min(everything, 60)

    page.value("document.querySelector('[data-filter=broken]').click()")
    assert set(shown(page, "kind")) == {"broken"}

    label = shown(page, "label")[0]
    page.choose("class-filter", label)
    assert set(shown(page, "label")) == {label}
    assert set(shown(page, "kind")) == {"broken"}

    page.value("document.getElementById('clear').click()")
    assert len(shown(page, "kind")) == min(everything, 60)


def test_a_cell_of_the_matrix_filters_the_pictures(page, report):
    page.open(report)
    cell = "document.querySelector('#panel-candidate [data-answer]')"
    page.value("document.getElementById('tab-candidate').click()")
    page.value(f"{cell}.click()")

    assert set(shown(page, "label")) == {page.value(f"{cell}.dataset.truth")}
    assert set(shown(page, "after")) == {page.value(f"{cell}.dataset.answer")}
    assert "only digit" in page.value("document.getElementById('gallery-status').textContent")


def test_more_pictures_come_when_asked_for(page, report):
    page.open(report)
    everything = page.value("document.querySelectorAll('.card').length")
    assert everything > 60

    while not page.value("document.getElementById('more').hidden"):
        page.value("document.getElementById('more').click()")

    assert len(shown(page, "kind")) == everything


def test_tabs_are_changed_by_arrow_keys(page, report):
    visible = "document.querySelector('[role=tabpanel]:not([hidden])').id"
    page.open(report)
    assert page.value(visible) == "panel-difference"

    page.value("document.getElementById('tab-difference').focus()")
    page.press("ArrowRight")
    assert page.value(visible) == "panel-baseline"
    page.press("ArrowLeft")
    page.press("ArrowLeft")

    assert page.value(visible) == "panel-candidate"
    assert page.value("document.activeElement.id") == "tab-candidate"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(page, report, scheme):
    page.open(report, scheme=scheme)

    page.check_contrast()


def test_colours_follow_the_scheme(page, report):
    paper = "getComputedStyle(document.body).backgroundColor"
    page.open(report, scheme="dark")
    dark = page.value(paper)
    page.open(report, scheme="light")

    assert dark == "rgb(15, 20, 26)"
    assert page.value(paper) == "rgb(245, 246, 248)"


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_is_wider_than_the_window(page, report, hostile, width):
    for path in (report, hostile):
        page.open(path, width=width)

        page.check_width(width)


def test_hostile_names_run_nothing(page, hostile):
    page.open(hostile)

    assert page.value("document.scripts.length") == 1
    assert page.value("document.querySelectorAll('[onerror], [onmouseover]').length") == 0
    assert page.value("document.querySelectorAll('.card').length") > 0


def test_every_picture_is_printed(page, report):
    page.open(report)
    everything = page.value("document.querySelectorAll('.card').length")
    page.value("dispatchEvent(new Event('beforeprint')) && null")
    assert len(shown(page, "kind")) == everything

    page.value("dispatchEvent(new Event('afterprint')) && null")

    assert len(shown(page, "kind")) == 60


def test_report_can_be_printed(page, report):
    page.open(report, scheme="dark")

    assert page.pdf().startswith(b"%PDF")
    page.ask("Emulation.setEmulatedMedia", media="print")
    assert page.value("document.querySelectorAll('[role=tabpanel]')[0].clientHeight") > 0
    assert page.value("getComputedStyle(document.body).color") == "rgb(23, 33, 43)"
