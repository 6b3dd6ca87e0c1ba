import io

import av
import pytest
from PIL import Image

SIZE = (320, 240)


@pytest.fixture(scope="session")
def scenes(golden):
    """The golden digits (0, 0, 1, 1, and so on to 9, 9), each large on a dark wall."""
    found = []
    for picture in golden.pictures:
        scene = Image.new("RGB", SIZE, (20, 25, 30))
        scene.paste(Image.open(io.BytesIO(picture)).resize((112, 112)), (100, 60))
        found.append(scene)
    return found


@pytest.fixture(scope="session")
def video(tmp_path_factory, scenes):
    """A video file of the scenes."""
    path = tmp_path_factory.mktemp("video") / "digits.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for scene in scenes:
            container.mux(stream.encode(av.VideoFrame.from_image(scene)))
        container.mux(stream.encode())
    return path


@pytest.fixture
def folder(tmp_path, scenes):
    """A folder of the scenes."""
    path = tmp_path / "frames"
    path.mkdir()
    for number, scene in enumerate(scenes):
        scene.save(path / f"{number:02}.png")
    return path
