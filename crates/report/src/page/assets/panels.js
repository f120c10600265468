// The point and the group beside the map.
const featureButton = (d) => el("button", { title: `colour the map by ${meta.features[d]}`, onclick: () => chooseFeature(d) }, meta.features[d]);

/** A bar to the left or right of the middle, sign by side and colour. */
function gauge(value, most) {
  const size = most > 0 ? Math.min(1, Math.abs(value) / most) * 50 : 0;
  const bar = el("i", { style: { width: `${size}%`, left: value < 0 ? `${50 - size}%` : "50%", background: value < 0 ? "var(--neg)" : "var(--pos)" } });
  return el("td", { class: "gauge" }, el("div", null, bar));
}

const dot = (g) => el("span", { class: "dot", style: { background: meta.colours.groups[g] } });

/** The features that matter most for a point: from the program, else from a layer. */
function topOf(i) {
  if (data.top) {
    const { k, features, values, kind } = data.top;
    const list = [];
    for (let r = 0; r < k; r++) {
      const d = features[i * k + r];
      if (d !== 0xffffffff) list.push([d, values[i * k + r]]);
    }
    return { kind: kind || "score", list };
  }
  for (const kind of ["attribution", "importance"]) {
    const row = data.layers[kind] && data.layers[kind].row(i);
    if (!row) continue;
    const order = Uint32Array.from(row.keys()).sort((a, b) => Math.abs(row[b]) - Math.abs(row[a]));
    return { kind, list: [...order.slice(0, 10)].map((d) => [d, row[d]]) };
  }
  return null;
}

function showPoint(i) {
  const body = $("point-body");
  if (i < 0) {
    body.replaceChildren(el("p", { class: "dim" }, "Point at the map to see which features put a point where it is. Click keeps the point; Escape lets it go."));
    return;
  }
  const g = data.groupOf[i];
  const rows = [el("p", { class: "who" }, pointName(i)),
    el("p", null, meta.groups ? dot(g) : null, meta.groups ? ` ${data.groupNames[g]}` : "", el("span", { class: "dim" }, meta.names ? `  row ${i}` : ""))];
  const top = topOf(i);
  if (top) rows.push(topTable(i, top));
  if (meta.image) rows.push(pointTiles(i));
  body.replaceChildren(...rows);
}

function topTable(i, { kind, list }) {
  const most = list.reduce((m, [, v]) => Math.max(m, Math.abs(v)), 0);
  const values = data.layers.value;
  const head = el("tr", null, el("th", { scope: "col" }, "feature"), el("th", { scope: "col" }, kind),
    el("th", { class: "gauge" }), values ? el("th", { scope: "col" }, "value") : null);
  const lines = list.slice(0, 12).map(([d, v]) => el("tr", null, el("td", { title: meta.features[d] }, featureButton(d)),
    el("td", null, signed(v)), gauge(v, most), values ? el("td", null, valueCell(values, i, d)) : null));
  return el("table", { class: "bars" }, el("thead", null, head), el("tbody", null, ...lines));
}

/** A value that may still have to be decoded; then it is filled in a moment later. */
function valueCell(layer, i, d) {
  const now = layer.at(i, d);
  const cell = el("span", null, now === undefined ? "…" : show(now));
  if (now !== undefined) return cell;
  if (!layer.has(d)) cell.textContent = "–";
  else layer.part(Math.floor(layer.slot[d] / layer.per_block)).then(() => { cell.textContent = show(layer.at(i, d)); });
  return cell;
}

/** A small heat map of D numbers in the shape of the image. */
function tile(values, kind, title) {
  const [height, width] = meta.image;
  const canvas = el("canvas", { width, height, role: "img", "aria-label": title });
  const pen = canvas.getContext("2d");
  const pixels = pen.createImageData(width, height);
  const out = new Uint32Array(pixels.data.buffer);
  let low = Infinity, high = -Infinity;
  for (const v of values) { low = Math.min(low, v); high = Math.max(high, v); }
  const reach = Math.max(Math.abs(low), Math.abs(high)) || 1;
  for (let d = 0; d < D; d++) {
    out[d] = kind === "value"
      ? GREYS[Math.round(((STEPS - 1) * (values[d] - low)) / (high - low || 1))]
      : colourOf({ diverging: true, low: -reach, high: reach }, values[d]);
  }
  pen.putImageData(pixels, 0, 0);
  return el("figure", null, canvas, el("figcaption", null, title));
}

function pointTiles(i) {
  const box = el("div", { class: "tiles" });
  for (const kind of ["value", "attribution", "importance"]) {
    const layer = data.layers[kind];
    const row = layer && layer.row(i);
    if (row) box.append(tile(row, kind, kind === "value" ? "the sample" : kind));
  }
  return box;
}

/** Features of a group by falling |number| of a summary column. */
function ranking(g, values) {
  const order = Uint32Array.from({ length: D }, (_, d) => d);
  return order.sort((a, b) => Math.abs(values[g * D + b]) - Math.abs(values[g * D + a]) || a - b);
}

function showGroup() {
  const g = Number($("group-pick").value);
  const body = $("group-body");
  const size = plural(data.groupSize[g], "point");
  const first = data.summary.find((column) => column.name === $("group-order").value);
  if (!first) {
    body.replaceChildren(el("p", { class: "dim" }, `${size}. No summary per group is in this page.`));
    return;
  }
  const order = ranking(g, first.values).slice(0, 12);
  const most = Math.abs(first.values[g * D + order[0]]) || 1;
  const head = el("tr", null, el("th", { scope: "col" }, "feature"),
    ...data.summary.map((c) => el("th", { scope: "col", title: COLUMNS[c.name].tip }, COLUMNS[c.name].head)));
  const lines = [...order].map((d) => el("tr", null, el("td", { title: meta.features[d] }, featureButton(d)),
    ...data.summary.map((c) => numberCell(c.values[g * D + d], c === first ? most : 0))));
  body.replaceChildren(el("p", { class: "dim" }, `${size}; the twelve features with the largest ${COLUMNS[first.name].head}.`),
    el("table", { class: "bars" }, el("thead", null, head), el("tbody", null, ...lines)));
  if (meta.image) {
    const tiles = data.summary.map((c) => tile(c.values.subarray(g * D, (g + 1) * D), c.name, COLUMNS[c.name].head));
    body.append(el("div", { class: "tiles" }, ...tiles));
  }
}

/** A number, on a bar if `most` is its column's largest. */
function numberCell(value, most) {
  const share = most > 0 ? 100 * Math.min(1, Math.abs(value) / most) : 0;
  const colour = `color-mix(in srgb, var(${value < 0 ? "--neg" : "--pos"}) 32%, transparent)`;
  const style = share ? { background: `linear-gradient(to left, ${colour} ${share}%, transparent ${share}%)` } : {};
  return el("td", { style, title: show(value, 6) }, show(value, 2));
}

/** Any JSON as nested lists of facts. */
function facts(value) {
  if (value === null || typeof value !== "object") {
    return el("span", null, typeof value === "number" ? (Number.isInteger(value) ? String(value) : show(value, 6)) : String(value ?? "–"));
  }
  if (Array.isArray(value) && value.every((v) => v === null || typeof v !== "object")) {
    const some = value.slice(0, 40).map((v) => (typeof v === "number" ? show(v, 5) : String(v)));
    return el("span", null, some.join(", ") + (value.length > 40 ? `, … (${value.length})` : "") || "–");
  }
  const list = el("dl", { class: "facts" });
  for (const [name, inner] of Object.entries(value)) {
    list.append(el("dt", null, name.replaceAll("_", " ")), el("dd", null, facts(inner)));
  }
  return list;
}
