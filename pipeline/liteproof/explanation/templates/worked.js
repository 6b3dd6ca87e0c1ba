// One convolution, worked out: the window that is taken, its products, their sum, the bias.
"use strict";
const steps = JSON.parse(document.getElementById("data").textContent);
const find = (id) => document.getElementById(id);
const ENDS = [[178, 84, 6], [245, 246, 248], [6, 66, 110]];
const MOST_SUMS = 64;
const WIDE = 5; // columns of a table
const ROOM = 44; // pixels of a cell that a number fits in

function floats(text) {
  const bytes = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}
function figures(value, digits = 3) {
  if (value === 0 || Math.abs(value) < 5e-5) return "0";
  const size = Math.abs(value);
  const text = Number.isInteger(value) ? String(size) : size >= 100 ? size.toFixed(0) : size.toPrecision(digits);
  return (value < 0 ? "−" : "") + text.replace(/e([+-]\d+)$/, "·10^$1");
}
function colour(value, reach) {
  const share = Math.max(-1, Math.min(1, reach ? value / reach : 0));
  const end = ENDS[share < 0 ? 0 : 2];
  const mixed = ENDS[1].map((paper, at) => Math.round(paper + (end[at] - paper) * Math.abs(share)));
  return `rgb(${mixed.join()})`;
}

let step, row, column, filter, channel;
const inside = (y, x) => y >= 0 && x >= 0 && y < step.inputShape[0] && x < step.inputShape[1];
const taken = (y, x, c) => (inside(y, x) ? step.values.input[(y * step.inputShape[1] + x) * step.inputShape[2] + c] : 0);
// A depthwise filter has a kernel for its own channel alone.
const weight = (i, j, c) => {
  const [, width] = step.size;
  const [channels, filters] = [step.depthwise ? 1 : step.inputShape[2], step.outputShape[2]];
  return step.values.kernel[((i * width + j) * channels + (step.depthwise ? 0 : c)) * filters + filter];
};
const origin = () => [row * step.strides[0] - step.pad[0], column * step.strides[1] - step.pad[1]];
const channels = () => (step.depthwise ? [filter] : [...Array(step.inputShape[2]).keys()]);
const output = (y, x) => step.values.output[(y * step.outputShape[1] + x) * step.outputShape[2] + filter];

function sumOf(c) {
  const [top, left] = origin();
  let sum = 0;
  for (let i = 0; i < step.size[0]; i++)
    for (let j = 0; j < step.size[1]; j++) sum += taken(top + i, left + j, c) * weight(i, j, c);
  return sum;
}
function paint(canvas, rows, columns, value, margin, mark) {
  const [top, left, bottom, right] = margin;
  const [high, wide] = [rows + top + bottom, columns + left + right];
  const cell = Math.max(1, Math.floor(336 / Math.max(high, wide)));
  canvas.width = wide * cell;
  canvas.height = high * cell;
  const context = canvas.getContext("2d");
  let reach = 0;
  for (let y = 0; y < rows; y++) for (let x = 0; x < columns; x++) reach = Math.max(reach, Math.abs(value(y, x)));
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.strokeStyle = "#8a96a3";
  context.font = `600 ${Math.min(30, Math.round(cell / 3))}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (let y = -top; y < rows + bottom; y++)
    for (let x = -left; x < columns + right; x++) {
      const [px, py] = [(x + left) * cell, (y + top) * cell];
      if (y >= 0 && x >= 0 && y < rows && x < columns) {
        context.fillStyle = colour(value(y, x), reach);
        context.fillRect(px, py, cell, cell);
        if (cell >= ROOM) {
          context.fillStyle = Math.abs(value(y, x)) > reach / 2 ? "#ffffff" : "#17212b";
          context.fillText(figures(value(y, x)), px + cell / 2, py + cell / 2);
        }
      } else if (cell > 5) {
        context.setLineDash([2, 2]);
        context.strokeRect(px + 1.5, py + 1.5, cell - 3, cell - 3);
      }
    }
  const [y, x, h, w] = mark;
  context.setLineDash([]);
  for (const [width, style] of [[6, "#ffffff"], [3, "#d81b60"]]) {
    context.lineWidth = width;
    context.strokeStyle = style;
    context.strokeRect((x + left) * cell, (y + top) * cell, w * cell, h * cell);
  }
  context.lineWidth = 1;
}
function table(id, value, outside) {
  const [height, width] = step.size;
  const body = document.createElement("tbody");
  for (let i = 0; i < height; i++) {
    const line = body.insertRow();
    for (let j = 0; j < width; j++) {
      const cell = line.insertCell();
      cell.textContent = figures(value(i, j), width > WIDE ? 2 : 3);
      cell.dataset.value = value(i, j);
      if (outside && outside(i, j)) cell.className = "outside";
    }
  }
  find(id).replaceChildren(body);
  find(id).className = width > 3 ? "dense" : "";
  // What may have to be scrolled can be reached by keyboard.
  if (width > WIDE) find(id).parentElement.tabIndex = 0;
  else find(id).parentElement.removeAttribute("tabindex");
}
function show() {
  const [height, width] = step.size;
  const [top, left] = origin();
  const [rows, columns] = step.inputShape;
  const below = Math.max(0, (step.outputShape[0] - 1) * step.strides[0] + height - rows - step.pad[0]);
  const right = Math.max(0, (step.outputShape[1] - 1) * step.strides[1] + width - columns - step.pad[1]);
  paint(find("input-map"), rows, columns, (y, x) => taken(y, x, channel), [...step.pad, below, right], [top, left, height, width]);
  paint(find("output-map"), step.outputShape[0], step.outputShape[1], output, [0, 0, 0, 0], [row, column, 1, 1]);
  find("channel-name").textContent = `channel ${channel + 1} of ${step.depthwise ? step.all : step.inputShape[2]}`;
  find("filter-name").textContent = `filter ${filter + 1}, row ${row + 1}, column ${column + 1}`;
  const outside = (i, j) => !inside(top + i, left + j);
  table("patch", (i, j) => taken(top + i, left + j, channel), outside);
  table("kernel", (i, j) => weight(i, j, channel));
  table("products", (i, j) => taken(top + i, left + j, channel) * weight(i, j, channel), outside);
  const sums = channels().map(sumOf);
  const own = sums[channels().indexOf(channel)];
  find("channel-sum").textContent = figures(own);
  find("channel-sum").dataset.value = own;
  showSums(sums);
  const sum = sums.reduce((one, other) => one + other, 0);
  const bias = step.values.bias[filter];
  const result = output(row, column);
  const parts = sums.length > 1 ? `${sums.length} channels: ${figures(sum)}` : figures(sum);
  const activation = step.activation ? ` → ${step.activation} → ${figures(result)}` : "";
  const total = find("total");
  total.textContent = `${parts} + bias ${figures(bias)} = ${figures(sum + bias)}${activation}`;
  Object.assign(total.dataset, { sum, bias, before: sum + bias, result, row, column, filter });
  find("said").textContent = `Row ${row + 1}, column ${column + 1}: ${total.textContent}`;
}
function showSums(sums) {
  const group = find("channels");
  group.hidden = sums.length < 2;
  const buttons = channels().slice(0, MOST_SUMS).map((c, at) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = `${c + 1}: ${figures(sums[at])}`;
    button.setAttribute("aria-pressed", c === channel);
    button.addEventListener("click", () => { channel = c; show(); });
    return button;
  });
  const focused = group.contains(document.activeElement) ? [...group.children].indexOf(document.activeElement) : -1;
  group.replaceChildren(...buttons);
  if (focused >= 0) buttons[focused].focus();
}
function choose(at) {
  step = steps[at];
  step.values ??= Object.fromEntries(["input", "kernel", "bias", "output"].map((key) => [key, floats(step[key])]));
  [row, column, filter] = step.start;
  channel = step.depthwise ? filter : 0;
  const options = [...Array(step.outputShape[2]).keys()].map((each) => new Option(`${each + 1} of ${step.all}`, each));
  find("filter").replaceChildren(...options);
  find("filter").value = filter;
  show();
}
function moveTo(y, x) {
  row = Math.max(0, Math.min(step.outputShape[0] - 1, y));
  column = Math.max(0, Math.min(step.outputShape[1] - 1, x));
  show();
}
function point(event) {
  const box = find("output-map").getBoundingClientRect();
  moveTo(
    Math.floor(((event.clientY - box.top) / box.height) * step.outputShape[0]),
    Math.floor(((event.clientX - box.left) / box.width) * step.outputShape[1]),
  );
}
if (steps.length) {
  find("layer").addEventListener("change", (event) => choose(event.target.value));
  find("filter").addEventListener("change", (event) => {
    filter = Number(event.target.value);
    if (step.depthwise) channel = filter;
    show();
  });
  const map = find("output-map");
  map.addEventListener("pointermove", point);
  map.addEventListener("pointerdown", point);
  map.addEventListener("keydown", (event) => {
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const turn = { PageUp: -1, PageDown: 1 }[event.key];
    if (moves[event.key]) moveTo(row + moves[event.key][0], column + moves[event.key][1]);
    else if (turn && !step.depthwise) {
      channel = (channel + turn + step.inputShape[2]) % step.inputShape[2];
      show();
    } else return;
    event.preventDefault();
  });
  choose(0);
}

// Printed, everything is open.
let closed = [];
addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll("details:not([open])")];
  for (const each of closed) each.open = true;
});
addEventListener("afterprint", () => {
  for (const each of closed) each.open = false;
});
