"use strict";
// The page of a training run: two charts and the parameters of every layer, at one step of the run.

const run = JSON.parse($("story").textContent);
const number = read, told = (x) => written(x, run.digits);
const losses = run.losses.map(number);
const end = losses.length - 1;
let at = 0;

// Charts. A scale is logarithmic where all is positive and spans more than two orders of magnitude.

const WIDTH = 460, HEIGHT = 230, LEFT = 62, RIGHT = 14, TOP = 10, BOTTOM = 26;

function chart(svg, series) {
  const all = series.flatMap(({ points }) => points).filter(Number.isFinite);
  let low = Math.min(...all), high = Math.max(...all);
  if (!all.length) [low, high] = [0, 1];
  const log = low > 0 && high / low > 100;
  if (!log) low = Math.min(low, 0);
  if (low === high) high = low + (Math.abs(low) || 1);
  const unit = (y) => (log ? Math.log(y / low) / Math.log(high / low) : (y - low) / (high - low));
  const X = (step) => LEFT + (WIDTH - LEFT - RIGHT) * (end ? step / end : 0.5);
  const Y = (y) => HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * Math.max(0, Math.min(1, unit(y)));
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  const parts = [];
  for (const y of ticks(low, high, log)) {
    parts.push(element("line", { class: "axis", x1: LEFT, x2: WIDTH - RIGHT, y1: Y(y), y2: Y(y) }),
      element("text", { class: "end", x: LEFT - 6, y: Y(y) + 4 }, y >= 0.01 && y < 1e4 || y === 0 ? String(Number(y.toPrecision(3))) : y.toExponential(0).replace("e+", "e").replaceAll("-", "−")));
  }
  for (const step of ticks(0, end, false).filter(Number.isInteger)) parts.push(element("text", { class: "middle", x: X(step), y: HEIGHT - 8 }, String(step)));
  series.forEach(({ name, points }, i) => {
    let path = "";
    points.forEach((y, step) => { if (Number.isFinite(y)) path += `${path && Number.isFinite(points[step - 1]) ? "L" : "M"}${X(step).toFixed(1)} ${Y(y).toFixed(1)}`; });
    parts.push(element("path", { class: `line s${i % 4}`, d: path, "stroke-dasharray": i > 3 ? "5 3" : null }));
    if (name) parts.push(element("text", { class: `end series s${i % 4}`, x: WIDTH - RIGHT - 2, y: TOP + 12 + 14 * i }, name));
  });
  const cursor = element("line", { class: "cursor", y1: TOP, y2: HEIGHT - BOTTOM });
  const dots = series.map((_, i) => element("circle", { class: `now s${i % 4}`, r: 4.5 }));
  svg.replaceChildren(...parts, cursor, ...dots);
  svg.addEventListener("click", (event) => {
    const box = svg.getBoundingClientRect(), scale = Math.min(box.width / WIDTH, box.height / HEIGHT);
    const x = (event.clientX - box.left - (box.width - WIDTH * scale) / 2) / scale;
    go(Math.max(0, Math.min(end, Math.round(end * (x - LEFT) / (WIDTH - LEFT - RIGHT)))));
  });
  return (step) => {
    cursor.setAttribute("x1", X(step));
    cursor.setAttribute("x2", X(step));
    series.forEach(({ points }, i) => {
      const seen = Number.isFinite(points[step]);
      dots[i].setAttribute("visibility", seen ? "visible" : "hidden");
      if (!seen) return;
      dots[i].setAttribute("cx", X(step));
      dots[i].setAttribute("cy", Y(points[step]));
    });
  };
}

function ticks(low, high, log) {
  if (log) {
    const first = Math.ceil(Math.log10(low) - 1e-9), last = Math.floor(Math.log10(high) + 1e-9);
    const stride = Math.max(1, Math.ceil((last - first + 1) / 6));
    return Array.from({ length: Math.floor((last - first) / stride) + 1 }, (_, i) => 10 ** (first + i * stride));
  }
  const rough = (high - low) / 5 || 1, base = 10 ** Math.floor(Math.log10(rough));
  const stride = base * [1, 2, 5, 10].find((m) => m * base >= rough);
  const found = [];
  for (let i = Math.ceil(low / stride - 1e-9); i * stride <= high * (1 + 1e-9); i++) found.push(i * stride);
  return found;
}

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
const drawn = [chart($("loss"), [{ name: "", points: losses }]), chart($("sizes"), layers.map(({ name, sizes }) => ({ name, points: sizes })))];

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
