"use strict";
// The computation itself: values, local derivatives and gradients, computed here whenever a number is changed.
//
// `OPERATIONS`, which script.py prints from the table of operations, has each operation's value and partial derivatives;
// it is null where one of the graph's operations cannot be printed: then the numbers stay those that Python computed.

const greater = (x, y) => (x > y ? 1 : x <= y ? 0 : NaN);
const equal = (x, y) => (x === y ? 1 : x < y || x > y ? 0 : NaN);
const holds = (x) => (x < 0 || x > 0 ? 1 : 0);
const fmod = (x, y) => x % y;
const rint = (x) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x)); // ties go to even numbers
const where = (x, y, z) => (Number.isNaN(x) ? NaN : x ? y : z);
const maximum = (x, y) => (x >= y || Number.isNaN(x) ? x : y);
const minimum = (x, y) => (x <= y || Number.isNaN(x) ? x : y);

// The error function: its series where that is short, else its continued fraction (Abramowitz and Stegun, 7.1.5, 7.1.14).
function erf(x) {
  const size = Math.abs(x);
  if (!(size < 6)) return Number.isNaN(x) ? NaN : Math.sign(x);
  if (size < 2.5) {
    let term = x, sum = x;
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) { term *= -x * x / n; sum += term / (2 * n + 1); }
    return 2 / Math.sqrt(Math.PI) * sum;
  }
  let fraction = 0;
  for (let n = 60; n > 0; n--) fraction = n / 2 / (size + fraction);
  return Math.sign(x) * (1 - Math.exp(-x * x) / Math.sqrt(Math.PI) / (size + fraction));
}

const isLive = OPERATIONS !== null;
const backwards = steps.map((step, at) => ({ at, ...step })).filter(({ kind }) => kind === "backward");
const digits = story.digits;
let largest = 1; // of what flows back, for the widths of edges

values.forEach((value) => Object.assign(value, { x: read(value.x), slopes: value.slopes.map(read) }));
const given = values.map(({ x }) => x);

function forwardFrom(numbers, slopes = null) {
  values.forEach(({ parents, operation }, id) => {
    if (!parents.length) return;
    const operands = parents.map((parent) => numbers[parent]);
    numbers[id] = OPERATIONS[operation].value(...operands);
    if (slopes) slopes[id] = OPERATIONS[operation].partials.map((partial) => partial(numbers[id], ...operands));
  });
  return numbers;
}

// Set some numbers that are given, and compute everything that follows from them.
function change(changes) {
  const numbers = values.map(({ x }) => x), slopes = [];
  for (const [id, x] of changes) numbers[id] = x;
  forwardFrom(numbers, slopes);
  values.forEach((value, id) => { value.x = numbers[id]; value.slopes = slopes[id] ?? value.slopes; });
  tellNumbers();
}

const bound = (text, x, least) => (x < 0 && least > 1 ? `(${text})` : text); // a negative operand in parentheses
const fill = (text) => text.replace(/\ue000(\d+):(\d)\ue001/g, (_, id, least) => bound(written(values[id].x, digits), values[id].x, Number(least)));
const signOf = (x) => (Number.isNaN(x) ? "nan" : x > 0 ? "positive" : x < 0 ? "negative" : "zero");

function tellNumbers() {
  for (const value of values) {
    value.data = written(value.x, digits);
    value.received = [];
    for (const local of value.locals) local[3] = written(value.slopes[local[2]], digits);
  }
  const gradients = values.map(() => 0);
  gradients[story.root] = 1;
  values[story.root].received.push({ at: turn, total: written(1, digits, true), sign: "positive" });
  largest = 0;
  for (const { at, value, shares } of backwards) {
    for (const share of shares) {
      const gradient = gradients[value], local = values[value].slopes[share.slot], amount = local * gradient;
      gradients[share.parent] += amount;
      const total = gradients[share.parent], result = written(amount, digits, true);
      share.slope = written(local, digits);
      const slope = share.unit || bound(share.slope, local, 3);
      const numbers = slope === "1" ? written(gradient, digits) : slope === "−1" ? `−${bound(written(gradient, digits), gradient, 2)}`
        : `${bound(written(gradient, digits), gradient, 2)}·${slope}`;
      Object.assign(share, {
        numbers: numbers === result.replace("+", "") ? ` = ${result}` : ` = ${numbers} = ${result}`,
        kind: signOf(amount), amount: Number.isFinite(amount) ? amount : null, total: written(total, digits, true), sign: signOf(total),
      });
      if (Number.isFinite(amount)) largest = Math.max(largest, Math.abs(amount));
      values[share.parent].received.push({ at, child: value, ...share });
    }
  }
  values.forEach((value, id) => { value.slope = gradients[id]; });
  largest ||= 1;
}
tellNumbers();

// Compute everything again with one leaf a little larger, and compare with what the leaf's gradient foretells.
const NUDGE = 0.001;
function check(leaf) {
  if (!isLive || leaf.parents.length || leaf.constant) return "";
  const numbers = values.map(({ x }) => x);
  numbers[leaf.id] += NUDGE;
  const root = values[story.root], now = forwardFrom(numbers)[story.root], difference = now - root.x, told = NUDGE * leaf.slope;
  if (!Number.isFinite(difference) || !Number.isFinite(told)) return "";
  return `with ${leaf.name} larger by ${NUDGE}, ${root.name} is ${written(now, digits + 3)}: it ${difference < 0 ? "shrinks" : "grows"} by ${written(Math.abs(difference), digits + 3)}, and ${leaf.gradient} foretells ${written(told, digits + 3)}`;
}

// Training: what a step adds to a parameter, by the gradients so far.

const leaves = values.filter((value) => !value.parents.length && !value.constant && value.id !== story.root);
const parameters = leaves.some(({ role }) => role === "parameter") ? leaves.filter(({ role }) => role === "parameter") : leaves;
let history = [], memory = []; // the losses; of each parameter, the means that an optimizer keeps
let sizes = new Map(); // by layer, the root mean square of the gradients at each step

function remember() {
  history.push(values[story.root].x);
  const layers = new Map();
  for (const { scope, slope } of parameters) layers.set(scope[0] ?? "", [...(layers.get(scope[0] ?? "") ?? []), slope]);
  for (const [name, slopes] of layers) sizes.set(name, [...(sizes.get(name) ?? []), Math.hypot(...slopes) / Math.sqrt(slopes.length)]);
}

const OPTIMIZERS = {
  descent: (gradient, rate) => -rate * gradient,
  momentum: (gradient, rate, kept) => { kept.mean = 0.9 * (kept.mean ?? 0) + gradient; return -rate * kept.mean; },
  adam: (gradient, rate, kept, step) => {
    kept.mean = 0.9 * (kept.mean ?? 0) + 0.1 * gradient;
    kept.square = 0.999 * (kept.square ?? 0) + 0.001 * gradient * gradient;
    return -rate * kept.mean / (1 - 0.9 ** step) / (Math.sqrt(kept.square / (1 - 0.999 ** step)) + 1e-8);
  },
};

function descend(optimizer, rate) {
  if (!history.length) remember();
  change(parameters.map(({ id, x, slope }, i) => [id, x + OPTIMIZERS[optimizer](slope, rate, memory[i] ??= {}, history.length)]));
  remember();
}

function startOver() {
  [history, memory, sizes] = [[], [], new Map()];
  change(given.map((x, id) => [id, x]));
}

// What the model makes of two inputs: the last value that depends on two inputs only, and on no target, over their plane.

const plane = (() => {
  const from = []; // for each value, the inputs that it depends on; null where a target is among what it depends on
  let found = null;
  values.forEach(({ parents, role, constant }, id) => {
    if (!parents.length) { from[id] = role === "target" ? null : new Set(role === "input" && !constant ? [id] : []); return; }
    const all = parents.map((parent) => from[parent]);
    from[id] = all.includes(null) ? null : new Set(all.flatMap((inputs) => [...inputs]));
    if (from[id]?.size === 2) found = { id, inputs: [...from[id]].sort((a, b) => a - b) };
  });
  return found;
})();

function overPlane(side, reach) {
  const needed = new Set([plane.id]); // of all that is computed, what leads to this value
  for (let id = plane.id; id >= 0; id--) if (needed.has(id)) for (const parent of values[id].parents) needed.add(parent);
  const computed = [...needed].filter((id) => values[id].parents.length).sort((a, b) => a - b);
  const numbers = values.map(({ x }) => x), out = [];
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      numbers[plane.inputs[0]] = reach * (2 * column / (side - 1) - 1);
      numbers[plane.inputs[1]] = reach * (1 - 2 * row / (side - 1));
      for (const id of computed) numbers[id] = OPERATIONS[values[id].operation].value(...values[id].parents.map((parent) => numbers[parent]));
      out.push(numbers[plane.id]);
    }
  }
  return out;
}
