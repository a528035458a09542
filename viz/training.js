"use strict";
// The page of a training run: two charts and the parameters of every layer, at one step of the run.

const run = JSON.parse($("story").textContent);
const number = read, told = (x) => written(x, run.digits);
const losses = run.losses.map(number);
const end = losses.length - 1;
let at = 0;

// Parameters: two maps a layer

function map(layer, title, frames) {
  const columns = Math.max(...layer.rows.map((row) => row.length));
  const size = Math.max(4, Math.min(18, Math.floor(320 / Math.max(columns, layer.rows.length))));
  const largest = Math.max(...layer.rows.flat().flatMap((i) => frames.map((frame) => Math.abs(number(frame[i])))).filter(Number.isFinite), 0) || 1;
  const squares = new Map();
  layer.rows.forEach((row, y) => row.forEach((i, x) => {
    squares.set(i, element("rect", { x: x * size, y: y * size, width: size - 1, height: size - 1 }, element("title")));
  }));
  const [w, h] = [columns * size, layer.rows.length * size];
  const svg = element("svg", { viewBox: `-1 -1 ${w + 1} ${h + 1}`, width: w + 1, height: h + 1, role: "img", "aria-label": `${layer.name}, ${title}` }, ...squares.values());
  return {
    made: element("div", { class: "map" }, element("p", {}, title), svg),
    show(frame) {
      for (const [i, square] of squares) {
        const x = number(frame[i]);
        square.setAttribute("class", Number.isNaN(x) ? "nan" : x >= 0 ? "positive" : "negative");
        square.setAttribute("fill-opacity", Number.isFinite(x) ? Math.sqrt(Math.min(Math.abs(x) / largest, 1)) : 1);
        square.firstChild.textContent = `${run.names[i]} ${title} ${told(x)}`.trim();
      }
    },
  };
}

const layers = run.layers.map((layer) => {
  const values = map(layer, "value", run.data), gradients = map(layer, "gradient", run.gradients);
  const size = element("p");
  const count = layer.rows.flat().length;
  const wide = Math.max(...layer.rows.map((row) => row.length)) > 3 * layer.rows.length;
  const box = element("section", { class: `layer${wide ? " wide" : ""}`, "aria-label": layer.name }, element("h3", {}, layer.name),
    element("p", {}, `${layer.rows.length} × ${Math.max(...layer.rows.map((row) => row.length))}, ${count} parameter${count > 1 ? "s" : ""}`),
    element("div", { class: "maps" }, values.made, gradients.made), size);
  return { box, sizes: layer.sizes.map(number), name: layer.name, show(frame) {
    values.show(run.data[frame]);
    gradients.show(run.gradients[frame]);
    size.textContent = `gradients at step ${run.steps[frame]}: ${told(number(layer.sizes[run.steps[frame]]))}`;
  } };
});
layers.forEach(({ box }, i) => $("network").append(...(i ? [element("span", { class: "arrow", "aria-hidden": "true" }, "→")] : []), box));
const drawn = [chart($("loss"), [{ name: "", points: losses }], go), chart($("sizes"), layers.map(({ name, sizes }) => ({ name, points: sizes })), go)];

function go(step) {
  at = step;
  drawn.forEach((draw) => draw(at));
  let frame = 0;
  while (frame + 1 < run.steps.length && run.steps[frame + 1] <= at) frame++;
  layers.forEach((layer) => layer.show(frame));
  showPlace(at, end, `step ${at} of ${end}`);
  const change = at ? losses[at] - losses[at - 1] : NaN;
  const words = change === 0 ? "as in the step before" : Number.isFinite(change) ? `${change > 0 ? "up" : "down"} by ${told(Math.abs(change))} from the step before` : "";
  const best = losses.reduce((least, loss, i) => (loss < losses[least] ? i : least), 0);
  const rows = layers.map(({ name, sizes }) => element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, told(sizes[at]))));
  $("now").replaceChildren(
    element("h2", {}, element("span", { class: "phase" }, `Step ${at}`)),
    element("p", { class: "formula" }, element("b", {}, "loss"), ` = ${told(losses[at])}`),
    element("p", {}, words),
    element("p", { class: "kept" }, `The least is ${told(losses[best])}, at step ${best}.`),
    element("table", {}, element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "layer"), element("th", { scope: "col" }, "gradients, RMS"))), element("tbody", {}, ...rows)));
  $("now").setAttribute("data-step", at);
}

themeSwitch();
player(() => at, () => end, go, {}, 4 / Math.max(end, 12));
go(0);
