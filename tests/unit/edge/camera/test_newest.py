import threading

import pytest

from liteproof_edge.camera.newest import frames
from liteproof_edge.errors import ResourceError


class Camera:
    """A camera whose frames come when the test says so; its images are their numbers."""

    live = True

    def __init__(self, batches, error=None):
        self.batches, self.error = batches, error
        self.go = [threading.Semaphore(0) for _ in batches]
        self.came = [threading.Semaphore(0) for _ in batches]

    def frames(self):
        number = 0
        for batch, go, came in zip(self.batches, self.go, self.came, strict=True):
            go.acquire()
            for _ in range(batch):
                yield number
                number += 1
            came.release()
        if self.error:
            raise self.error


def test_slow_reader_gets_the_newest_and_is_told_what_was_dropped():
    camera = Camera([1, 5, 2])
    seen = frames(camera)
    taken = []
    camera.go[0].release()
    taken.append(next(seen))
    for batch in (1, 2):
        camera.go[batch].release()
        camera.came[batch].acquire()
        taken.append(next(seen))

    # The last frame of a batch is kept once the camera is asked for the next one.
    assert taken[0][:2] == (0, 0)
    assert [frame.image for frame in taken] == [frame.number for frame in taken]
    numbers = [frame.number for frame in taken]
    assert numbers == sorted(set(numbers))
    assert [frame.dropped for frame in taken] == [
        number - position for position, number in enumerate(numbers)
    ]
    assert numbers[1] >= 4


def test_end_of_a_camera_ends_the_frames():
    camera = Camera([1])
    camera.go[0].release()

    assert [frame.number for frame in frames(camera)] == [0]


def test_error_of_a_camera_is_raised_where_frames_are_taken():
    camera = Camera([1], ResourceError("gone"))
    camera.go[0].release()
    with pytest.raises(ResourceError, match="gone"):
        list(frames(camera))


def test_no_frame_of_a_file_is_dropped(video):
    from liteproof_edge.camera.sources import open_source  # noqa: PLC0415 - here alone

    with open_source(str(video)) as source:
        found = list(frames(source))

    assert [frame.number for frame in found] == list(range(20))
    assert {frame.dropped for frame in found} == {0}
