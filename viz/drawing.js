"use strict";
// The graph as it is drawn: which frames are folded, what stands on the cards, and what a step changes on them.

const ROW = 16, HEAD = 21, FOOT = 15, EDGE = 7;
const FONT = '"DejaVu Sans", Verdana, sans-serif';

// Measures

const canvas = document.createElement("canvas").getContext("2d");
function width(text, size, bold = false) {
  canvas.font = `${bold ? "bold " : ""}${size}px ${FONT}`;
  return Math.ceil(canvas.measureText(text).width);
}

// The tree of frames and cards, and which of its frames are folded

const folded = new Set(); // the keys of the folded frames
const key = (scope) => JSON.stringify(scope);

function tree() {
  const root = { children: [], scope: [], members: [] };
  const frames = new Map([[key([]), root]]);
  const where = []; // for each value, the node that shows it
  for (const card of story.cards) {
    let frame = root, shown = null;
    for (let depth = 1; depth <= card.scope.length && !shown; depth++) {
      const scope = card.scope.slice(0, depth);
      if (!frames.has(key(scope))) {
        const made = { scope, key: key(scope), title: scope.at(-1), members: [] };
        if (folded.has(made.key)) made.folded = true; else made.children = [];
        frame.children.push(made);
        frames.set(made.key, made);
      }
      frame = frames.get(key(scope));
      if (frame.folded) shown = frame;
    }
    if (!shown) {
      shown = { card, given: !values[card.value].parents.length };
      frame.children.push(shown);
    }
    (shown.members ??= []).push(...card.rows, card.value);
    for (const id of [...card.rows, card.value]) where[id] = shown;
  }
  return { root, where };
}

function allFrames(depth) {
  const found = new Map();
  for (const card of story.cards) if (card.scope.length >= depth) found.set(key(card.scope.slice(0, depth)), card.scope[depth - 1]);
  return found;
}
const deepest = Math.max(0, ...story.cards.map((card) => card.scope.length));

// Cards: a row of text for every scalar that is folded into the card, then the card's own scalar

function widest(id) { // the width of the longest text that a scalar's gradient has at any step
  return Math.max(0, ...values[id].received.map(({ total }) => width(`∂ ${total}`, 10.5, true)));
}

function rows(node) {
  if (node.folded) {
    const out = node.members.filter((id) => values[id].children.some((child) => !node.members.includes(child)) || id === story.root);
    return out.map((id) => ({ id, title: values[id].name }));
  }
  return node.card.rows.map((id) => ({ id, title: values[id].row, role: values[id].role }));
}

function size(node) {
  node.rows = rows(node);
  const columns = [0, 0, 0];
  for (const row of node.rows) {
    [width(row.title, 10.5, true), width(values[row.id].data, 10.5), widest(row.id)].forEach((w, i) => { columns[i] = Math.max(columns[i], w); });
  }
  const inRows = node.rows.length ? columns.reduce((a, b) => a + b) + 4 * EDGE : 0;
  if (node.folded) {
    node.w = Math.max(inRows, width(`▸ ${node.title}`, 12, true) + 2 * EDGE, 60);
    node.h = HEAD + node.rows.length * ROW + 4;
  } else {
    const value = values[node.card.value];
    node.chip = value.symbol ? width(value.symbol, 12, true) + 12 : 0;
    const own = node.chip + (value.label ? width(value.label, 13, true) + 8 : 0) + width(value.data, 13) + 2 * EDGE;
    node.own = node.rows.length * ROW + (node.rows.length ? 2 : 0);
    node.w = Math.max(inRows, own, widest(value.id) + 2 * EDGE, 44);
    node.h = node.own + HEAD + (value.constant ? 2 : FOOT);
  }
  node.columns = columns;
}

function rowAt(node, id) { // the height at which an edge reaches a scalar
  const index = node.rows.findIndex((row) => row.id === id);
  if (index >= 0) return (node.folded ? HEAD : 0) + (index + 0.5) * ROW;
  return node.folded ? node.h / 2 : node.own + HEAD / 2 + 3;
}

// Drawing

let drawn; // the nodes, the edges, and the texts that change from step to step
let at = 0; // how many steps have been made
let group = []; // the steps that are shown as one, by first and last
let chosen = null; // the card whose details are shown

function draw() {
  const { root, where } = tree();
  const nodes = [...new Set(where)];
  nodes.forEach(size);
  const frames = [];
  (function collect(frame) {
    for (const child of frame.children) {
      if (!child.children) continue;
      child.titleWidth = width(`▾ ${child.title}`, 12, true) + 24;
      frames.push(child);
      collect(child);
    }
  })(root);
  const links = [];
  const into = new Map(); // a scalar enters a folded frame by one edge, wherever it is used inside
  for (const child of values) {
    child.parents.forEach((parent, slot) => {
      const [from, to] = [where[parent], where[child.id]];
      if (from === to) return;
      const entry = to.folded ? `${parent} ${to.key}` : null;
      if (into.has(entry)) { into.get(entry).ends.push({ child: child.id, slot }); return; }
      const twice = child.parents.indexOf(parent) !== child.parents.lastIndexOf(parent) && !entry;
      const link = { from, to, parent, ends: [{ child: child.id, slot }], fromY: rowAt(from, parent), toY: rowAt(to, child.id) + (twice ? (slot ? 4 : -4) : 0) };
      if (entry) into.set(entry, link);
      links.push(link);
    });
  }
  layOut(root, links);
  drawn = { root, where, nodes, links, texts: [] };
  const svg = $("graph");
  const margin = 10;
  svg.setAttribute("viewBox", `${-margin} ${-margin} ${root.w + 2 * margin} ${root.h + 2 * margin}`);
  drawn.width = root.w + 2 * margin;
  drawn.height = root.h + 2 * margin;
  svg.replaceChildren(
    element("g", { "aria-hidden": "true" }, ...frames.map((frame) => element("rect", {
      class: `frame ${frame.depth % 2 ? "odd" : "even"}`, x: frame.X, y: frame.Y, width: frame.w, height: frame.h, rx: 8,
    }))),
    element("g", { "aria-hidden": "true" }, ...links.map(drawEdge)),
    element("g", {}, ...inReadingOrder([...nodes, ...frames]).map((node) => (node.children ? drawTitle(node) : drawCard(node)))),
    element("g", { "aria-hidden": "true", id: "notes" }),
  );
  group = groups();
  zoom();
}

// In the order of computation, a frame's title before its cards: so the keyboard walks, and a screen reader reads.
function inReadingOrder(nodes) {
  const first = (node) => (node.children ? Math.min(...node.children.map(first)) : node.folded ? Math.min(...node.members.map((id) => values[id].forward || Infinity)) : values[node.card.value].forward);
  return nodes.map((node) => [first(node), node]).sort(([a, p], [b, q]) => a - b || p.depth - q.depth).map(([, node]) => node);
}

function button(attributes, act, ...children) {
  const made = element("g", { role: "button", tabindex: "0", ...attributes }, ...children);
  made.addEventListener("click", act);
  made.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    event.stopPropagation();
    act();
  });
  return made;
}

function drawTitle(frame) {
  return button({ class: "title", "aria-expanded": "true", "aria-label": `${frame.title}: fold`, "data-frame": frame.key }, () => toggle(frame.key),
    element("rect", { x: frame.X + 4, y: frame.Y + 3, width: Math.max(frame.titleWidth - 12, 20), height: 19, rx: 4 }),
    element("text", { x: frame.X + 10, y: frame.Y + 17 }, `▾ ${frame.title}`));
}

function drawEdge(link) {
  link.path = element("path", { class: "edge", d: curve(link.points) });
  return link.path;
}

function drawCard(node) {
  const { X, Y, w, h } = node;
  const own = node.folded ? null : values[node.card.value];
  const parts = [element("rect", { class: "box", x: X, y: Y, width: w, height: h, rx: node.folded ? 6 : 2 })];
  const put = (id, text, gradient, row) => drawn.texts.push({ id, text, gradient, row });
  let y = Y + (node.folded ? HEAD : 0);
  if (node.folded) parts.push(element("text", { class: "fold", x: X + EDGE, y: Y + 15 }, `▸ ${node.title}`));
  for (const row of node.rows) {
    const strip = element("rect", { class: `strip ${row.role ?? ""}`, x: X + 1.5, y: y + 1, width: w - 3, height: ROW - 1 });
    const data = element("text", { class: "small end", x: X + w - EDGE - node.columns[2] - (node.columns[2] ? 6 : 0), y: y + 12 });
    const gradient = element("text", { class: "small end", x: X + w - EDGE, y: y + 12 });
    parts.push(strip, element("text", { class: "small name", x: X + EDGE, y: y + 12 }, row.title), data, gradient);
    put(row.id, data, gradient, strip);
    y += ROW;
  }
  if (own) {
    y = Y + node.own;
    const data = element("text", { class: "end", x: X + w - EDGE, y: y + 16 });
    const gradient = element("text", { class: "small end", x: X + w - EDGE, y: y + HEAD + 9 });
    if (node.chip) {
      parts.push(element("rect", { class: "chip", x: X + 3, y: y + 3, width: node.chip, height: 17 }),
        element("text", { class: "symbol", x: X + 3 + node.chip / 2, y: y + 16 }, own.symbol));
    }
    if (own.label) parts.push(element("text", { class: "name", x: X + EDGE + (node.chip ? node.chip + 1 : 0), y: y + 16 }, own.label));
    parts.push(data, gradient);
    put(own.id, data, gradient, null);
  }
  const role = own ? (own.id === story.root ? "output" : own.role) : "computed";
  const act = node.folded ? () => toggle(node.key) : () => choose(node);
  const attributes = node.folded ? { "aria-expanded": "false", "data-frame": node.key } : { "data-card": own.id };
  node.element = button({ class: `card ${role}${node.folded ? " folded" : ""}`, ...attributes }, act, ...parts);
  return node.element;
}

// Steps: those that follow on one another inside one folded frame are shown as one

function groups() {
  const found = [];
  steps.forEach((step, index) => {
    const node = step.kind === "forward" || step.kind === "backward" ? drawn.where[step.value] : null;
    const before = found.at(-1);
    if (node?.folded && before?.node === node && before.kind === step.kind) before.last = index;
    else found.push({ first: index, last: index, node: node?.folded ? node : null, kind: step.kind });
  });
  return found;
}

const place = () => group.findIndex(({ last: end }) => end >= at);

function go(index) {
  at = group[Math.max(0, Math.min(index, group.length - 1))].last;
  show();
}

function latest(id) {
  let found = null;
  for (const entry of values[id].received) if (entry.at <= at) found = entry;
  return found;
}

function show() {
  const now = group[place()];
  const busy = (index) => now.first <= index && index <= now.last;
  for (const { id, text, gradient, row } of drawn.texts) {
    const value = values[id], known = latest(id);
    text.textContent = value.forward <= at ? value.data : "";
    gradient.textContent = known ? `∂ ${known.total}` : "";
    gradient.setAttribute("class", `small end ${known ? known.sign : ""}${known && busy(known.at) ? " fresh" : ""}`);
    row?.setAttribute("class", `strip ${row.dataset.role ??= row.getAttribute("class").slice(6)}${busy(value.forward) && value.parents.length || busy(value.backward) ? " busy" : ""}`);
  }
  for (const node of drawn.nodes) {
    const ids = node.folded ? node.rows.map((row) => row.id) : [node.card.value];
    const active = node.members.some((id) => values[id].parents.length && (busy(values[id].forward) || busy(values[id].backward)))
      || (["turn", "done"].includes(now.kind) && node.members.includes(story.root));
    node.element.classList.toggle("waiting", ids.some((id) => values[id].forward > at));
    node.element.classList.toggle("active", active);
    node.element.classList.toggle("chosen", node === chosen);
    node.element.classList.toggle("aside", Boolean(story.why) && !node.members.some((id) => story.why.way.includes(id)));
    node.element.classList.toggle("culprit", Boolean(story.why) && story.why.findings.some(({ value }) => node.members.includes(value)));
    if (active) node.element.setAttribute("aria-current", "step"); else node.element.removeAttribute("aria-current");
    node.element.setAttribute("aria-label", spoken(node));
    if (active) now.shown = node;
  }
  $("notes").replaceChildren();
  for (const link of drawn.links) paint(link, busy);
  const index = place();
  showPlace(index, group.length - 1, `step ${index} of ${group.length - 1}, ${steps[at].kind}`);
  document.body.dataset.phase = at < turn ? "forward" : "backward";
  tell(now, index);
  follow(now.shown);
}

function paint(link, busy) {
  const shares = link.ends.filter(({ child }) => values[child].backward <= at)
    .map(({ child, slot }) => steps[values[child].backward].shares.find((share) => share.parent === link.parent && share.slot === slot))
    .filter((share) => share);
  const amounts = shares.map((share) => share.amount);
  const amount = amounts.includes(null) ? null : amounts.reduce((a, b) => a + b, 0);
  const flow = amount === null ? "nan" : amount > 0 ? "positive" : amount < 0 ? "negative" : "zero";
  const active = shares.length && link.ends.some(({ child }) => busy(values[child].backward));
  const computing = link.ends.some(({ child }) => busy(values[child].forward));
  const kind = shares.length ? flow : link.ends.some(({ child }) => values[child].forward <= at) ? "quiet" : "waiting";
  const aside = story.why && !(story.why.way.includes(link.parent) && link.ends.some(({ child }) => story.why.way.includes(child)));
  link.path.setAttribute("class", `edge ${kind}${aside ? " aside" : ""}${active ? " active" : ""}${computing ? " computing" : ""}`);
  link.path.style.strokeWidth = amount ? 0.7 + 3.8 * Math.sqrt(Math.min(Math.abs(amount) / story.largest, 1)) : "";
  link.path.setAttribute("marker-end", `url(#${computing ? "tip-computing" : `tip-${kind}`})`);
  if (active && !link.to.folded) {
    const length = link.path.getTotalLength();
    const spot = link.path.getPointAtLength(Math.max(length - NEAREST / 2, length / 2));
    $("notes").append(element("text", { class: `note ${kind}`, x: spot.x, y: spot.y - 4 }, `×${shares[0].slope.replace(/\.0+$/, "")}`));
  }
}

function spoken(node) {
  const parts = node.folded ? [`${node.title}, folded`] : [];
  const say = (id) => {
    const value = values[id], known = latest(id);
    parts.push(`${value.name} ${value.forward <= at ? `is ${value.data}` : "is not computed yet"}${known ? `, gradient ${known.total}` : ""}`);
  };
  if (node.folded) node.rows.forEach((row) => say(row.id));
  else {
    say(node.card.value);
    node.card.rows.forEach(say);
  }
  return parts.join("; ");
}
