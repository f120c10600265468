// The point and the group beside the map.
const featureButton = (d) => el("button", { title: `colour the map by ${meta.features[d]}`, onclick: () => chooseFeature(d) }, meta.features[d]);
const setMark = (d) => (setOf(d) < 0 ? null : el("span", { class: "dim set", title: setWords(d) }, setName(d)));
const dot = (g) => el("span", { class: "dot", style: { background: meta.colours.groups[g] } });
const columnHead = (head, unit, tip) => el("th", { scope: "col", title: tip }, head, unit ? el("span", { class: "unit" }, unit) : null);
/** Features listed: as many as the run was asked for; a panel of more than 100 lines answers too slowly. */
const listed = () => Math.min(data.top ? data.top.k : 12, D, 100);

/** Lists of a point's features: from which layer, which number of an entry is shown, which gives the order. */
const LISTS = {
  importance: { kind: "importance", head: "importance", of: (v) => v, size: (v) => v },
  sensitivity: { kind: "attribution", head: "sensitivity", of: Math.abs, size: Math.abs },
  attribution: { kind: "attribution", head: "signed attribution", of: (v) => v, size: Math.abs, signed: true },
  score: { kind: null, head: "score", of: (v) => v, size: Math.abs, signed: true },
};

/** The lists that this page has numbers for; attributions without a sign are sensitivities only. */
function listsHere() {
  const column = (name) => data.summary.some((c) => c.name === name);
  const unsigned = column("sensitivity") && !column("signed_mean");
  return Object.keys(LISTS).filter((name) => {
    const { kind } = LISTS[name];
    const here = data.top && (data.top.kind || null) === kind;
    return (here || (kind && data.layers[kind])) && !(name === "attribution" && unsigned);
  });
}

/** A list of a point as [feature, number] pairs: the program's own, else from a layer; null while that is unpacked. */
function topOf(i, { kind, size }) {
  if (data.top && (data.top.kind || null) === kind) {
    const { k, features, values } = data.top;
    const own = (r) => [features[i * k + r], values[i * k + r]];
    return Array.from({ length: listed() }, (_, r) => own(r)).filter(([d]) => d !== 0xffffffff);
  }
  const row = data.layers[kind].row(i);
  return row && foremost(row, listed(), size).map((d) => [d, row[d]]);
}

/** The entries of greatest size, falling; of equal ones the first. What is not stored is NaN and left out. */
function foremost(row, count, size) {
  const best = [];
  let least = -Infinity;
  for (let d = 0; d < row.length; d++) {
    const s = size(row[d]);
    if (!(s > least)) continue;
    let at = best.length;
    while (at > 0 && size(row[best[at - 1]]) < s) at--;
    best.splice(at, 0, d);
    if (best.length > count) best.pop();
    if (best.length === count) least = size(row[best[count - 1]]);
  }
  return best;
}

/** The panel of one point. Its elements are made once and filled again: it follows the pointer. */
const panel = { shown: -1, list: null, rows: [], tiles: [] };

function buildPoint() {
  const names = listsHere();
  options($("point-list"), names.map((name) => [name, LISTS[name].head]), data.top && data.top.kind === "attribution" ? names.find((name) => name !== "importance") : names[0]);
  $("point-list").parentElement.hidden = names.length < 2;
  const choose = () => { panel.list = LISTS[$("point-list").value] || null; showPoint(panel.shown); };
  $("point-list").addEventListener("change", choose);
  panel.who = el("p", { class: "who" });
  panel.dot = dot(0);
  panel.group = el("span");
  panel.row = el("span", { class: "dim" });
  panel.stability = el("p", { class: "dim", title: STABILITY, hidden: !data.stability });
  panel.head = el("th", { scope: "col", class: "num" });
  panel.note = el("p", { class: "dim" });
  panel.body = el("tbody");
  const values = data.layers.value ? el("th", { scope: "col", class: "num" }, "value") : null;
  panel.table = el("table", { class: "bars" }, el("thead", null, el("tr", null, el("th", { scope: "col" }, "feature"), panel.head, el("th", { class: "gauge" }), values)), panel.body);
  for (let r = 0; names.length && r < listed(); r++) panel.body.append(pointRow());
  const tiles = el("div", { class: "tiles" });
  for (const kind of meta.image ? ["value", "attribution", "importance"] : []) {
    if (!data.layers[kind] || !data.layers[kind].complete) continue;
    const tile = { kind, ...tileFigure(kind === "value" ? "the sample" : kind) };
    panel.tiles.push(tile);
    tiles.append(tile.figure);
  }
  panel.full = el("div", { hidden: true }, panel.who, el("p", null, meta.groups ? panel.dot : null, panel.group, panel.row), panel.stability, panel.note, panel.table, tiles);
  panel.empty = el("p", { class: "dim" }, "Point at the map to see which features put a point where it is. Click keeps the point; Escape lets it go.");
  $("point-body").replaceChildren(panel.empty, panel.full);
  choose();
}

function pointRow() {
  const row = { d: 0, button: featureButtonOf(() => row.d), number: el("td", { class: "num" }), bar: el("i"), value: data.layers.value ? el("td", { class: "num" }) : null };
  row.set = el("span");
  row.name = el("td", { class: "name" }, row.button, row.set);
  row.tr = el("tr", null, row.name, row.number, el("td", { class: "gauge" }, el("div", null, row.bar)), row.value);
  panel.rows.push(row);
  return row.tr;
}
const featureButtonOf = (which) => el("button", { onclick: () => chooseFeature(which()) });

function showPoint(i) {
  panel.shown = i;
  panel.empty.hidden = i >= 0;
  panel.full.hidden = i < 0;
  if (i < 0) return;
  const g = data.groupOf[i];
  panel.who.textContent = pointName(i);
  panel.dot.style.background = meta.colours.groups[g];
  panel.group.textContent = meta.groups ? ` ${data.groupNames[g]}` : "";
  panel.row.textContent = meta.names ? `  row ${i}` : "";
  if (data.stability) panel.stability.textContent = stabilityWords(i);
  if (panel.list) fillList(i);
  else panel.table.hidden = true;
  for (const { kind, canvas } of panel.tiles) {
    const row = data.layers[kind].row(i);
    if (row) paintTile(canvas, row, kind);
  }
}

function fillList(i) {
  const { kind, head, of, signed } = panel.list;
  const top = topOf(i, panel.list);
  if (!top) data.layers[kind].all().then(() => { if (panel.shown === i) showPoint(i); });
  panel.table.hidden = !top;
  panel.table.classList.toggle("signed", Boolean(signed));
  const stored = data.layers[kind] && data.layers[kind].stored;
  const partly = stored && !(data.top && data.top.kind === kind) ? `Of the ${plural(stored.length, "feature")} stored in this page.` : "";
  panel.note.textContent = top ? partly : "Unpacking the numbers…";
  panel.note.hidden = !panel.note.textContent;
  if (!top) return;
  const numbers = top.map(([, v]) => of(v));
  const form = columnForm(numbers);
  panel.head.replaceChildren(head, el("span", { class: "unit" }, form.unit));
  const most = numbers.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
  panel.rows.forEach((row, r) => {
    row.tr.hidden = r >= top.length;
    if (r < top.length) fillRow(row, i, top[r][0], numbers[r], form.write(numbers[r], signed));
    if (r < top.length) fillBar(row.bar, numbers[r], most, signed);
  });
}

function fillRow(row, i, d, number, text) {
  if (row.d !== d || !row.button.textContent) {
    row.d = d;
    row.button.textContent = meta.features[d];
    row.button.title = `${meta.features[d]}: colour the map by it`;
    row.set.replaceChildren(...(meta.sets ? [setMark(d)].filter(Boolean) : []));
  }
  row.number.textContent = text;
  row.number.title = show(number, 6);
  if (row.value) fillValue(row, i, d);
}

/** A bar from the left; of signed numbers to the left or right of the middle. */
function fillBar(bar, number, most, signed) {
  const size = most > 0 ? Math.min(1, Math.abs(number) / most) * (signed ? 50 : 100) : 0;
  bar.style.width = `${size}%`;
  bar.style.left = !signed ? "0" : number < 0 ? `${50 - size}%` : "50%";
  bar.style.background = number < 0 ? "var(--neg)" : "var(--pos)";
}

/** A value that may still have to be unpacked; then it is filled in a moment later. */
function fillValue(row, i, d) {
  const layer = data.layers.value;
  const now = layer.at(i, d);
  row.value.textContent = now !== undefined ? show(now) : layer.has(d) ? "" : "–";
  if (now !== undefined || !layer.has(d)) return;
  layer.part(Math.floor(layer.slot[d] / layer.per_block)).then(() => { if (panel.shown === i && row.d === d) row.value.textContent = show(layer.at(i, d)); });
}

/** A small heat map in the shape of the image. */
function tileFigure(title) {
  const [height, width] = meta.image;
  const canvas = el("canvas", { width, height, role: "img", "aria-label": title });
  return { canvas, figure: el("figure", null, canvas, el("figcaption", null, title)) };
}

function paintTile(canvas, values, kind) {
  const pen = canvas.getContext("2d");
  const pixels = pen.createImageData(canvas.width, canvas.height);
  const out = new Uint32Array(pixels.data.buffer);
  let low = Infinity, high = -Infinity;
  for (const v of values) { low = Math.min(low, v); high = Math.max(high, v); }
  const reach = Math.max(Math.abs(low), Math.abs(high)) || 1;
  const scale = { diverging: true, low: -reach, high: reach };
  for (let d = 0; d < D; d++) {
    out[d] = kind === "value"
      ? GREYS[Math.round(((STEPS - 1) * (values[d] - low)) / (high - low || 1))]
      : colourOf(scale, values[d]);
  }
  pen.putImageData(pixels, 0, 0);
}

/** Features of a group by a summary column, falling by value, or by size where its signs mean much. */
function ranking(g, { values, by_size }) {
  const order = Uint32Array.from({ length: D }, (_, d) => d);
  const key = by_size ? (d) => Math.abs(values[g * D + d]) : (d) => values[g * D + d];
  return order.sort((a, b) => key(b) - key(a) || a - b);
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
  const order = [...ranking(g, first).slice(0, listed())];
  const most = order.reduce((m, d) => Math.max(m, Math.abs(first.values[g * D + d])), 0) || 1;
  const columns = data.summary.map((c) => ({ ...COLUMNS[c.name], first: c === first, numbers: order.map((d) => c.values[g * D + d]) }));
  for (const column of columns) column.form = columnForm(column.numbers);
  const head = el("tr", null, el("th", { scope: "col" }, "feature"), ...columns.map(({ head, tip, form }) => columnHead(head, form.unit, tip)));
  const lines = order.map((d, r) => el("tr", null, el("td", { class: "name", title: meta.features[d] }, featureButton(d), setMark(d)),
    ...columns.map((column) => numberCell(column.numbers[r], column.form, column.first ? most : 0))));
  body.replaceChildren(el("p", { class: "dim" }, `${size}; the ${plural(order.length, "feature")} with the largest ${first.by_size ? `size of ${COLUMNS[first.name].head}` : COLUMNS[first.name].head}.`),
    el("div", { class: "wide" }, el("table", { class: "bars" }, el("thead", null, head), el("tbody", null, ...lines))));
  if (meta.image) body.append(el("div", { class: "tiles" }, ...data.summary.map((c) => groupTile(g, c))));
}

function groupTile(g, { name, values }) {
  const { canvas, figure } = tileFigure(COLUMNS[name].head);
  paintTile(canvas, values.subarray(g * D, (g + 1) * D), name);
  return figure;
}

/** A number, on a bar if `most` is its column's largest. */
function numberCell(value, form, most) {
  const share = most > 0 ? 100 * Math.min(1, Math.abs(value) / most) : 0;
  const colour = `color-mix(in srgb, var(${value < 0 ? "--neg" : "--pos"}) 32%, transparent)`;
  const style = share ? { background: `linear-gradient(to left, ${colour} ${share}%, transparent ${share}%)` } : {};
  return el("td", { class: "num", style, title: show(value, 6) }, form.write(value));
}
