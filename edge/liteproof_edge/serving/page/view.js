// Shows answers, and what there is to know of the model.
const DOUBTS = {
  "several marks": "There are several marks; this is the largest.",
  "hardly any ink": "There is hardly any ink to go by.",
  "shadow or smear in the ink": "A shadow or smear touches the ink.",
};
const LOW = 0.6; // below, the answer itself is a doubt
const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)} %`;
export const find = (id) => document.getElementById(id);

export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

export function showModel(model) {
  const { accuracy, verification } = model;
  const shipped = accuracy?.shipped;
  find("name").textContent = model.bundle;
  document.title = `${model.bundle} · liteproof`;
  const at = new Date(verification.at);
  const proven = `it answers as the host did on ${verification.same_labels} of ${verification.pictures} golden pictures`;
  find("proof").textContent = `Runs on this device, offline; ${proven}.`;
  find("size").textContent = model.input.shape.slice(1, 3).join(" × ");
  const facts = [
    ["Accuracy", shipped && percent(shipped.top1_accuracy, 2), shipped && `${shipped.correct.toLocaleString("en")} of ${shipped.n.toLocaleString("en")} pictures of ${accuracy.dataset}`],
    ["Before int8", accuracy?.float && percent(accuracy.float.top1_accuracy, 2), accuracy?.verdict?.sentence],
    ["Model", `${(model.model_bytes / 1000).toFixed(1)} kB`, `${model.labels.length} classes, ${model.input.dtype} input`],
    ["Verified here", at.toLocaleDateString("en", { dateStyle: "medium" }), `at ${at.toLocaleTimeString("en", { timeStyle: "short" })} on ${verification.runtime}`],
  ];
  find("facts").replaceChildren(
    ...facts
      .filter(([, value]) => value)
      .map(([name, value, more]) =>
        element("div", {}, element("dt", { textContent: name }), element("dd", { className: "big", textContent: value }), element("dd", { className: "note", textContent: more ?? "" })),
      ),
  );
  prepareBars(model.labels);
}

function prepareBars(labels) {
  find("bars").replaceChildren(
    ...labels.map((label) => {
      const meter = element("meter", { min: 0, max: 1, value: 0, ariaLabel: label });
      return element("li", {}, element("span", { className: "what", textContent: label }), meter, element("span", { className: "share", textContent: "–" }));
    }),
  );
}

function showParts(several) {
  find("marks").hidden = !several;
  for (const id of ["bars", "bars-title"]) find(id).hidden = several;
  find("seen").parentElement.hidden = several;
}

export function showReading({ text, marks, latency_us, round_trip_ms }) {
  showParts(true);
  const doubtful = marks.filter((each) => each.doubts.length).length;
  showVerdict(text.join(" "), `${marks.length} found`, doubtful ? `${doubtful} in doubt: ${[...new Set(marks.flatMap((each) => each.doubts))].join(", ")}.` : "");
  find("marks").replaceChildren(
    ...marks.map((each) => element("li", { className: each.doubts.length ? "doubt" : "" }, element("strong", { textContent: each.label }), ` ${percent(each.probability)}`)),
  );
  find("times").textContent = `model ${Math.round(latency_us)} µs · there and back ${round_trip_ms.toFixed(1)} ms`;
}

export function showAnswer(answer) {
  showParts(false);
  const doubts = answer.doubts.map((each) => DOUBTS[each] ?? `In doubt: ${each}.`);
  if (answer.probability < LOW) doubts.unshift("The model itself is not sure.");
  showVerdict(answer.label, `${percent(answer.probability)} probable`, doubts.join(" "));
  [...find("bars").children].forEach((row, index) => {
    const share = answer.probabilities[row.querySelector(".what").textContent];
    row.querySelector("meter").value = share;
    row.querySelector(".share").textContent = percent(share);
    row.className = index === answer.index ? "first" : "";
  });
  showSeen(answer.seen, answer.label);
  const times = [`model ${Math.round(answer.latency_us)} µs`];
  if (answer.round_trip_ms) times.push(`there and back ${answer.round_trip_ms.toFixed(1)} ms`);
  find("times").textContent = times.join(" · ");
}

export function showNothing(words = "Nothing drawn yet.", doubts = "") {
  showVerdict("?", words, doubts);
  find("marks").replaceChildren();
  for (const row of find("bars").children) {
    row.className = "";
    row.querySelector("meter").value = 0;
    row.querySelector(".share").textContent = "–";
  }
  const seen = find("seen");
  seen.getContext("2d").clearRect(0, 0, seen.width, seen.height);
  seen.ariaLabel = "What the model sees: nothing yet";
  find("times").textContent = "\u00a0";
}

function showVerdict(label, sure, doubts) {
  find("label").textContent = label;
  find("label").classList.toggle("long", label.length > 3);
  find("sure").textContent = sure;
  find("doubts").textContent = doubts;
  find("verdict").classList.toggle("unsure", Boolean(doubts));
}

function showSeen({ width, height, channels, pixels }, label) {
  const canvas = find("seen");
  canvas.width = width;
  canvas.height = height;
  canvas.ariaLabel = `What the model sees of the ${label}: ${width} by ${height} pixels`;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const bytes = Uint8Array.from(atob(pixels), (each) => each.charCodeAt(0));
  for (let at = 0; at < width * height; at++) {
    for (let channel = 0; channel < 3; channel++) image.data[4 * at + channel] = bytes[at * channels + (channels === 3 ? channel : 0)];
    image.data[4 * at + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

// Draws boxes over the picture; their corners are in its own pixels.
export function showBoxes(picture, marks) {
  const boxes = find("boxes");
  const sheet = find("sheet");
  for (const old of sheet.querySelectorAll(".tag")) old.remove();
  boxes.toggleAttribute("hidden", !marks.length); // an SVG element has no property of that name
  if (!marks.length) return;
  const { naturalWidth, naturalHeight } = picture;
  const scale = Math.min(sheet.clientWidth / naturalWidth, sheet.clientHeight / naturalHeight);
  const [width, height] = [naturalWidth * scale, naturalHeight * scale];
  const [left, top] = [(sheet.clientWidth - width) / 2, (sheet.clientHeight - height) / 2];
  boxes.setAttribute("viewBox", `0 0 ${naturalWidth} ${naturalHeight}`);
  Object.assign(boxes.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
  boxes.replaceChildren(
    ...marks.map(({ box: [x, y, right, bottom] }) => {
      const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      for (const [name, value] of Object.entries({ x, y, width: right - x, height: bottom - y })) rect.setAttribute(name, value);
      return rect;
    }),
  );
  for (const { box, label } of marks) {
    if (label === undefined) continue;
    const tag = element("span", { className: "tag", textContent: label, ariaHidden: "true" });
    Object.assign(tag.style, { left: `${left + box[0] * scale}px`, top: `${Math.max(22, top + box[1] * scale)}px` });
    sheet.append(tag);
  }
}

export function showNotice(words) {
  find("notice").textContent = words;
  find("notice").hidden = !words;
}
