"use strict";
// Layered layout of nested frames, left to right. A frame is laid out on its own, after the frames inside: how a link
// gets out of a frame or into it is part of that frame's layout.
//
// A node is a card {w, h} or a frame {children, title}; `children` stand in the order of computation. A link is
// {from, to, fromY, toY} between cards. Afterwards nodes have x, y, w, h and links have points.

const { layOut, curve, NEAREST } = (() => {

const PAD = 12, TITLE = 24, CARD_GAP = 9, LINE_GAP = 7;
const NEAREST = 42; // between columns: room for a local derivative

function layOut(root, links) {
  const up = (node, parent, depth) => {
    Object.assign(node, { parent, depth });
    if (node.children) {
      Object.assign(node, { inner: [], exits: [], entries: [] });
      node.children.forEach((child, index) => { child.index = index; up(child, node, depth + 1); });
    }
  };
  up(root, null, 0);
  for (const link of links) {
    let a = link.from, b = link.to;
    link.ways = new Map(); // from a frame to the link's places in the frame's columns
    while (a.depth > b.depth) { a.parent.exits.push({ item: a, link }); a = a.parent; }
    while (b.depth > a.depth) { b.parent.entries.push({ item: b, link }); b = b.parent; }
    while (a.parent !== b.parent) {
      a.parent.exits.push({ item: a, link }); a = a.parent;
      b.parent.entries.push({ item: b, link }); b = b.parent;
    }
    a.parent.inner.push({ a, b, link });
  }
  arrange(root);
  place(root, 0, 0);
  links.forEach(trace);
}

// Where in a node a link leaves or enters it, from the node's top.
const leaves = (node, link) => (node.children ? node.y0 + end(link.ways.get(node).at(-1), link, leaves) : link.fromY);
const enters = (node, link) => (node.children ? node.y0 + end(link.ways.get(node)[0], link, enters) : link.toY);
const end = (spot, link, inside) => spot.y + (spot.line ? 0 : inside(spot, link));

function arrange(frame) {
  const items = frame.children;
  items.filter((item) => item.children).forEach(arrange);
  rank(frame);
  const columns = [];
  const at = (r) => (columns[r] ??= []);
  items.forEach((item) => at(item.rank).push(item));
  const line = (link, index, from, to) => {
    const way = [];
    for (let r = from; r <= to; r++) {
      const spot = { line: true, h: 2, w: 0, rank: r, index };
      at(r).push(spot);
      way.push(spot);
    }
    return way;
  };
  const last = Math.max(0, ...items.map((item) => item.rank));
  const segments = []; // between neighbouring columns: the two ends, and how far below their tops
  const join = (way, link) => {
    for (let i = 1; i < way.length; i++) {
      const [p, q] = [way[i - 1], way[i]];
      if (q.rank !== p.rank + 1) continue;
      segments.push({ p, q, py: p.line ? 1 : leaves(p, link), qy: q.line ? 1 : enters(q, link) });
    }
    link.ways.set(frame, way);
  };
  frame.inner.forEach(({ a, b, link }) => join([a, ...line(link, a.index, a.rank + 1, b.rank - 1), b], link));
  frame.exits.forEach(({ item, link }) => join([item, ...line(link, item.index, item.rank + 1, last)], link));
  frame.entries.forEach(({ item, link }) => join([...line(link, item.index, 0, item.rank - 1), item], link));
  for (let r = 0; r <= last; r++) at(r).sort((p, q) => p.index - q.index);
  order(columns, segments);
  align(columns, segments);
  measure(frame, columns, segments);
}

function rank(frame) {
  const items = frame.children;
  items.forEach((item) => { item.rank = 0; item.sinks = []; });
  // Links that lead back into an earlier frame do not count.
  for (const { a, b } of frame.inner) if (a.given || a.index < b.index) a.sinks.push(b);
  const given = items.filter((item) => item.given);
  for (const item of [...given, ...items.filter((other) => !other.given)]) {
    for (const sink of item.sinks) sink.rank = Math.max(sink.rank, item.rank + 1);
  }
  for (const item of given) { // an input stands next to where it is used
    if (item.sinks.length) item.rank = Math.min(...item.sinks.map((sink) => sink.rank)) - 1;
  }
}

// Fewer crossings, by moving every spot toward the mean of its neighbours; the natural order wins ties.
function order(columns, segments) {
  const number = () => columns.forEach((column) => column.forEach((spot, i) => { spot.at = i; }));
  const neighbours = new Map();
  const near = (spot) => neighbours.get(spot) ?? neighbours.set(spot, { left: [], right: [] }).get(spot);
  for (const segment of segments) {
    near(segment.p).right.push(segment);
    near(segment.q).left.push(segment);
  }
  const crossings = () => {
    let count = 0;
    const byRank = Map.groupBy ? Map.groupBy(segments, (s) => s.p.rank) : new Map([[0, segments]]);
    for (const group of byRank.values()) {
      if (group.length > 400) continue; // counting is quadratic, and so many lines cross anyhow
      for (let i = 0; i < group.length; i++) {
        for (let j = 0; j < i; j++) {
          const [s, t] = [group[i], group[j]];
          if (s.p.rank !== t.p.rank) continue;
          const left = s.p.at - t.p.at || s.py - t.py, right = s.q.at - t.q.at || s.qy - t.qy;
          if (left * right < 0) count++;
        }
      }
    }
    return count;
  };
  number();
  let best = columns.map((column) => [...column]), fewest = crossings();
  for (let sweep = 0; sweep < 8 && fewest; sweep++) {
    const side = sweep % 2 ? "right" : "left";
    for (const column of sweep % 2 ? [...columns].reverse() : columns) {
      const want = new Map(column.map((spot) => {
        const found = near(spot)[side].map((s) => (side === "left" ? s.p.at + s.py / (s.p.h + 1) : s.q.at + s.qy / (s.q.h + 1)));
        return [spot, found.length ? found.reduce((a, b) => a + b) / found.length : spot.at];
      }));
      column.sort((p, q) => want.get(p) - want.get(q));
      column.forEach((spot, i) => { spot.at = i; });
    }
    const count = crossings();
    if (count < fewest) { fewest = count; best = columns.map((column) => [...column]); }
  }
  best.forEach((column, r) => { columns[r] = column; });
  number();
}

// Every spot as near to the mean of its neighbours as its column lets it: isotonic regression, column by column.
function align(columns, segments) {
  const gap = (p, q) => (p.line || q.line ? LINE_GAP : p.children || q.children ? PAD : CARD_GAP);
  for (const column of columns) {
    let y = 0;
    column.forEach((spot, i) => { spot.base = y; spot.y = y; y += spot.h + (column[i + 1] ? gap(spot, column[i + 1]) : 0); });
    column.height = y;
  }
  const tallest = Math.max(...columns.map((column) => column.height));
  for (const column of columns) column.forEach((spot) => { spot.y += (tallest - column.height) / 2; });
  const pulls = new Map();
  const pull = (spot) => pulls.get(spot) ?? pulls.set(spot, []).get(spot);
  for (const s of segments) {
    pull(s.p).push(() => s.q.y + s.qy - s.py);
    pull(s.q).push(() => s.p.y + s.py - s.qy);
  }
  for (let sweep = 0; sweep < 10; sweep++) {
    for (const column of sweep % 2 ? [...columns].reverse() : columns) {
      const blocks = [];
      for (const spot of column) {
        const wanted = pull(spot).map((f) => f());
        const mean = wanted.length ? wanted.reduce((a, b) => a + b) / wanted.length : spot.y;
        let block = { sum: (mean - spot.base) * (wanted.length || 0.1), weight: wanted.length || 0.1, spots: [spot] };
        while (blocks.length && blocks.at(-1).sum / blocks.at(-1).weight > block.sum / block.weight) {
          const above = blocks.pop();
          block = { sum: above.sum + block.sum, weight: above.weight + block.weight, spots: [...above.spots, ...block.spots] };
        }
        blocks.push(block);
      }
      for (const block of blocks) for (const spot of block.spots) spot.y = spot.base + block.sum / block.weight;
    }
  }
}

function measure(frame, columns, segments) {
  const spots = columns.flat();
  const top = Math.min(...spots.map((spot) => spot.y));
  frame.y0 = frame.parent ? TITLE : 0;
  let x = frame.parent ? PAD : 0;
  columns.forEach((column, r) => {
    const isCard = (spot) => !spot.line && !spot.children && !spot.folded;
    const width = Math.max(0, ...column.map((spot) => spot.w));
    const ofCards = Math.max(0, ...column.filter(isCard).map((spot) => spot.w));
    for (const spot of column) {
      spot.y -= top;
      spot.x = x;
      spot.right = x + width;
      if (isCard(spot)) spot.w = ofCards; // cards above each other are of one width
    }
    const between = segments.filter((s) => s.p.rank === r && Math.abs(s.p.y + s.py - s.q.y - s.qy) > 4).length;
    x += width + (r + 1 < columns.length ? Math.min(NEAREST + 2 * between, 84) : 0);
  });
  frame.w = Math.max(x + (frame.parent ? PAD : 0), frame.titleWidth ?? 0);
  frame.h = frame.y0 + Math.max(...spots.map((spot) => spot.y + spot.h)) + (frame.parent ? PAD : 0);
}

function place(frame, x, y) {
  frame.X = x;
  frame.Y = y;
  for (const child of frame.children ?? []) place(child, x + child.x, y + frame.y0 + child.y);
}

function trace(link) {
  const out = [], into = [];
  for (let node = link.from; node !== null; node = node.parent) if (link.ways.has(node)) out.push(node);
  for (let node = link.to; node !== null && !out.includes(node); node = node.parent) if (link.ways.has(node)) into.unshift(node);
  const { from, to } = link;
  const points = [[from.X + from.w, from.Y + link.fromY]];
  for (const frame of [...out, ...into]) {
    for (const spot of link.ways.get(frame)) {
      const y = frame.Y + frame.y0 + spot.y + 1;
      if (spot.line) points.push([frame.X + spot.x, y], [frame.X + spot.right, y]);
      // A narrow item of a wide column: to the column's edge first, or the link would cross its neighbours.
      else if (spot === link.ways.get(frame)[0] && !into.includes(frame)) points.push([frame.X + spot.right, points.at(-1)[1]]);
    }
  }
  points.push([to.X, to.Y + link.toY]);
  link.points = points;
}

function curve(points) {
  let path = `M${points[0].map(round)}`;
  for (let i = 1; i < points.length; i++) {
    const [[x0, y0], [x1, y1]] = [points[i - 1], points[i]];
    const bend = x1 > x0 ? (x1 - x0) / 2 : 40;
    path += y0 === y1 && x1 >= x0 ? `H${round(x1)}` : `C${[x0 + bend, y0, x1 - bend, y1, x1, y1].map(round)}`;
  }
  return path;
}

const round = (x) => Math.round(x * 10) / 10;

return { layOut, curve, NEAREST };

})();
