// Small helpers for the document. Text reaches it as text only.
const problems = [];
addEventListener("error", (e) => problems.push(String(e.message)));
addEventListener("unhandledrejection", (e) => problems.push(String(e.reason)));
document.addEventListener("securitypolicyviolation", (e) =>
  problems.push(`policy ${e.violatedDirective} ${e.blockedURI}`));

const $ = (id) => document.getElementById(id);

/** An element with properties (class, dataset and aria names as attributes) and children. */
function el(tag, props, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props || {})) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key === "style") for (const [k, v] of Object.entries(value)) node.style.setProperty(k, v);
    else if (value !== undefined && value !== null && value !== false) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((c) => c !== null && c !== undefined));
  return node;
}

/** A number for people: three significant digits. */
function show(x, digits = 3) {
  if (x === null || x === undefined || !Number.isFinite(x)) return "–";
  if (x === 0) return "0";
  const size = Math.abs(x);
  if (size >= 1e6 || size < 1e-4) return x.toExponential(digits - 1).replace("e+", "e").replaceAll("-", "−");
  return String(Number(x.toPrecision(digits))).replace("-", "−");
}

/** How the numbers of one column are written: three digits of the largest, a power of ten shared by all. */
function columnForm(values) {
  let most = 0;
  for (const x of values) if (Number.isFinite(x)) most = Math.max(most, Math.abs(x));
  const size = most > 0 ? Math.floor(Math.log10(most)) : 0;
  const power = size < -1 || size > 3 ? Math.max(-300, 3 * Math.floor(size / 3)) : 0;
  const decimals = Math.max(0, Math.min(3, 2 - (size - power)));
  const raised = [...String(power)].map((c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(c)])).join("");
  return {
    unit: power ? `×10${raised}` : "",
    write(x, plus) {
      if (!Number.isFinite(x)) return "–";
      const text = (Math.abs(x) / 10 ** power).toFixed(decimals);
      return (Number(text) === 0 ? "" : x < 0 ? "−" : plus ? "+" : "") + text;
    },
  };
}
const sentence = (text) => (text ? text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".") : "");
/** A share for people. */
const percent = (x) => (x === 0 ? "0 %" : x > 0 && x < 1e-5 ? "less than 0.001 %" : `${show(100 * x)} %`);
const plural = (n, word) => `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;

function download(name, blob) {
  const link = el("a", { href: URL.createObjectURL(blob), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/** Fills a select with [value, text] pairs. */
function options(select, pairs, value) {
  select.replaceChildren(...pairs.map(([v, t]) => el("option", { value: v }, t)));
  if (value !== undefined) select.value = value;
}

/** Runs `task` at most once per frame, with what it was last given. */
function perFrame(task) {
  let waiting = false, latest;
  return (given) => {
    latest = given;
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; task(latest); });
  };
}
