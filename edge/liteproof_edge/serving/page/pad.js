// A sheet to draw on with mouse, pen, touch or keys; strokes are kept, so that each can be undone.
export const SENT = 280; // pixels: what is sent is smaller than what is shown
const STEP = 16; // of the keys, in the canvas's own pixels
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Pad {
  constructor(canvas, status, onChange, onRest) {
    this.canvas = canvas;
    this.size = canvas.width;
    this.width = this.size / 17;
    this.status = status;
    this.onChange = onChange;
    this.onRest = onRest;
    this.strokes = [];
    this.pen = { x: this.size / 2, y: this.size / 3, down: false, shown: false };
    canvas.addEventListener("pointerdown", (event) => this.#begin(event));
    canvas.addEventListener("pointermove", (event) => this.#go(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => this.#end());
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("blur", () => this.#lift());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    this.draw();
  }

  get empty() {
    return !this.strokes.length;
  }

  clear() {
    this.strokes = [];
    this.pen.down = false;
    this.#changed();
    this.onRest();
  }

  undo() {
    this.strokes.pop();
    this.pen.down = false;
    this.#changed();
    this.onRest();
  }

  // The strokes alone, dark on white, as a PNG.
  picture() {
    const sheet = document.createElement("canvas");
    sheet.width = sheet.height = SENT;
    const context = sheet.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, SENT, SENT);
    context.scale(SENT / this.size, SENT / this.size);
    this.#trace(context, "#000");
    return new Promise((resolve) => sheet.toBlob(resolve, "image/png"));
  }

  draw() {
    const context = this.canvas.getContext("2d");
    const style = getComputedStyle(this.canvas);
    context.clearRect(0, 0, this.size, this.size);
    this.#trace(context, style.getPropertyValue("--pen"));
    if (!this.pen.shown) return;
    context.beginPath();
    context.arc(this.pen.x, this.pen.y, this.width / 2, 0, 7);
    context.lineWidth = 3;
    context.strokeStyle = style.getPropertyValue("--accent");
    context.stroke();
  }

  #trace(context, colour) {
    context.strokeStyle = colour;
    context.lineWidth = this.width;
    context.lineCap = context.lineJoin = "round";
    for (const [[x, y], ...others] of this.strokes) {
      context.beginPath();
      context.moveTo(x, y);
      context.lineTo(x + 0.1, y); // a line of no length would leave no dot
      for (const [atX, atY] of others) context.lineTo(atX, atY);
      context.stroke();
    }
  }

  #changed() {
    this.draw();
    this.onChange();
  }

  #at(event) {
    const box = this.canvas.getBoundingClientRect();
    const scale = this.size / box.width;
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  }

  #begin(event) {
    if (event.button > 0 || this.pointer !== undefined) return;
    this.pointer = event.pointerId;
    this.canvas.setPointerCapture(event.pointerId);
    this.pen.shown = false;
    this.#lift();
    this.strokes.push([this.#at(event)]);
    this.#changed();
  }

  #go(event) {
    if (event.pointerId !== this.pointer) return;
    const moves = event.getCoalescedEvents?.() ?? [];
    for (const each of moves.length ? moves : [event]) this.strokes.at(-1).push(this.#at(each));
    this.#changed();
  }

  #end() {
    if (this.pointer === undefined) return;
    this.pointer = undefined;
    this.onRest();
  }

  #lift() {
    if (!this.pen.down && !this.pen.shown) return;
    this.pen.down = this.pen.shown = false;
    this.draw();
  }

  #key(event) {
    const step = STEPS[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (step) this.#move(step, event.shiftKey ? 3 : 1);
    else if (event.key === " ") this.#toggle();
    else if (event.key === "Delete" || event.key === "Backspace") this.clear();
    else return;
    event.preventDefault();
  }

  #move([x, y], times) {
    const { pen, size } = this;
    pen.shown = true;
    pen.x = Math.min(size, Math.max(0, pen.x + x * times * STEP));
    pen.y = Math.min(size, Math.max(0, pen.y + y * times * STEP));
    if (pen.down) {
      this.strokes.at(-1).push([pen.x, pen.y]);
      this.#changed();
    } else this.draw();
    this.#tell();
  }

  #toggle() {
    const { pen } = this;
    pen.shown = true;
    pen.down = !pen.down;
    if (pen.down) {
      this.strokes.push([[pen.x, pen.y]]);
      this.#changed();
    } else {
      this.draw();
      this.onRest();
    }
    this.#tell();
  }

  #tell() {
    const [across, down] = [this.pen.x, this.pen.y].map((each) => Math.round((100 * each) / this.size));
    this.status.textContent = `Pen ${this.pen.down ? "down" : "up"}, ${across} % across, ${down} % down`;
  }
}
