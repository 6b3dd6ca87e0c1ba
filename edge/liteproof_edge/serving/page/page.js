// The page: what is drawn, dropped, pasted or chosen is answered by the device.
import { ask, classify, keepToken, takeTokenFromAddress } from "./client.js";
import { showCamera } from "./camera.js";
import { Pad, SENT } from "./pad.js";
import { element, find, showAnswer, showBoxes, showModel, showNothing, showNotice, showReading } from "./view.js";

const REST_MS = 400; // after which a screen reader is told
let pad;
let picture = null; // the file that is shown, or null where there is a drawing
let asking = false;
let again = false;

// One request at a time: what changes meanwhile is asked once it is answered.
async function answer() {
  if (asking) {
    again = true;
    return;
  }
  asking = true;
  do {
    again = false;
    const file = picture;
    if (!file && pad.empty) {
      showBoxes(find("picture"), []);
      showNothing();
    }
    else await answerOne(file);
  } while (again);
  asking = false;
}

async function answerOne(file) {
  try {
    const each = find("each").checked;
    const found = await classify(file ?? (await pad.picture()), each);
    if (again && !file !== !picture) return;
    showNotice("");
    const sheet = file ? find("picture") : { naturalWidth: SENT, naturalHeight: SENT };
    if (each) {
      showReading(found);
      showBoxes(sheet, found.marks);
    } else {
      showAnswer(found);
      const box = found.preprocessing.box;
      showBoxes(sheet, file && box ? [{ box }] : []);
    }
  } catch (problem) {
    showBoxes(find("picture"), []);
    if (problem.code === "picture_unreadable") showNothing("No answer.", file ? `${problem.message}.` : "");
    else if (problem.code === "busy") setTimeout(answer, 1000);
    else complain(problem);
  }
}

function complain(problem) {
  if (problem.status === 401) {
    find("door").hidden = false;
    find("token").focus();
  } else showNotice(problem.message);
}

function rest() {
  clearTimeout(rest.timer);
  rest.timer = setTimeout(() => {
    const words = ["label", "sure", "doubts"].map((id) => find(id).textContent);
    find("spoken").textContent = pad.empty && !picture ? "" : words.join(", ");
  }, REST_MS);
}

function showPicture(file) {
  const image = find("picture");
  URL.revokeObjectURL(image.src);
  picture = file;
  image.hidden = !file;
  showBoxes(image, []);
  find("sheet").classList.toggle("used", Boolean(file) || !pad.empty);
  if (file) image.src = URL.createObjectURL(file);
  else image.removeAttribute("src");
}

async function takeFiles(files) {
  const pictures = [...files];
  if (!pictures.length) return;
  find("several").hidden = pictures.length < 2;
  if (pictures.length > 1) await answerSeveral(pictures);
  pad.clear();
  showPicture(pictures[0]);
  await find("picture").decode().catch(() => {});
  await answer();
  rest();
}

async function answerSeveral(pictures) {
  find("gallery").replaceChildren();
  for (const file of pictures) {
    const words = element("span", { textContent: "…" });
    const image = element("img", { src: URL.createObjectURL(file), alt: "" });
    find("gallery").append(element("li", {}, image, words, element("br"), file.name));
    try {
      const found = await classify(file);
      words.replaceChildren(element("strong", { textContent: found.label }), ` ${(100 * found.probability).toFixed(1)} %`);
    } catch (problem) {
      words.textContent = problem.message;
    }
  }
}

function clear() {
  showPicture(null);
  find("several").hidden = true;
  pad.clear();
}

function listen() {
  find("clear").addEventListener("click", clear);
  find("undo").addEventListener("click", () => pad.undo());
  find("each").addEventListener("change", answer);
  for (const id of ["file", "photo"]) {
    find(id).addEventListener("change", async (event) => {
      await takeFiles(event.target.files);
      event.target.value = "";
    });
  }
  addEventListener("paste", (event) => takeFiles(event.clipboardData.files));
  const sheet = find("sheet");
  addEventListener("dragover", (event) => {
    event.preventDefault();
    sheet.classList.add("over");
  });
  for (const end of ["dragleave", "drop"]) addEventListener(end, () => sheet.classList.remove("over"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    takeFiles(event.dataTransfer.files);
  });
  addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "z" && !picture) {
      event.preventDefault();
      pad.undo();
    }
  });
  addEventListener("resize", () => picture && answer());
  find("door").addEventListener("submit", (event) => {
    event.preventDefault();
    keepToken(find("token").value);
    find("door").hidden = true;
    begin();
  });
}

async function begin() {
  try {
    const model = await (await ask("v1/model")).json();
    showNotice("");
    showModel(model);
    const drawn = model.preprocessing.kind === "ink";
    document.body.classList.toggle("photo-only", !drawn);
    find("input-title").textContent = drawn ? "Draw" : "Show a picture";
    find("each-label").hidden = !drawn;
    find("hint").textContent = drawn ? "draw here, or drop a picture" : "drop a picture here";
    if (model.camera) showCamera();
    showNothing(drawn ? "Nothing drawn yet." : "No picture yet.");
  } catch (problem) {
    complain(problem);
  }
}

function changed() {
  if (!pad.empty && picture) showPicture(null);
  find("sheet").classList.toggle("used", !pad.empty || Boolean(picture));
  answer();
}

takeTokenFromAddress();
find("origin").textContent = location.origin;
find("photo-label").hidden = find("photo").hidden = !matchMedia("(pointer: coarse)").matches;
pad = new Pad(find("pad"), find("pen-status"), changed, rest);
listen();
begin();
