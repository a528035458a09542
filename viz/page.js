"use strict";
// The page of one computation: a graph that is laid out and drawn here, and a place in its story.
//
// `story` (page.py) has cards, values and steps, all texts ready. What is drawn depends on two things only: which
// frames are folded, and how many steps have been made. Text goes in as text, never as HTML.

const story = JSON.parse(document.getElementById("story").textContent);
const { values, steps } = story;
const ROW = 16, HEAD = 21, FOOT = 15, EDGE = 7;
const FONT = '"DejaVu Sans", Verdana, sans-serif';

// What the steps say about each value: when it is computed, when it hands its gradient on, what its gradient is when.
values.forEach((value, id) => Object.assign(value, { id, forward: value.parents.length ? Infinity : 0, backward: Infinity, received: [], children: [] }));
steps.forEach((step, at) => {
  if (step.kind === "forward") values[step.value].forward = at;
  if (step.kind === "backward") values[step.value].backward = at;
  if (step.kind === "turn") values[step.value].received.push({ at, total: story.one, sign: "positive" });
  for (const share of step.shares ?? []) values[share.parent].received.push({ at, child: step.value, ...share });
});
for (const child of values) for (const parent of new Set(child.parents)) values[parent].children.push(child.id);
const last = steps.length - 1;
const turn = steps.findIndex((step) => step.kind === "turn");

// Measures

const canvas = document.createElement("canvas").getContext("2d");
function width(text, size, bold = false) {
  canvas.font = `${bold ? "bold " : ""}${size}px ${FONT}`;
  return Math.ceil(canvas.measureText(text).width);
}

// The tree of frames and cards, and which of its frames are folded

const folded = new Set(); // of keys of frames
const key = (scope) => JSON.stringify(scope);

function tree() {
  const root = { children: [], scope: [], members: [] };
  const frames = new Map([[key([]), root]]);
  const where = []; // of each value, the node that shows it
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

// Cards: a row of text for every scalar that is folded into one, then its own

function widest(id) { // of all that its gradient will be
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

let drawn; // the nodes, edges and references to what changes from step to step
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

// As it is computed, a frame's title before what is in it: so the keyboard walks, and a screen reader reads.
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

// Steps: those inside one folded frame that follow on one another are one

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

// What a step says

const PHASES = { given: "Given", forward: "Forward", turn: "The turning point", backward: "Backward", done: "Done" };
const part = (name, text, ...more) => element(name, { class: more[0] ?? null }, text);

function tell(now, index) {
  const step = steps[now.last];
  const value = values[step.value];
  const where = ["forward", "backward"].includes(step.kind) ? (now.node ? now.node.scope : value.scope) : [];
  const lines = [element("h2", {}, element("span", { class: "phase" }, PHASES[step.kind]), ...where.map((name) => element("span", { class: "where" }, name)))];
  if (now.node) lines.push(...tellTogether(now));
  else {
    if (step.kind === "backward") lines.push(part("p", `${value.gradient} = ${latest(step.value).total} is complete. It goes on to what ${value.name} was computed from:`));
    else lines.push(element("p", { class: "formula" }, part("b", step.line[0]), ` ${step.line[1]}`));
    if (step.shares?.length) lines.push(element("ul", { class: "shares" }, ...step.shares.map((share) => tellShare(share, step.value))));
    if (step.kind === "backward" && !step.shares.length) lines.push(part("p", "Only numbers: nothing to hand the gradient to."));
    if (step.words) lines.push(part("p", step.words));
    if (step.kind === "given") lines.push(part("p", "Press → or Play. A click on a card tells all about it; a click on a frame's title folds it.", "kept"));
    if (step.kind === "forward") lines.push(...tellSlopes(value));
    if (step.kind === "done") lines.push(...tellCheck(), tellParameters());
  }
  $("now").replaceChildren(...lines);
  $("now").setAttribute("data-step", index);
}

function tellShare(share, child) {
  const last = values[share.parent].received.at(-1);
  const complete = last.child === child && last.slot === share.slot;
  const total = share.used > 1 ? [element("span", { class: "total" }, `${complete ? "in all" : "so far"} ${share.total}`)] : [];
  const [left, ...right] = share.formula.split(/( \+?= )/);
  return element("li", {}, part("b", left), right.join(""), element("span", { class: share.kind }, share.numbers), ...total);
}

function tellSlopes(value) {
  if (!value.locals.length) return [];
  const terms = value.locals.map(([name, formula, number]) => element("li", {}, part("b", `with ${name}: `), formula ? `${formula} = ${number}` : number));
  if (value.locals.some(([, formula]) => formula.includes("["))) terms.push(element("li", {}, "[…] is 1 where that is true, else 0"));
  return [element("p", { class: "kept" }, `Kept for the way back, how fast ${value.name} grows`), element("ul", { class: "kept" }, ...terms)];
}

function tellTogether({ first, last: end, node, kind }) {
  const range = steps.slice(first, end + 1);
  const lines = [part("p", `${range.length} operation${range.length > 1 ? "s" : ""}, folded. Click ▸ ${node.title} to see each.`)];
  if (kind === "forward") {
    const outputs = range.filter((step) => node.rows.some((row) => row.id === step.value));
    for (const step of outputs) lines.push(element("p", { class: "formula" }, part("b", step.line[0]), ` = ${values[step.value].data}`));
  } else {
    const reached = new Map();
    for (const step of range) {
      for (const share of step.shares) if (!node.members.includes(share.parent) || !values[share.parent].parents.length) reached.set(share.parent, share);
    }
    const entries = [...reached].map(([id, share]) => element("li", {}, part("b", values[id].gradient), element("span", { class: share.sign }, ` = ${share.total}`),
      values[id].received.at(-1).at > end ? element("span", { class: "total" }, "so far") : null));
    lines.push(part("p", "The gradient has gone back through them, and reached:"), element("ul", { class: "shares" }, ...entries));
  }
  return lines;
}

const firstUse = (value) => Math.min(...value.children.map((child) => values[child].forward));

function tellCheck() {
  const checked = values.filter((value) => value.check && (value.role === "parameter" || !values.some(({ role }) => role === "parameter")));
  if (!checked.length) return [];
  const first = checked.sort((a, b) => firstUse(a) - firstUse(b))[0];
  return [element("p", {}, part("b", "Is it true? "), `Computed again ${first.check}.`)];
}

function tellParameters() {
  const leaves = values.filter((value) => !value.parents.length && !value.constant && value.id !== story.root);
  const shown = leaves.some((value) => value.role === "parameter") ? leaves.filter((value) => value.role === "parameter") : leaves;
  const body = [];
  let scope = "";
  for (const value of shown.sort((a, b) => firstUse(a) - firstUse(b))) {
    const known = value.received.at(-1);
    if (value.scope.join(" › ") !== scope) {
      scope = value.scope.join(" › ");
      body.push(element("tr", {}, element("th", { scope: "rowgroup", colspan: 4 }, scope)));
    }
    const move = { positive: "smaller", negative: "larger", zero: "either" }[known?.sign] ?? "";
    body.push(element("tr", {}, element("th", { scope: "row" }, value.name), part("td", value.data), part("td", known?.total ?? "0", known?.sign), part("td", move)));
  }
  const heads = ["", "value", "gradient", `for less ${values[story.root].name}`].map((text) => element("th", { scope: "col" }, text));
  return element("div", { class: "scroll" }, element("table", {}, element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...body)));
}

// Details of a card

function choose(node) {
  chosen = node;
  const close = element("button", { type: "button", "aria-label": "Close the details" }, "×");
  close.addEventListener("click", () => unchoose(true));
  const blocks = [node.card.value, ...node.card.rows].flatMap((id, i) => details(values[id], i > 0));
  $("details").replaceChildren(close, ...blocks);
  $("details").hidden = false;
  show();
  $("details").scrollIntoView({ block: "nearest" });
}

function unchoose(focus) {
  const node = chosen;
  chosen = null;
  $("details").hidden = true;
  if (!node) return;
  show();
  if (focus) node.element.focus();
}

function details(value, inner) {
  const made = [element(inner ? "h4" : "h3", {}, value.name === value.formula ? value.formula : value.name)];
  const fact = (title, ...body) => made.push(element("dl", {}, element("dt", {}, title), ...body.map((b) => element("dd", {}, ...[b].flat()))));
  const step = steps[value.forward];
  if (value.parents.length) fact("computed as", `${step.line[0]} ${step.line[1]}`);
  else fact(value.role === "computed" ? "given" : value.role, value.data);
  if (value.locals.length) {
    fact("local derivatives: how fast it grows", ...value.locals.map(([name, formula, number]) => [part("b", `with ${name}: `), formula ? `${formula} = ${number}` : number]));
  }
  const sum = value.received.filter((entry) => entry.child !== undefined);
  const total = value.received.at(-1);
  if (total) {
    const terms = sum.map((entry) => [part("b", `from ${values[entry.child].name}: `), `${entry.formula.split(/ \+?= /)[1]}`, part("span", entry.numbers, entry.kind)]);
    if (value.id === story.root) terms.push("the start: it grows as fast as itself");
    fact(`gradient ${value.gradient} = ${total.total}${sum.length > 1 ? `, a sum over ${sum.length} uses` : ""}`, ...terms);
  } else if (value.constant) fact("gradient", "a number takes none");
  if (value.check) fact("is it true?", value.check);
  if (value.made) fact("made at", value.made);
  return made;
}

// Folding, zooming, following

function toggle(name) {
  const index = steps[at];
  if (folded.has(name)) folded.delete(name); else folded.add(name);
  redraw();
  at = group.find(({ last: end }) => end >= steps.indexOf(index)).last;
  show();
  document.querySelector(`[data-frame=${CSS.escape(name)}]`)?.focus();
}

function redraw() {
  if (chosen) unchoose(false);
  draw();
  const levels = Array.from({ length: deepest }, (_, i) => i + 1);
  const level = levels.find((depth) => [...allFrames(depth).keys()].every((name) => folded.has(name)));
  $("level").value = folded.size ? level ?? "" : 0;
}

function foldTo(depth) {
  folded.clear();
  if (depth) for (const name of allFrames(depth).keys()) folded.add(name);
  redraw();
  go(place());
}

const READABLE = 0.75;
let scale = null; // null: as large as fits, but readable; what does not fit is scrolled to
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

// Why one gradient is what it is

function explain() {
  const { headline, findings, value } = story.why;
  const jump = (id, text) => {
    const made = element("button", { type: "button" }, text);
    made.addEventListener("click", () => {
      const node = drawn.where[id];
      if (!node.folded) choose(node);
      follow(node);
    });
    return made;
  };
  const entries = findings.map((finding) => element("li", {}, jump(finding.value, values[finding.value].name), ` ${finding.words}`,
    finding.made ? part("span", ` (${finding.made})`, "kept") : null));
  $("why").append(part("h2", "Why this gradient?"), part("p", headline, "formula"), element("ol", {}, ...entries));
  if (value !== null) $("why").append(element("p", { class: "kept" }, jump(value, values[value].name), " is the value asked about; what is not on its way to the end is pale."));
  $("why").hidden = false;
}

// The whole story as text, for those who would rather read it, and for paper

function transcript() {
  if ($("all").children.length) return;
  let scope = "";
  $("all").append(...steps.map((step, index) => {
    const value = values[step.value];
    const here = ["forward", "backward"].includes(step.kind) ? `${PHASES[step.kind]}, ${value.scope.join(" › ")}`.replace(/, $/, "") : PHASES[step.kind];
    const heading = here === scope ? null : part("h3", scope = here);
    const line = step.kind === "backward" ? [part("b", value.gradient), ` = ${value.received.at(-1).total}`] : [part("b", step.line[0]), ` ${step.line[1]}`];
    const jump = element("button", { type: "button" }, `${index}`);
    jump.addEventListener("click", () => { go(group.findIndex(({ last: end }) => end >= index)); });
    const body = [...(heading ? [heading] : []), jump, ...line];
    if (["given", "turn", "done"].includes(step.kind)) body.push(part("p", step.words));
    if (step.shares?.length) body.push(element("ul", {}, ...step.shares.map((share) => element("li", {}, `${share.formula}${share.numbers}`))));
    return element("li", {}, ...body);
  }));
}

// Once

function start() {
  const level = $("level");
  level.append(element("option", { value: 0 }, "every operation"));
  for (let depth = deepest; depth > 0; depth--) {
    const titles = [...allFrames(depth).values()];
    level.append(element("option", { value: depth }, `folded: ${titles.slice(0, 2).join(", ")}${titles.length > 2 ? ", …" : ""}`));
  }
  level.append(element("option", { value: "", hidden: "" }, "some folded"));
  level.closest("label").hidden = !deepest;
  level.addEventListener("change", () => foldTo(Number(level.value)));
  player(place, () => group.length - 1, go, { Escape: () => unchoose(true) });
  $("larger").addEventListener("click", () => { scale = Math.min(drawn.scale * 1.25, 4); zoom(); });
  $("smaller").addEventListener("click", () => { scale = Math.max(drawn.scale / 1.25, 0.1); zoom(); });
  $("fit").addEventListener("click", () => { scale = scale === "fit" ? null : "fit"; zoom(); show(); });
  themeSwitch();
  $("transcript").addEventListener("toggle", transcript);
  addEventListener("resize", () => { zoom(); });
  let before = null;
  addEventListener("beforeprint", () => {
    before = at;
    transcript();
    $("transcript").open = true;
    at = last;
    show();
  });
  addEventListener("afterprint", () => { at = before; show(); });
  if (story.fold) for (const name of allFrames(story.fold).keys()) folded.add(name);
  redraw();
  if (story.why) {
    explain();
    at = last;
  }
  const asked = /^#step=(\d+)$/.exec(location.hash);
  if (asked) at = group[Math.min(Number(asked[1]), group.length - 1)].last;
  show();
}

start();
