"use strict";
// What the pages share: making elements, the switch of themes, and walking through steps by keys, buttons and slider.

const SVG = "http://www.w3.org/2000/svg";
const OF_SVG = ["svg", "g", "rect", "circle", "line", "text", "path", "title"];
const $ = (id) => document.getElementById(id);
const calm = matchMedia("(prefers-reduced-motion: reduce)");

function element(name, attributes = {}, ...children) {
  const made = OF_SVG.includes(name) ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== null) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== null));
  return made;
}

function themeSwitch() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const chosen = document.documentElement.dataset;
  const isDark = () => (chosen.theme ? chosen.theme === "dark" : dark.matches);
  const say = () => { $("theme").setAttribute("aria-pressed", String(isDark())); };
  $("theme").addEventListener("click", () => { chosen.theme = isDark() ? "light" : "dark"; say(); });
  dark.addEventListener("change", say);
  say();
}

// The buttons and keys of a page: `place()` is the step that is shown, `end()` the last one, and `go(step)` shows a step.
function player(place, end, go, keys = {}, pace = 1) {
  let clock = null;
  const play = (on) => {
    clearInterval(clock);
    clock = on ? setInterval(() => (place() < end() ? go(place() + 1) : play(false)), pace * Number($("speed").value)) : null;
    $("play").textContent = on ? "Pause" : "Play";
    $("now").setAttribute("aria-live", on ? "off" : "polite"); // a screen reader could not keep up
  };
  const startOrStop = () => {
    if (!clock && place() === end()) go(0);
    play(!clock);
  };
  const to = (where) => () => { play(false); go(Math.max(0, Math.min(where(), end()))); };
  const acts = { first: to(() => 0), back: to(() => place() - 1), next: to(() => place() + 1), last: to(end), play: startOrStop };
  for (const [id, act] of Object.entries(acts)) $(id).addEventListener("click", act);
  $("slider").addEventListener("input", (event) => to(() => Number(event.target.value))());
  $("speed").addEventListener("change", () => { if (clock) play(true); });
  const all = { ArrowRight: acts.next, ArrowLeft: acts.back, Home: acts.first, End: acts.last, " ": startOrStop, ...keys };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("select, input")) return;
    if (!all[event.key] || (event.key === " " && event.target.closest?.("button, summary, [role=button]"))) return;
    event.preventDefault();
    all[event.key]();
  });
}

function showPlace(index, end, spoken) {
  const slider = $("slider");
  slider.max = end;
  slider.value = index;
  slider.setAttribute("aria-valuetext", spoken);
  $("place").textContent = `${index} / ${end}`;
  $("back").disabled = $("first").disabled = index === 0;
  $("next").disabled = $("last").disabled = index === end;
}
