// Tabs, and the filters of the gallery. Without it every matrix and every picture is shown.
"use strict";
document.documentElement.classList.add("scripted");
const all = (selector) => [...document.querySelectorAll(selector)];
const PAGE = 60;

const tabs = all("[role=tab]");
function select(tab) {
  for (const each of tabs) {
    const chosen = each === tab;
    each.setAttribute("aria-selected", chosen);
    each.tabIndex = chosen ? 0 : -1;
    document.getElementById(each.getAttribute("aria-controls")).hidden = !chosen;
  }
}
tabs.forEach((tab, at) => {
  tab.addEventListener("click", () => select(tab));
  tab.addEventListener("keydown", (event) => {
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = tabs[(to + tabs.length) % tabs.length];
    select(next);
    next.focus();
  });
});
// The difference, unless it is nought throughout.
select(tabs[document.querySelector("[data-answer]") ? tabs.length - 1 : 0]);

const cards = all(".card");
const kinds = all("[data-filter]");
const classes = document.getElementById("class-filter");
const tally = document.getElementById("gallery-status");
const more = document.getElementById("more");
const clear = document.getElementById("clear");
const wanted = { kind: "all", label: "", cell: null };
let limit = PAGE;

function fits(card) {
  const { kind, label, before, after } = card.dataset;
  if (wanted.kind !== "all" && kind !== wanted.kind) return false;
  if (wanted.label !== "" && label !== wanted.label) return false;
  if (!wanted.cell) return true;
  const { view, truth, answer } = wanted.cell;
  const given = { baseline: [before], candidate: [after], difference: [before, after] }[view];
  return label === truth && given.includes(answer);
}

function apply() {
  const chosen = cards.filter(fits);
  for (const card of cards) card.hidden = true;
  for (const card of chosen.slice(0, limit)) card.hidden = false;
  for (const kind of kinds) kind.setAttribute("aria-pressed", kind.dataset.filter === wanted.kind);
  for (const cell of all("[data-answer]"))
    cell.setAttribute("aria-pressed", wanted.cell !== null && wanted.cell.button === cell);
  const visible = Math.min(limit, chosen.length);
  const where = wanted.cell ? `; only ${wanted.cell.words}` : "";
  tally.textContent = `${visible} of ${cards.length} pictures shown${where}`;
  more.hidden = visible === chosen.length;
  more.textContent = `Show ${Math.min(PAGE, chosen.length - visible)} more`;
  clear.hidden = !wanted.cell && wanted.kind === "all" && wanted.label === "";
}

function filter(change) {
  Object.assign(wanted, change);
  limit = PAGE;
  apply();
}

if (tally) {
  for (const kind of kinds)
    kind.addEventListener("click", () => filter({ kind: kind.dataset.filter }));
  classes.addEventListener("change", () => filter({ label: classes.value, cell: null }));
  more.addEventListener("click", () => {
    limit += PAGE;
    apply();
  });
  clear.addEventListener("click", () => {
    classes.value = "";
    filter({ kind: "all", label: "", cell: null });
    document.getElementById("gallery").focus();
  });
  for (const button of all("[data-answer]"))
    button.addEventListener("click", () => {
      const { view, truth, answer } = button.dataset;
      const words = button.getAttribute("aria-label").split(":")[0];
      classes.value = "";
      filter({ kind: "all", label: "", cell: { view, truth, answer, words, button } });
      const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
      document.getElementById("gallery").scrollIntoView({ behavior: calm ? "auto" : "smooth" });
    });
  // Paper has no button for more.
  addEventListener("beforeprint", () => {
    limit = Infinity;
    apply();
  });
  addEventListener("afterprint", () => filter({}));
  apply();
}
