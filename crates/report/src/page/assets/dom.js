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
  if (size >= 1e6 || size < 1e-4) return x.toExponential(digits - 1).replace("e+", "e").replace("-", "−");
  return String(Number(x.toPrecision(digits))).replace("-", "−");
}
const signed = (x) => (x > 0 ? "+" : "") + show(x);
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

/** Runs `task` at most once per frame. */
function perFrame(task) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; task(); });
  };
}
