"use strict";
// The graph in words: what a step does, the details of a card, why a gradient is what it is, the whole story as text.

// What a step says

const PHASES = { given: "Given", forward: "Forward", turn: "The turning point", backward: "Backward", done: "Done" };
const part = (name, text, ...more) => element(name, { class: more[0] ?? null }, text);

const said = (step) => fill(typeof step.words === "string" ? step.words : step.words[Number(values[values[step.value].parents[0]].x > 0)]);

function tell(now, index) {
  const step = steps[now.last];
  const value = values[step.value];
  const where = ["forward", "backward"].includes(step.kind) ? (now.node ? now.node.scope : value.scope) : [];
  const lines = [element("h2", {}, element("span", { class: "phase" }, PHASES[step.kind]), ...where.map((name) => element("span", { class: "where" }, name)))];
  if (now.node) lines.push(...tellTogether(now));
  else {
    if (step.kind === "backward") lines.push(part("p", `${value.gradient} = ${latest(step.value).total} is complete. It goes on to what ${value.name} was computed from:`));
    else lines.push(element("p", { class: "formula" }, part("b", step.line[0]), ` ${fill(step.line[1])}`));
    if (step.shares?.length) lines.push(element("ul", { class: "shares" }, ...step.shares.map((share) => tellShare(share, step.value))));
    if (step.kind === "backward" && !step.shares.length) lines.push(part("p", "Only numbers: nothing to hand the gradient to."));
    if (step.words.length) lines.push(part("p", said(step)));
    if (step.kind === "given") lines.push(part("p", "Press → or Play. A click on a card tells all about it; a click on a frame's title folds it. In the drawing, ↑ and ↓ go from card to card.", "kept"));
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
  const terms = value.locals.map(([name, formula, , number]) => element("li", {}, part("b", `with ${name}: `), formula ? `${formula} = ${number}` : number));
  if (value.locals.some(([, formula]) => formula.includes("["))) terms.push(element("li", {}, "[…] is 1 where that is true, else 0"));
  return [element("p", { class: "kept" }, `Kept for the way back, how fast ${value.name} grows`), element("ul", { class: "kept" }, ...terms)];
}

function tellTogether({ first, last: end, node, kind }) {
  const range = steps.slice(first, end + 1);
  const lines = [];
  if (node.unit && kind === "forward") {
    return [element("p", { class: "formula" }, part("b", node.line[0]), ` ${fill(node.line[1])}`), part("p", `${range.length} operations, shown as one sum.`, "kept")];
  }
  if (node.unit) lines.push(part("p", `${values[node.own].gradient} = ${latest(node.own).total} is complete. A sum hands it on to each term, and a product to each factor, times the other factor.`));
  else lines.push(part("p", `${range.length} operation${range.length > 1 ? "s" : ""}, folded. Click ▸ ${node.title} to see each.`));
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
    lines.push(part("p", node.unit ? "It reaches:" : "The gradient has gone back through them, and reached:"), element("ul", { class: "shares" }, ...entries));
  }
  return lines;
}

const firstUse = (value) => Math.min(...value.children.map((child) => values[child].forward));

function tellCheck() {
  const first = parameters.find(({ id }) => id === story.why?.value) ?? [...parameters].sort((a, b) => firstUse(a) - firstUse(b))[0];
  const found = first ? check(first) : "";
  return found ? [element("p", {}, part("b", "Is it true? "), `Computed again ${found}.`)] : [];
}

function tellParameters() {
  const body = [];
  let scope = "";
  for (const value of [...parameters].sort((a, b) => firstUse(a) - firstUse(b))) {
    const known = value.received.at(-1);
    if (value.scope.join(" › ") !== scope) {
      scope = value.scope.join(" › ");
      body.push(element("tr", {}, element("th", { scope: "rowgroup", colspan: 4 }, scope)));
    }
    const move = { positive: "smaller", negative: "larger", zero: "either" }[known?.sign] ?? "";
    body.push(element("tr", {}, element("th", { scope: "row" }, value.name), part("td", value.data), part("td", known?.total ?? "0", known?.sign), part("td", move)));
  }
  const heads = ["name", "value", "gradient", `for less ${values[story.root].name}`].map((text) => element("th", { scope: "col" }, text));
  return element("div", { class: "scroll" }, element("table", {}, element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...body)));
}

// Details of a card

function choose(node) {
  chosen = node;
  const close = element("button", { type: "button", "aria-label": "Close the details" }, "×");
  close.addEventListener("click", () => unchoose(true));
  const blocks = [node.own, ...node.rows.map((row) => row.id)].flatMap((id, i) => details(values[id], i > 0));
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

// A number that is given can be typed, or moved.
function field(value) {
  const typed = element("input", { type: "number", step: "any", value: value.x, "aria-label": `${value.name}, its number` });
  const reach = 2 * Math.max(1, Math.abs(given[value.id]));
  const moved = element("input", { type: "range", min: -reach, max: reach, step: reach / 200, value: value.x, "aria-label": `${value.name}, moved` });
  for (const [input, other] of [[typed, moved], [moved, typed]]) {
    input.addEventListener("input", () => {
      if (input.value === "" || !Number.isFinite(Number(input.value))) return;
      other.value = input.value;
      change([[value.id, Number(input.value)]]);
      follows();
    });
  }
  return element("span", { class: "field" }, typed, moved);
}

function details(value, inner) {
  const made = [element(inner ? "h4" : "h3", {}, value.name === value.formula ? value.formula : value.name)];
  const fact = (title, ...body) => made.push(element("dl", {}, element("dt", {}, title), ...body.map((b) => element("dd", {}, ...[b].flat()))));
  const step = steps[value.forward];
  if (value.parents.length && value.forward > at) fact("computed", "not yet");
  else if (value.parents.length) fact("computed as", `${step.line[0]} ${fill(step.line[1])}`);
  else fact(value.role === "computed" ? "given" : value.role, isLive && !value.constant ? field(value) : value.data);
  if (value.locals.length && value.forward <= at) {
    fact("local derivatives: how fast it grows", ...value.locals.map(([name, formula, , number]) => [part("b", `with ${name}: `), formula ? `${formula} = ${number}` : number]));
  }
  const sum = value.received.filter((entry) => entry.child !== undefined && entry.at <= at);
  const total = latest(value.id);
  if (total) {
    const terms = sum.map((entry) => [part("b", `from ${values[entry.child].name}: `), `${entry.formula.split(/ \+?= /)[1]}`, part("span", entry.numbers, entry.kind)]);
    if (value.id === story.root) terms.push("the start: it grows as fast as itself");
    const all = sum.length === value.received.filter((entry) => entry.child !== undefined).length;
    fact(`gradient ${value.gradient} = ${total.total}${sum.length > 1 ? `, a sum over ${sum.length} uses` : ""}${all ? "" : ", so far"}`, ...terms);
  } else if (value.constant) fact("gradient", "a number takes none");
  else fact("gradient", "not known yet: the backward pass has not come here");
  const found = at === last ? check(value) : "";
  if (found) fact("is it true?", found);
  if (value.made) fact("made at", value.made);
  return made;
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
    const line = step.kind === "backward" ? [part("b", value.gradient), ` = ${value.received.at(-1).total}`] : [part("b", step.line[0]), ` ${fill(step.line[1])}`];
    const jump = element("button", { type: "button" }, `${index}`);
    jump.addEventListener("click", () => { go(group.findIndex(({ last: end }) => end >= index)); });
    const body = [...(heading ? [heading] : []), jump, ...line];
    if (["given", "turn", "done"].includes(step.kind)) body.push(part("p", said(step)));
    if (step.shares?.length) body.push(element("ul", {}, ...step.shares.map((share) => element("li", {}, `${share.formula}${share.numbers}`))));
    return element("li", {}, ...body);
  }));
}
