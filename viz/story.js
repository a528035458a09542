"use strict";
// The page of one computation: its graph, which the scripts lay out and draw, and the step of its story that is shown.
//
// `story`, which page.py writes, has cards, values and steps, with all texts ready. What is drawn depends on two things
// only: which frames are folded, and how many steps have been made. Texts are inserted as text, never as HTML.

const story = JSON.parse(document.getElementById("story").textContent);
const { values, steps } = story;

// By the steps: when each value is computed, when it hands its gradient on, and what its gradient is after each share.
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
