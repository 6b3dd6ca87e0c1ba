"""The page of one model and one picture: one offline HTML file."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from liteproof.explanation import views, words
from liteproof.explanation.drawings import bars
from liteproof.explanation.stepping import (
    BUDGET,
    Worked,
    as_json,
    size,
    within_budget,
    worked_steps,
)
from liteproof.explanation.story import Reason, Story
from liteproof.explanation.tiles import LARGEST_PHOTO, Shown, enlarged, overlay, photo
from liteproof.report.house import page_environment, parts, read_template
from liteproof.report.wording import percent
from liteproof.storage import write_file
from liteproof_edge.preprocessing.photo import ChannelOrder, PhotoSpec
from liteproof_edge.preprocessing.pictures import decode, flatten
from liteproof_edge.preprocessing.spec import QUIET, Spec

LARGEST = 3_000_000  # bytes of a page
LEAST_ROOM, SPARE = 1_200_000, 10_000  # of these for the numbers to step through; for their names
MAPS = (16, 8, 4, 2, 1, 0)  # channels that are shown of a layer: as many as there is room for
PACKAGE = "liteproof.explanation"
STYLES, SCRIPTS = ["explain.css"], ["worked.js"]
MOST_LABELS = 10  # with their probability
SHOWN_SIDE = 300  # pixels of the picture as it came
TEMPLATES = ("parts.html", "explain.html", "lecture.html", "why.html")


def write_page(story: Story, path: Path) -> None:
    """Write the page, of at most 3 MB, whole or not at all.

    Raises:
        StorageError: it cannot be written.
    """
    write_file(path, render_story(story))


def render_story(story: Story) -> str:
    """Return the page; of a deep network with fewer maps, and fewer numbers to step through."""
    found = list(worked_steps(story.steps, story.entry))
    wanted = min(LEAST_ROOM, sum(map(size, found)))
    page = ""
    for most in MAPS:
        shown = [
            views.view(story.steps, at, story.entry, story.subject.labels, max(most, 1))
            for at in range(len(story.steps))
        ]
        if not most:
            shown = [views.in_words(each) for each in shown]
        room = LARGEST - len(_render_story(story, shown, []).encode()) - SPARE
        if room >= wanted or most == MAPS[-1]:
            page = _render_story(story, shown, within_budget(found, min(BUDGET, room)))
            break
    return page


def render(template: str, data: list[dict[str, Any]], **context: Any) -> str:  # noqa: ANN401
    """Fill in one of our templates.

    Args:
        template: its name.
        data: the convolutions that the page's script works out.
        context: what the template names.
    """
    environment = page_environment({each: read_template(PACKAGE, each) for each in TEMPLATES})
    environment.filters["channel"] = lambda values, at: values[..., at].tolist()
    return environment.get_template(template).render(
        **parts(PACKAGE, STYLES, SCRIPTS), data=_json(data), worked=data, **context
    )


def _json(data: list[dict[str, Any]]) -> Markup:
    """Return JSON that can stand within a script element."""
    text = json.dumps(data, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704


def _render_story(story: Story, shown: list[views.View], worked: list[Worked]) -> str:
    subject = story.subject
    answer = int(np.argmax(story.probabilities))
    return render(
        "explain.html",
        [as_json(each) for each in worked],
        story=story,
        subject=subject,
        answer=subject.labels[answer],
        sure=percent(float(story.probabilities[answer])),
        float_answer=subject.labels[int(np.argmax(story.logits))],
        original=_original(story.picture),
        seen=photo(in_colours(story.prepared.pixels, subject.spec), "what the model sees"),
        entry=(words.entry_formula(story.entry), words.entry_example(story.entry)),
        views=shown,
        left_out=sum(step.can_be_stepped for step in story.steps) - len(worked),
        in_words=any(each.is_in_words for each in shown),
        in_part=sum(each.extent > 0 for each in worked),
        logits=_logit_bars(story),
        probabilities=_probability_bars(story),
        reasons=[(subject.labels[each.at], *_reason(story, each)) for each in story.reasons],
        changed=[each for each in shown if each.int8],
        compared=f"Float and {subject.form}" if subject.float_model else subject.form,
        worst=None if story.worst is None else story.worst + 1,
    )


def in_colours(pixels: NDArray[np.uint8], spec: Spec) -> NDArray[np.uint8]:
    """Return a model's input, uint8 (height, width, channels), with red first, as a page has it."""
    takes_blue_first = isinstance(spec, PhotoSpec) and spec.order is ChannelOrder.BGR
    return pixels[..., ::-1] if takes_blue_first else pixels


def _original(path: Path) -> Shown:
    """Return the picture as it came, upright, and no larger than needed."""
    with QUIET:
        image = flatten(decode(path, LARGEST_PHOTO).image)
    image.thumbnail((LARGEST_PHOTO, LARGEST_PHOTO))
    share = SHOWN_SIDE / max(image.size)
    shown = photo(np.asarray(image.convert("RGB")), "the picture as it came")
    width, height = (max(1, round(share * side)) for side in image.size)
    return replace(shown, width=width, height=height)


def _top(story: Story) -> list[int]:
    order = np.argsort(-story.probabilities, kind="stable")
    chosen = order[:MOST_LABELS]
    return sorted(int(at) for at in chosen)


def _logit_bars(story: Story) -> Markup:
    top = _top(story)
    names = [story.subject.labels[at] for at in top]
    return bars([float(story.device_logits[at]) for at in top], names, "logits")


def _probability_bars(story: Story) -> Markup:
    top = _top(story)
    names = [story.subject.labels[at] for at in top]
    shares = [float(story.probabilities[at]) for at in top]
    return bars(shares, names, "probabilities", [percent(each) for each in shares])


def _reason(story: Story, reason: Reason) -> tuple[Shown, Shown | None]:
    pixels = story.prepared.pixels
    label = story.subject.labels[reason.at]
    cover = overlay(pixels, reason.occlusion, f"occlusion map of {label}")
    if reason.cam is None:
        return cover, None
    cam = enlarged(reason.cam, (pixels.shape[0], pixels.shape[1]))
    return cover, overlay(pixels, cam, f"Grad-CAM of {label}")
