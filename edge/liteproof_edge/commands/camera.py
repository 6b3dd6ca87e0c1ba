"""`camera`: what a camera sees, a line of JSON for each frame; with a page that shows it."""

import argparse
import io
import json
import signal
import threading
from collections.abc import Callable
from contextlib import suppress

from PIL import Image

from liteproof_edge.camera.newest import frames
from liteproof_edge.camera.sightings import Sighting, draw, watch
from liteproof_edge.camera.sources import Source, open_source
from liteproof_edge.classifier import Classifier

JPEG_QUALITY = 80
LAST_FRAME_S = 1.0  # for a frame that is being looked at when the page ends


def run(options: argparse.Namespace) -> int:
    """Answer frames until there are no more, or until the process is told to end."""
    with (
        open_source(options.source) as source,
        Classifier.load(
            options.bundle, runtime=options.runtime, threads=options.threads
        ) as classifier,
    ):
        if options.preview:
            _with_page(options, source, classifier)
        else:
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            with suppress(KeyboardInterrupt):  # the way to end it
                _watch(options, source, classifier, lambda _, __: None)
    return 0


def _watch(
    options: argparse.Namespace,
    source: Source,
    classifier: Classifier,
    show: Callable[[Image.Image, Sighting], None],
) -> None:
    seen = watch(frames(source), classifier, options.min_confidence)
    for count, (frame, sighting) in enumerate(seen, 1):
        print(json.dumps(sighting.to_json()), flush=True)
        show(frame.image, sighting)
        if count == options.count:
            return


def _with_page(options: argparse.Namespace, source: Source, classifier: Classifier) -> None:
    from liteproof_edge.commands.serve import serve_page  # noqa: PLC0415 - behind an extra
    from liteproof_edge.serving.feed import Closed, Feed  # noqa: PLC0415 - the same

    feed = Feed()

    def show(image: Image.Image, sighting: Sighting) -> None:
        file = io.BytesIO()
        draw(image, sighting).save(file, "JPEG", quality=JPEG_QUALITY)
        feed.show(file.getvalue(), sighting.to_json())

    def work() -> None:
        try:
            _watch(options, source, classifier, show)
        except Closed:
            feed.end()
        except Exception as error:  # noqa: BLE001 - it is raised again once the server has ended
            feed.end(error)
        else:
            feed.end()

    watching = threading.Thread(target=work, name="watch", daemon=True)
    serve_page(options, feed, watching.start)
    feed.close()
    watching.join(LAST_FRAME_S)
    if feed.error:
        raise feed.error
