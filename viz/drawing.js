"use strict";
// The graph as it is drawn: which frames are folded, what stands on the cards, and what a step changes on them.

// Drawing

let drawn; // the nodes, the edges, and the texts that change from step to step
let at = 0; // how many steps have been made
let group = []; // the steps that are shown as one, by first and last
let chosen = null; // the card whose details are shown

function draw() {
  drawn = { ...arranged(), where: [], texts: [] };
  for (const node of drawn.nodes) for (const id of node.members) drawn.where[id] ??= node;
  for (const frame of drawn.frames) frame.titleWidth = 14 + 8 * frame.title.length;
  const svg = $("graph"), margin = 10;
  svg.setAttribute("viewBox", `${-margin} ${-margin} ${drawn.width + 2 * margin} ${drawn.height + 2 * margin}`);
  drawn.width += 2 * margin;
  drawn.height += 2 * margin;
  svg.replaceChildren(
    element("g", { "aria-hidden": "true" }, ...drawn.frames.map((frame) => element("rect", {
      class: `frame ${frame.depth % 2 ? "odd" : "even"}`, x: frame.X, y: frame.Y, width: frame.w, height: frame.h, rx: 8,
    }))),
    element("g", { "aria-hidden": "true" }, ...drawn.links.map(drawEdge)),
    element("g", {}, ...inReadingOrder().map((node) => (node.members ? drawCard(node) : drawTitle(node)))),
    element("g", { "aria-hidden": "true", id: "notes" }),
  );
  for (const text of svg.querySelectorAll("[data-room]")) fit(text, text.dataset.room);
  svg.querySelector("[role=button]")?.setAttribute("tabindex", "0");
  group = groups();
  zoom();
}

// A text that got wider than the room that Python measured for it, in another font or with another number, is narrowed.
function fit(text, room) {
  text.removeAttribute("textLength");
  if (text.textContent.length * 7 < room || text.getComputedTextLength() <= room) return;
  text.setAttribute("textLength", room);
  text.setAttribute("lengthAdjust", "spacingAndGlyphs");
}

// In the order of computation, a frame's title before its cards: so the keyboard walks, and a screen reader reads.
function inReadingOrder() {
  const first = (node) => (node.folded || node.unit ? Math.min(...node.members.map((id) => values[id].forward || Infinity)) : values[node.own].forward);
  const places = drawn.nodes.map((node) => [first(node), node]);
  const starts = drawn.frames.map((frame) => [Math.min(...places.filter(([, node]) => prefixes(node.scope).includes(frame.key)).map(([place]) => place)), frame]);
  return [...starts, ...places].sort(([a, p], [b, q]) => a - b || (p.depth ?? Infinity) - (q.depth ?? Infinity)).map(([, node]) => node);
}

// What a card depends on, and what depends on it, stands out while the card is pointed at.
function trace(node) {
  $("graph").classList.toggle("traced", Boolean(node));
  const on = new Set(node ? [node] : []);
  for (const [near, far] of [["to", "from"], ["from", "to"]]) {
    const stack = node ? [node] : [];
    while (stack.length) {
      const place = stack.pop();
      for (const link of drawn.links) {
        if (link[near] !== place) continue;
        on.add(link);
        if (!on.has(link[far])) stack.push(link[far]);
        on.add(link[far]);
      }
    }
  }
  for (const card of drawn.nodes) card.element.toggleAttribute("data-on", on.has(card));
  for (const link of drawn.links) link.path.toggleAttribute("data-on", on.has(link));
}

function button(attributes, act, ...children) {
  const made = element("g", { role: "button", tabindex: "-1", ...attributes }, ...children);
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
  link.path = element("path", { class: "edge", d: link.path });
  return link.path;
}

function drawCard(node) {
  const { X, Y, w, h } = node;
  const own = node.folded ? null : values[node.own];
  const parts = [element("rect", { class: "box", x: X, y: Y, width: w, height: h, rx: node.folded ? 6 : 2 })];
  const put = (id, text, gradient, row, rooms) => drawn.texts.push({ id, text, gradient, row, rooms });
  let y = Y + (node.folded ? HEAD : 0);
  if (node.folded) parts.push(element("text", { "aria-hidden": "true", class: "fold", x: X + EDGE, y: Y + 15 }, `▸ ${node.title}`));
  for (const row of node.rows) {
    const strip = element("rect", { class: `strip ${row.role ?? ""}`, x: X + 1.5, y: y + 1, width: w - 3, height: ROW - 1 });
    const data = element("text", { "aria-hidden": "true", class: "small end", x: X + w - EDGE - node.columns[2] - (node.columns[2] ? 6 : 0), y: y + 12 });
    const gradient = element("text", { "aria-hidden": "true", class: "small end", x: X + w - EDGE, y: y + 12 });
    parts.push(strip, element("text", { "aria-hidden": "true", class: "small name", x: X + EDGE, y: y + 12, "data-room": node.columns[0] }, row.title), data, gradient);
    put(row.id, data, gradient, strip, node.columns.slice(1));
    y += ROW;
  }
  if (own) {
    y = Y + node.head;
    const data = element("text", { "aria-hidden": "true", class: "end", x: X + w - EDGE, y: y + 16 });
    const gradient = element("text", { "aria-hidden": "true", class: "small end", x: X + w - EDGE, y: y + HEAD + 9 });
    if (node.chip) {
      parts.push(element("rect", { class: "chip", x: X + 3, y: y + 3, width: node.chip, height: 17 }),
        element("text", { "aria-hidden": "true", class: "symbol", x: X + 3 + node.chip / 2, y: y + 16 }, node.symbol));
    }
    if (own.label) parts.push(element("text", { "aria-hidden": "true", class: "name", x: X + EDGE + (node.chip ? node.chip + 1 : 0), y: y + 16 }, own.label));
    parts.push(data, gradient);
    put(own.id, data, gradient, null, [w - 2 * EDGE - node.chip - (own.label ? 8 * own.label.length : 0), w - 2 * EDGE]);
  }
  const role = own ? (own.id === story.root ? "output" : own.role) : "computed";
  const act = node.folded ? () => toggle(node.key) : () => choose(node);
  const attributes = node.folded ? { "aria-expanded": "false", "data-frame": node.key } : { "data-card": own.id };
  node.element = button({ class: `card ${role}${node.folded ? " folded" : ""}`, ...attributes }, act, ...parts);
  node.element.addEventListener("pointerenter", () => trace(node));
  node.element.addEventListener("pointerleave", () => trace(null));
  return node.element;
}

// Steps: those that follow on one another inside one folded frame, or one sum, are shown as one

function groups() {
  const found = [];
  steps.forEach((step, index) => {
    const at = step.kind === "forward" || step.kind === "backward" ? drawn.where[step.value] : null;
    const node = at?.folded || at?.unit ? at : null;
    const before = found.at(-1);
    if (node && before?.node === node && before.kind === step.kind) before.last = index;
    else found.push({ first: index, last: index, node, kind: step.kind });
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
  for (const { id, text, gradient, row, rooms } of drawn.texts) {
    const value = values[id], known = latest(id);
    text.textContent = value.forward <= at ? value.data : "";
    gradient.textContent = known ? `∂ ${known.total}` : "";
    gradient.setAttribute("class", `small end ${known ? known.sign : ""}${known && busy(known.at) ? " fresh" : ""}`);
    fit(text, rooms[0]);
    fit(gradient, rooms[1]);
    row?.setAttribute("class", `strip ${row.dataset.role ??= row.getAttribute("class").slice(6)}${busy(value.forward) && value.parents.length || busy(value.backward) ? " busy" : ""}`);
  }
  for (const node of drawn.nodes) {
    const ids = node.folded ? node.rows.map((row) => row.id) : [node.own];
    const active = node.members.some((id) => values[id].parents.length && (busy(values[id].forward) || busy(values[id].backward)))
      || (["turn", "done"].includes(now.kind) && node.members.includes(story.root));
    node.element.classList.toggle("waiting", ids.some((id) => values[id].forward > at));
    node.element.classList.toggle("active", active);
    node.element.classList.toggle("chosen", node.key === chosen?.key && node.own === chosen?.own);
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
  link.path.style.strokeWidth = amount ? 0.7 + 3.8 * Math.sqrt(Math.min(Math.abs(amount) / largest, 1)) : "";
  link.path.setAttribute("marker-end", `url(#${computing ? "tip-computing" : `tip-${kind}`})`);
  if (active && !link.to.folded && !link.to.unit) {
    const length = link.path.getTotalLength();
    const spot = link.path.getPointAtLength(Math.max(length - COLUMN_GAP / 2, length / 2));
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
    say(node.own);
    node.rows.forEach((row) => say(row.id));
  }
  return parts.join("; ");
}
