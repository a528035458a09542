"use strict";
// The page of one computation: its graph, which the scripts lay out and draw, and the step of its story that is shown.
//
// `story`, which page.py writes, has levels, values and steps, with all texts ready but for the numbers in them. What is
// drawn depends on three things only: the numbers, which frames are folded, and how many steps have been made. Texts are inserted as text, never as HTML.

const story = JSON.parse(document.getElementById("story").textContent);
const { values, steps } = story;

// By the steps: when each value is computed, and when it hands its gradient on.
values.forEach((value, id) => Object.assign(value, { id, forward: value.parents.length ? Infinity : 0, backward: Infinity, received: [], children: [] }));
steps.forEach((step, at) => {
  if (step.kind === "forward") values[step.value].forward = at;
  if (step.kind === "backward") values[step.value].backward = at;
});
for (const child of values) for (const parent of new Set(child.parents)) values[parent].children.push(child.id);
const last = steps.length - 1;
const turn = steps.findIndex((step) => step.kind === "turn");
