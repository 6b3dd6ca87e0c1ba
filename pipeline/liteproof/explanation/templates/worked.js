// One convolution, worked out: the window that is taken, its products, their sum, the bias.
"use strict";
const steps = JSON.parse(document.getElementById("data").textContent);
const find = (id) => document.getElementById(id);
const ENDS = [[178, 84, 6], [245, 246, 248], [6, 66, 110]];
const MOST_SUMS = 24; // channels that are named: those that add most
const DIGITS = 2; // of a number within a map
const WIDE = 5; // columns of a table
const LEAST_TEXT = 11; // pixels: the smallest number that is written into a cell

const TYPES = { int8: Int8Array, uint8: Uint8Array, int16: Int16Array };

const bytes = (text) => Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
function floats({ values, codes, scale, zeroPoint }) {
  if (!codes) return new Float32Array(bytes(values).buffer);
  return Float32Array.from(new TYPES[codes](bytes(values).buffer), (each) => (each - zeroPoint) * scale);
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
// Rows and columns are the whole map's; of a large one, only those of a part are here.
const taken = (y, x, c) => {
  if (!inside(y, x)) return 0;
  const [top, left, , wide] = step.taken;
  return step.values.input[((y - top) * wide + x - left) * step.inputShape[2] + c];
};
// A depthwise filter has a kernel for its own channel alone.
const weight = (i, j, c) => {
  const [, width] = step.size;
  const [channels, filters] = [step.depthwise ? 1 : step.inputShape[2], step.outputShape[2]];
  return step.values.kernel[((i * width + j) * channels + (step.depthwise ? 0 : c)) * filters + filter];
};
const origin = () => [row * step.strides[0] - step.pad[0], column * step.strides[1] - step.pad[1]];
const channels = () => (step.depthwise ? [filter] : [...Array(step.inputShape[2]).keys()]);
const output = (y, x) => {
  const [top, left, , wide] = step.part;
  return step.values.output[((y - top) * wide + x - left) * step.outputShape[2] + filter];
};

function sumOf(c) {
  const [top, left] = origin();
  let sum = 0;
  for (let i = 0; i < step.size[0]; i++)
    for (let j = 0; j < step.size[1]; j++) sum += taken(top + i, left + j, c) * weight(i, j, c);
  return sum;
}
// Paints the cells from row `top` and column `left` on; those outside the map are zeros.
function paint(canvas, [top, left, high, wide], value, isInside, mark) {
  const cell = Math.max(1, Math.floor(336 / Math.max(high, wide)));
  canvas.width = wide * cell;
  canvas.height = high * cell;
  const context = canvas.getContext("2d");
  const cells = [];
  for (let y = top; y < top + high; y++) for (let x = left; x < left + wide; x++) cells.push([y, x]);
  const reach = cells.reduce((most, [y, x]) => (isInside(y, x) ? Math.max(most, Math.abs(value(y, x))) : most), 0);
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.strokeStyle = "#8a96a3";
  const font = (pixels) => `600 ${pixels}px system-ui, sans-serif`;
  const texts = cell > 2 * LEAST_TEXT ? cells.filter((at) => isInside(...at)).map((at) => figures(value(...at), DIGITS)) : [];
  context.font = font(100);
  const widest = Math.max(1, ...texts.map((text) => context.measureText(text).width));
  const text = Math.min(30, Math.floor((90 * cell) / widest));
  context.font = font(text);
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (const [y, x] of cells) {
    const [px, py] = [(x - left) * cell, (y - top) * cell];
    if (isInside(y, x)) {
      context.fillStyle = colour(value(y, x), reach);
      context.fillRect(px, py, cell, cell);
      if (texts.length && text >= LEAST_TEXT) {
        context.fillStyle = Math.abs(value(y, x)) > reach / 2 ? "#ffffff" : "#17212b";
        context.fillText(figures(value(y, x), DIGITS), px + cell / 2, py + cell / 2);
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
    context.strokeRect((x - left) * cell, (y - top) * cell, w * cell, h * cell);
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
// What the windows reach, and what is there of the input.
function reached() {
  const spans = [0, 1].map((at) => {
    const first = step.part[at] * step.strides[at] - step.pad[at];
    const end = first + (step.part[at + 2] - 1) * step.strides[at] + step.size[at];
    return [Math.min(first, step.taken[at]), Math.max(end, step.taken[at] + step.taken[at + 2])];
  });
  const [[top, bottom], [left, right]] = spans;
  return [top, left, bottom - top, right - left];
}
// Of a large output, all of it, and where the part that can be stepped through lies.
function showOverview() {
  find("overview-figure").hidden = !step.overview;
  if (!step.overview) return;
  const [rows, columns, filters] = step.outputShape;
  const [top, left, high, wide] = step.part;
  step.colours ??= bytes(step.overview);
  const [down, across] = [rows, columns].map((each) => Math.ceil(each / step.every));
  const at = (y, x) => (step.colours[(y * across + x) * filters + filter] - 127) / 127;
  const mark = step.part.map((each) => each / step.every);
  paint(find("overview"), [0, 0, down, across], at, () => true, mark);
  find("overview-name").textContent = `all of it: rows ${top + 1} to ${top + high} of ${rows}, columns ${left + 1} to ${left + wide} of ${columns} are shown`;
}
function show() {
  const [height, width] = step.size;
  const [top, left] = origin();
  paint(find("input-map"), reached(), (y, x) => taken(y, x, channel), inside, [top, left, height, width]);
  paint(find("output-map"), step.part, output, () => true, [row, column, 1, 1]);
  showOverview();
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
  const all = channels();
  group.hidden = sums.length < 2;
  const order = all.map((_, at) => at).sort((one, other) => Math.abs(sums[other]) - Math.abs(sums[one]));
  const named = order.slice(0, MOST_SUMS).sort((one, other) => one - other);
  const buttons = named.map((at) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = `${all[at] + 1}: ${figures(sums[at])}`;
    button.setAttribute("aria-pressed", all[at] === channel);
    button.addEventListener("click", () => { channel = all[at]; show(); });
    return button;
  });
  const focused = group.contains(document.activeElement) ? [...group.children].indexOf(document.activeElement) : -1;
  group.replaceChildren(...buttons);
  const others = order.slice(MOST_SUMS);
  if (others.length) {
    const rest = document.createElement("span");
    const word = others.length > 1 ? "others" : "other";
    rest.textContent = `${others.length} ${word}: ${figures(others.reduce((sum, at) => sum + sums[at], 0))}`;
    group.append(rest);
  }
  if (focused >= 0) buttons[Math.min(focused, buttons.length - 1)].focus();
}
function choose(at) {
  step = steps[at];
  step.values ??= Object.fromEntries(["input", "kernel", "bias", "output"].map((key) => [key, floats(step[key])]));
  [row, column, filter] = step.start;
  // The channel that adds most.
  channel = channels().reduce((most, each) => (Math.abs(sumOf(each)) > Math.abs(sumOf(most)) ? each : most));
  const options = [...Array(step.outputShape[2]).keys()].map((each) => new Option(`${each + 1} of ${step.all}`, each));
  find("filter").replaceChildren(...options);
  find("filter").value = filter;
  show();
}
function moveTo(y, x) {
  const [top, left, high, wide] = step.part;
  row = Math.max(top, Math.min(top + high - 1, y));
  column = Math.max(left, Math.min(left + wide - 1, x));
  show();
}
function point(event) {
  const box = find("output-map").getBoundingClientRect();
  const [top, left, high, wide] = step.part;
  moveTo(
    top + Math.floor(((event.clientY - box.top) / box.height) * high),
    left + Math.floor(((event.clientX - box.left) / box.width) * wide),
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
