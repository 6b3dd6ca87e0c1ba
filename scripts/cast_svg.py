"""An asciicast of lines, none of which is changed once it is there, as one animated SVG.

Each line appears when it was printed, and what scrolls away moves up; the animation is CSS, so that
it plays in an <img>. Who asked for less motion sees the end.
"""

import json
from dataclasses import dataclass, field
from html import escape

MAX_PAUSE_SECONDS = 1.2
END_SECONDS = 5.0
CHARACTER, LINE, SIZE = 8.43, 20, 14
MARGIN, BAR = 18, 36
PROMPT = "$ "
STYLE = """\
text{font:%dpx ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
text{fill:#d0d7de;white-space:pre}.c{fill:#fff;font-weight:600}.p{fill:#3fb950}.t{fill:#8b949e}
.s{animation:s %.2fs step-end infinite}.l{animation:%.2fs step-end infinite}
@media(prefers-reduced-motion){*{animation:none!important}.s{transform:translateY(%dpx)}}
"""


@dataclass(slots=True)
class Line:
    """A line, and when it and, where it was typed, each of its characters was there."""

    text: str = ""
    times: list[float] = field(default_factory=list)


def draw(cast: str) -> str:
    """Return an asciicast (version 2) as an SVG.

    Raises:
        ValueError: it has control characters other than ends of lines.
    """
    header, *events = map(json.loads, cast.splitlines())
    lines, seconds = lines_of([(at, text) for at, _, text in events], header["width"])
    duration = seconds + END_SECONDS
    rows, width = header["height"], round(header["width"] * CHARACTER) + 2 * MARGIN
    height = BAR + rows * LINE + MARGIN
    last = -LINE * max(0, len(lines) - rows)
    scroll, drawn = ["0%{transform:translateY(0)}"], []
    frames = []
    for number, line in enumerate(lines):
        share = _percent(line.times[0] if line.times else seconds, duration)
        if number >= rows:
            scroll.append(f"{share}{{transform:translateY({-LINE * (number - rows + 1)}px)}}")
        frames.append(f"@keyframes l{number}{{0%{{opacity:0}}{share}{{opacity:1}}}}")
        drawn.append(_line(line, number, duration, frames))
    shown = "\n".join(drawn)
    style = STYLE % (SIZE, duration, duration, last)
    title = escape(header.get("title", "a terminal"))
    spoken = escape("\n".join(line.text for line in lines))
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" \
height="{height}" role="img" aria-labelledby="title desc">
<title id="title">{title}</title>
<desc id="desc">{spoken}</desc>
<style>
{style}@keyframes s{{{"".join(scroll)}}}
{"".join(frames)}
</style>
<rect width="{width}" height="{height}" rx="10" fill="#0d1117"/>
<circle cx="22" cy="19" r="6" fill="#ff5f57"/><circle cx="42" cy="19" r="6" fill="#febc2e"/>\
<circle cx="62" cy="19" r="6" fill="#28c840"/>
<text class="t" x="{width / 2:g}" y="24" text-anchor="middle">{title}</text>
<svg y="{BAR}" height="{rows * LINE + 4}" width="{width}"><g class="s">
{shown}
</g></svg>
</svg>
"""


def lines_of(events: list[tuple[float, str]], width: int) -> tuple[list[Line], float]:
    """Return the lines that are there at the end, with pauses cut short; and how long it takes."""
    lines, now, before = [Line()], 0.0, 0.0
    for at, text in events:
        now += min(at - before, MAX_PAUSE_SECONDS)
        before = at
        for character in text.replace("\r\n", "\n"):
            if character == "\n":
                lines.append(Line())
            elif character.isprintable():
                if len(lines[-1].text) == width:
                    lines.append(Line())
                lines[-1].text += character
                lines[-1].times.append(now)
            else:
                raise ValueError(f"{character!r} in the recording, expected lines alone")
    return lines, now


def _line(line: Line, number: int, duration: float, frames: list[str]) -> str:
    """Return a line's element; one that was typed is uncovered as it was typed."""
    y = number * LINE + SIZE
    style = f'class="l" style="animation-name:l{number}"'
    if not line.text.startswith(PROMPT):
        return f'<text {style} x="{MARGIN}" y="{y}">{escape(line.text)}</text>'
    typed = line.text[len(PROMPT) :]
    begin, end = (_percent(line.times[at], duration) for at in (len(PROMPT) - 1, -1))
    frames.append(
        f"@keyframes t{number}{{0%,{begin}{{clip-path:inset(0 100% 0 0)}}"
        f"{end},100%{{clip-path:inset(0)}}}}"
    )
    typing = f"animation:t{number} {duration:.2f}s steps({max(len(typed), 1)}) infinite"
    x = MARGIN + CHARACTER * len(PROMPT)
    return (
        f'<g {style}><text class="p" x="{MARGIN}" y="{y}">{PROMPT}</text>'
        f'<text class="c" style="{typing}" x="{x:g}" y="{y}">{escape(typed)}</text></g>'
    )


def _percent(seconds: float, duration: float) -> str:
    return f"{100 * seconds / duration:.2f}%"
