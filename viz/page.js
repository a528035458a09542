"use strict";
// The page at work: folding, zooming, following the story, and what is done once at the start.

function toggle(name) {
  if (folded.has(name)) folded.delete(name); else folded.add(name);
  redraw();
  at = group[place()].last;
  show();
  document.querySelector(`[data-frame=${CSS.escape(name)}]`)?.focus();
}

// In the drawing, the arrows up and down go from card to card: a tab stop for each would be hundreds.
function walk(event) {
  const all = [...$("graph").querySelectorAll("[role=button]")], at = all.indexOf(document.activeElement);
  const next = { ArrowDown: at + 1, ArrowUp: at - 1 }[event.key];
  if (next === undefined || !all[next]) return;
  event.preventDefault();
  all[next].focus();
}

function takeTabStop({ target }) {
  for (const other of $("graph").querySelectorAll("[tabindex='0']")) other.setAttribute("tabindex", "-1");
  target.setAttribute("tabindex", "0");
}

function redraw() {
  if (chosen) unchoose(false);
  draw();
  const now = levelNow();
  $("level").value = now ? now.depth || (now.sums ? "sums" : 0) : "";
}

// Show a level: 0 is every operation, "sums" has them as one card, and a depth folds the frames at that depth.
function foldTo(depth) {
  folded.clear();
  base = depth === "sums" ? sums : depth ? Math.max(sums, 0) : 0;
  if (depth > 0) for (const name of allFrames(depth).keys()) folded.add(name);
  redraw();
  go(place());
}

// The finest level that can be read on this screen without a scroll bar; on a small one the coarsest, through which one scrolls.
function readableLevel() {
  const stage = $("stage"), most = [stage.clientWidth - 44, stage.clientHeight - document.querySelector(".legend").offsetHeight - 44];
  const fits = ({ width, height, nodes }) => nodes.length <= MOST_CARDS && Math.min(most[0] / width, most[1] / height) >= READABLE;
  const level = story.levels.find((candidate) => fits(laid(candidate))) ?? story.levels.at(-1);
  return level.depth || (level.sums ? "sums" : 0);
}

const READABLE = 0.85, MOST_CARDS = 60;
let scale = null; // null: as large as fits, but readable, with scroll bars where the graph does not fit
function zoom() {
  const stage = $("stage");
  const fits = Math.min((stage.clientWidth - 24) / drawn.width, (stage.clientHeight - document.querySelector(".legend").offsetHeight - 24) / drawn.height);
  drawn.scale = scale === "fit" ? fits : scale ?? Math.max(Math.min(fits, 1.35), READABLE);
  $("graph").setAttribute("width", Math.round(drawn.width * drawn.scale));
  $("graph").setAttribute("height", Math.round(drawn.height * drawn.scale));
}

function follow(node) {
  if (!node) return;
  const stage = $("stage");
  const [x, y, w, h] = [node.X, node.Y, node.w, node.h].map((length) => (length + 10) * drawn.scale);
  const margin = 60;
  const need = (start, length, from, room) => (start - margin < from || start + length + margin > from + room ? start + length / 2 - room / 2 : from);
  stage.scrollTo({ left: need(x, w, stage.scrollLeft, stage.clientWidth), top: need(y, h, stage.scrollTop, stage.clientHeight), behavior: calm.matches ? "auto" : "smooth" });
}

// After a number was changed: everything that tells numbers tells the new ones.
function follows() {
  $("why").hidden = true; // it speaks of the numbers before
  $("all").replaceChildren();
  if ($("transcript").open) transcript();
  drawPlane();
  show();
}

const SIDE = 48; // points of the plane along each side
function drawPlane() {
  $("plane").hidden = !isLive || !plane;
  if ($("plane").hidden || !$("bench").open) return;
  const [across, up] = plane.inputs.map((id) => values[id]);
  const reach = 1.5 * Math.max(1, ...plane.inputs.flatMap((id) => [Math.abs(given[id]), Math.abs(values[id].x)]));
  const heights = overPlane(SIDE, reach), largest = Math.max(...heights.map(Math.abs).filter(Number.isFinite)) || 1;
  const [positive, negative, ground, ink] = ["--positive", "--negative", "--raised", "--ink"]
    .map((variable) => getComputedStyle(document.documentElement).getPropertyValue(variable).trim())
    .map((colour) => [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16)));
  const canvas = $("plane").querySelector("canvas"), context = canvas.getContext("2d");
  const image = context.createImageData(SIDE, SIDE);
  heights.forEach((height, i) => {
    const share = Math.sqrt(Math.min(Math.abs(height) / largest, 1)) || 0, colour = height > 0 ? positive : negative;
    image.data.set([...ground.map((from, k) => from + share * (colour[k] - from)), 255], 4 * i);
  });
  context.putImageData(image, 0, 0);
  context.strokeStyle = `rgb(${ink})`;
  context.beginPath();
  context.arc(...[across, up].map(({ x }, i) => SIDE / 2 * (1 + (i ? -x : x) / reach)), 1.5, 0, 7);
  context.stroke();
  const words = `${values[plane.id].name} over ${across.name} (to the right) and ${up.name} (upwards), each from ${written(-reach, 1)} to ${written(reach, 1)}: orange where positive, blue where negative; the circle is where the inputs are`;
  $("plane").querySelector("figcaption").textContent = words;
  canvas.setAttribute("aria-label", words);
}

// Find a card by its name, as it is written or typed: w11 is w₁₁. The next one, if that is shown already.

const plain = (name) => name.toLowerCase().replace(/[₀-₉]/g, (digit) => digit.charCodeAt(0) - 0x2080);
function find(text) {
  const names = (node) => (node.folded ? [node.title] : []).concat([node.own, ...node.rows.map((row) => row.id)].filter((id) => id !== null).map((id) => values[id].name));
  const found = drawn.nodes.filter((node) => names(node).some((name) => plain(name).includes(plain(text))));
  const node = text && (found[found.findIndex((other) => other.key === chosen?.key && other.own === chosen?.own) + 1] ?? found[0]);
  if (!node) return;
  if (node.folded) unchoose(false); else choose(node);
  follow(node);
  trace(node);
}

// Where the drawing is larger than its place, it can be dragged.
function drag(event) {
  const stage = $("stage"), { clientX, clientY } = event, { scrollLeft, scrollTop } = stage;
  if (event.pointerType !== "mouse" || event.button || event.target.closest("[role=button]")) return;
  const move = (next) => {
    stage.classList.add("moved");
    stage.scrollTo(scrollLeft + clientX - next.clientX, scrollTop + clientY - next.clientY);
  };
  addEventListener("pointermove", move);
  addEventListener("pointerup", () => {
    removeEventListener("pointermove", move);
    stage.classList.remove("moved");
  }, { once: true });
}

// The bench: steps of training, and the losses that they lead to.

function bench() {
  $("bench").hidden = !isLive || !parameters.length;
  let clock = null;
  const rate = () => Math.max(Number($("rate").value) || 0, 0);
  const tellLoss = () => {
    const root = values[story.root];
    $("trained").textContent = history.length ? `after ${history.length - 1} step${history.length === 2 ? "" : "s"}, ${root.name} = ${root.data}` : "";
    const end = history.length - 1;
    for (const figure of document.querySelectorAll("#bench figure:not(#plane)")) figure.hidden = end < 1;
    if (end < 1) return;
    chart($("curve"), [{ name: "", points: history }])(end);
    chart($("sizes"), [...sizes].map(([name, points]) => ({ name, points })))(end);
  };
  drawPlane();
  tellLoss();
  const step = () => {
    descend($("optimizer").value, rate());
    at = last;
    follows();
    tellLoss();
  };
  const train = (on) => {
    clearInterval(clock);
    clock = on ? setInterval(() => { step(); if (!Number.isFinite(values[story.root].x)) train(false); }, 100) : null;
    $("train").textContent = on ? "Pause" : "Train";
    $("train").setAttribute("aria-pressed", String(on));
    $("trained").setAttribute("aria-live", on ? "off" : "polite");
    $("now").setAttribute("aria-live", on ? "off" : "polite");
  };
  $("descend").addEventListener("click", () => { train(false); step(); });
  $("train").addEventListener("click", () => train(!clock));
  $("reset").addEventListener("click", () => { train(false); startOver(); follows(); tellLoss(); });
  $("bench").addEventListener("toggle", drawPlane);
  $("optimizer").addEventListener("change", () => { memory = []; });
}

function start() {
  const level = $("level");
  for (const { name, depth, sums: merged } of story.levels) level.append(element("option", { value: depth || (merged ? "sums" : 0) }, name));
  level.append(element("option", { value: "", hidden: "" }, "some folded"));
  level.closest("label").hidden = story.levels.length < 2;
  level.addEventListener("change", () => foldTo(level.value === "sums" ? "sums" : Number(level.value)));
  player(place, () => group.length - 1, go, { Escape: () => unchoose(true) });
  $("larger").addEventListener("click", () => { scale = Math.min(drawn.scale * 1.25, 4); zoom(); });
  $("smaller").addEventListener("click", () => { scale = Math.max(drawn.scale / 1.25, 0.1); zoom(); });
  $("fit").addEventListener("click", () => { scale = scale === "fit" ? null : "fit"; zoom(); show(); });
  themeSwitch();
  bench();
  $("transcript").addEventListener("toggle", transcript);
  addEventListener("resize", () => { zoom(); });
  phone.addEventListener("change", () => { redraw(); show(); });
  $("graph").addEventListener("keydown", walk);
  $("graph").addEventListener("focusin", takeTabStop);
  $("stage").addEventListener("pointerdown", drag);
  $("search").addEventListener("keydown", (event) => { if (event.key === "Enter") find($("search").value); });
  $("search").addEventListener("input", () => { if (!$("search").value) trace(null); });
  let before = null;
  addEventListener("beforeprint", () => {
    before = at;
    transcript();
    $("transcript").open = true;
    at = last;
    show();
  });
  addEventListener("afterprint", () => { at = before; show(); });
  foldTo(readableLevel());
  if (story.why) {
    explain();
    at = last;
  }
  const asked = /^#step=(\d+)$/.exec(location.hash);
  if (asked) at = group[Math.min(Number(asked[1]), group.length - 1)].last;
  show();
}

start();
