// Shows what a camera sees, and what was answered.
import { ask, hasToken } from "./client.js";
import { find } from "./view.js";

const PAUSE_MS = 250;

export async function showCamera() {
  find("live").hidden = false;
  const frame = find("frame");
  if (!hasToken()) frame.src = "v1/camera.mjpeg"; // an image's request cannot carry a token
  for (;;) {
    try {
      const seen = await (await ask("v1/camera")).json();
      if (hasToken()) await showFrame(frame);
      find("live-text").textContent = words(seen);
    } catch (problem) {
      if (problem.status !== 404) find("live-text").textContent = problem.message;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

async function showFrame(frame) {
  const image = await (await ask("v1/camera.jpg")).blob();
  URL.revokeObjectURL(frame.src);
  frame.src = URL.createObjectURL(image);
}

function words(seen) {
  const answer = seen.label === null ? "nothing that is sure" : `${seen.label}, ${(100 * seen.confidence).toFixed(1)} %`;
  const rate = seen.frames_per_second === null ? "" : ` · ${seen.frames_per_second} frames a second`;
  return `${[answer, ...seen.doubts].join("; ")}${rate} · ${seen.dropped} dropped`;
}
