"use strict";
// What is shown of the levels that Python has laid out: one as it is, or one in which the reader folded some frames.
//
// A frame that is folded leaves its place to one card; what room is left then in whole columns and rows is taken out, so
// that all else stays beside what it stood beside.

const ROW = 16, HEAD = 21, FOOT = 15, EDGE = 7; // as in stage.py
const PAD = 10, TITLE = 24, COLUMN_GAP = 44, CARD_GAP = 10;

const key = (scope) => JSON.stringify(scope);
const prefixes = (scope) => scope.map((_, i) => key(scope.slice(0, i + 1)));
const folded = new Set(); // the keys of the folded frames
const sums = story.levels.findIndex((level) => level.sums && !level.depth); // -1 where there are none
let base = 0; // the level whose cards stand outside folded frames: every operation, or sums as one card

const phone = matchMedia("(max-width: 600px)"); // for which Python has laid out what may fit
const laid = (level) => (phone.matches && level.phone) || level;

const placed = (part, [X, Y, w, h]) => ({ ...part, X, Y, w, h });
for (const level of story.levels) {
  level.nodes.forEach((node) => Object.assign(node, { folded: node.own === null, key: key(node.scope), title: node.scope.at(-1) }));
  level.frames.forEach((frame) => Object.assign(frame, { key: key(frame.scope), title: frame.scope.at(-1) }));
  if (!level.phone) continue;
  const { nodes, frames, paths } = level.phone;
  Object.assign(level.phone, {
    nodes: level.nodes.map((node, i) => placed(node, nodes[i])),
    frames: level.frames.map((frame, i) => placed(frame, frames[i])),
    links: level.links.map((link, i) => ({ ...link, path: paths[i] })),
  });
}
const foldedNodes = new Map(story.levels.flatMap(({ nodes }) => nodes.filter((node) => node.folded).map((node) => [node.key, node])));

function allFrames(depth) {
  return new Map([...foldedNodes].filter(([, node]) => node.scope.length === depth));
}
const deepest = Math.max(0, ...[...foldedNodes.values()].map((node) => node.scope.length));

// The level that has just these frames folded, if there is one.
function levelNow() {
  if (!folded.size) return story.levels[base];
  return story.levels.find(({ depth }) => depth && allFrames(depth).size === folded.size && [...allFrames(depth).keys()].every((name) => folded.has(name)));
}

function arranged() {
  if (!levelNow()) return squeezed(story.levels[base]);
  const level = laid(levelNow());
  const nodes = level.nodes.map((node) => ({ ...node }));
  const links = level.links.map((link) => ({ ...link, from: nodes[link.from], to: nodes[link.to], ends: link.ends.map(([child, slot]) => ({ child, slot })) }));
  return { nodes, links, frames: level.frames, width: level.width, height: level.height };
}

function squeezed(level) {
  const cards = new Map(); // of the folded frames
  const stands = level.nodes.map((node) => {
    const name = prefixes(node.scope).find((prefix) => folded.has(prefix));
    if (!name) return { ...node };
    const frame = level.frames.find((candidate) => candidate.key === name) ?? node;
    if (!cards.has(name)) cards.set(name, { ...foldedNodes.get(name), X: frame.X, Y: Math.max(frame.Y, frame.Y + (frame.h - foldedNodes.get(name).h) / 2) });
    return cards.get(name);
  });
  const nodes = [...new Set(stands)];
  const frames = level.frames.filter((frame) => !prefixes(frame.scope).some((prefix) => folded.has(prefix)));
  const across = taut([...nodes.map(({ X, w }) => [X, X + w]), ...frames.flatMap(({ X, w }) => [[X, X + PAD], [X + w - PAD, X + w]])], COLUMN_GAP);
  const down = taut([...nodes.map(({ Y, h }) => [Y, Y + h]), ...frames.flatMap(({ Y, h }) => [[Y, Y + TITLE], [Y + h - PAD, Y + h]])], CARD_GAP);
  const links = [];
  const into = new Map(); // by one link into a folded frame, however often a scalar is used there
  for (const { from, to, parent, ends, path } of level.links) {
    const [source, target] = [stands[from], stands[to]];
    if (source === target) continue;
    const made = ends.map(([child, slot]) => ({ child, slot }));
    const entry = target.folded && into.get(`${parent} ${target.key}`);
    if (entry) { entry.ends.push(...made); continue; }
    const link = { from: source, to: target, parent, ends: made, points: path.match(/-?[\d.]+/g).map(Number) };
    link.fromY = source.folded ? rowAt(source, parent) : link.points[1] - source.Y;
    link.toY = target.folded ? target.h / 2 : link.points.at(-1) - target.Y;
    if (target.folded) into.set(`${parent} ${target.key}`, link);
    links.push(link);
  }
  const moved = frames.map((frame) => ({ ...frame, X: across(frame.X), Y: down(frame.Y), w: across(frame.X + frame.w) - across(frame.X), h: down(frame.Y + frame.h) - down(frame.Y) }));
  for (const node of nodes) [node.X, node.Y] = [across(node.X), down(node.Y)];
  for (const link of links) {
    const points = [[link.from.X + link.from.w, link.from.Y + link.fromY]], end = [link.to.X, link.to.Y + link.toY];
    for (let i = 6; i + 6 < link.points.length; i += 6) { // every third point lies on the curve
      const [x, y] = [across(link.points[i]), down(link.points[i + 1])];
      if (x > points.at(-1)[0] + 4 && x < end[0] - 4) points.push([x, y]);
    }
    link.path = curve([...points, end]);
  }
  const extent = (start, size) => Math.max(...[...nodes, ...moved].map((box) => box[start] + box[size]));
  return { nodes, links, frames: moved, width: extent("X", "w"), height: extent("Y", "h") };
}

function rowAt(node, id) {
  const index = node.rows.findIndex((row) => row.id === id);
  return index < 0 ? node.h / 2 : HEAD + (index + 0.5) * ROW;
}

// A map of coordinates that shortens all that none of the intervals covers to the room that it may take.
function taut(intervals, room) {
  const covered = [];
  for (const [start, end] of intervals.sort((a, b) => a[0] - b[0])) {
    if (covered.length && start <= covered.at(-1).end) covered.at(-1).end = Math.max(covered.at(-1).end, end);
    else covered.push({ start, end });
  }
  let cut = covered[0].start;
  covered.forEach((part, i) => {
    if (i) cut += Math.max(0, part.start - covered[i - 1].end - room);
    part.cut = cut;
  });
  return (x) => {
    const part = covered.findLast(({ start }) => start <= x) ?? covered[0];
    const next = covered[covered.indexOf(part) + 1];
    const moved = x - part.cut;
    return x > part.end && next ? Math.min(moved, next.start - next.cut) : moved;
  };
}

function curve(points) {
  let path = `M${points[0]}`;
  for (let i = 1; i < points.length; i++) {
    const [[x0, y0], [x1, y1]] = [points[i - 1], points[i]];
    const bend = x1 > x0 ? (x1 - x0) / 2 : 40;
    path += `C${[x0 + bend, y0, x1 - bend, y1, x1, y1]}`;
  }
  return path;
}
