"use strict";
// Charts of numbers by step. A scale is logarithmic where all is positive and spans more than two orders of magnitude.

const WIDTH = 460, HEIGHT = 230, LEFT = 62, RIGHT = 14, TOP = 10, BOTTOM = 26;

function chart(svg, series, go = null) {
  const end = Math.max(...series.map(({ points }) => points.length)) - 1;
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
  if (go) svg.addEventListener("click", (event) => {
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
