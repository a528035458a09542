"use strict";
// The page at work: folding, zooming, following the story, and what is done once at the start.

function toggle(name) {
  if (folded.has(name)) folded.delete(name); else folded.add(name);
  redraw();
  at = group[place()].last;
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
let scale = null; // null: as large as fits, but readable, with scroll bars where the graph does not fit
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
