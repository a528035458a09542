"use strict";
// Numbers as viz.text writes them.

const read = (x) => (typeof x === "string" ? Number(x.replace("inf", "Infinity")) : x); // JSON has no inf and no nan

// So many decimals, or scientific notation where decimals would not show the number well.
function written(x, digits, signed = false) {
  if (x === 0) return "0";
  if (Number.isNaN(x)) return "nan";
  const size = Math.abs(x), sign = x < 0 ? "−" : signed ? "+" : "";
  if (size === Infinity) return `${sign}∞`;
  if (size >= 0.5 * 10 ** -digits && size < 1e5) return sign + rounded(size, "toFixed", digits);
  return sign + rounded(size, "toExponential", Math.max(digits - 1, 0)).replace("e+", "e").replace("e-", "e−");
}

// As JavaScript rounds, but for a number half way between two: to the even one, as Python rounds.
function rounded(size, method, digits) {
  const text = size[method](digits), [exact, exponent] = size[method](digits + 60).split("e");
  if (!/^50*$/.test(exact.slice(-60))) return text;
  const below = exact.slice(0, -60).replace(/\.$/, "");
  return "02468".includes(below.at(-1)) ? below + (exponent ? `e${exponent}` : "") : text;
}
