// With #selftest in the address the page checks itself and writes what it found into the document
// and the console; #selftest=1000 hovers over a thousand places.
async function selfTest(hovers) {
  const report = { n: N, features: D, width: innerWidth, hover: hoverTimes(hovers), answer: await answerTimes(Math.min(hovers, 40)) };
  const before = performance.now();
  panes[0].draw();
  report.drawMs = performance.now() - before;
  report.inked = inkShare(panes[0]);
  report.layers = {};
  for (const kind of Object.keys(data.layers)) {
    const layer = data.layers[kind];
    const d = layer.stored ? layer.stored[layer.stored.length - 1] : D - 1;
    const column = await layer.column(d);
    report.layers[kind] = { feature: d, first: column[0], last: column[N - 1], same: Math.abs(layer.at(N - 1, d) - column[N - 1]) <= 1e-5 * (1 + Math.abs(column[N - 1])) };
    Object.assign(state, { kind, feature: d });
    await repaint();
    panes[0].draw();
    report.layers[kind].inked = inkShare(panes[0]);
  }
  if (data.stability) report.stability = await stabilityChecks();
  report.labels = labelChecks();
  report.lists = await listChecks();
  report.group = groupChecks();
  pin(N - 1);
  report.misfits = misfits();
  if (data.summary.length) report.table = tableChecks();
  report.elements = document.querySelectorAll("*").length;
  report.title = document.title;
  report.heading = $("title").textContent;
  report.requests = performance.getEntriesByType("resource").map((entry) => entry.name);
  report.problems = problems;
  tell(report);
}

/** To the document, for people, and to the console, for programs. */
function tell(report) {
  const text = JSON.stringify(report);
  document.body.append(el("pre", { id: "selftest" }, text));
  console.log(`embex selftest: ${text} :end`);
}

/** Milliseconds from pointer to finished panel, over many places of the map. */
function hoverTimes(count) {
  const times = [];
  let hits = 0;
  void document.body.offsetHeight; // the first layout of the page is not the hover's
  for (let t = 0; t < count; t++) {
    const i = Math.floor(jitter(t) * N);
    const before = performance.now();
    hover(panes[0].pick(panes[0].px(i) + 0.3, panes[0].py(i)));
    void $("point").offsetHeight; // includes the layout
    times.push(performance.now() - before);
    if (state.hover >= 0) hits++;
  }
  hover(-1);
  times.sort((a, b) => a - b);
  return { count, hits, median: times[count >> 1], high: times[Math.floor(0.99 * count)], most: times[count - 1] };
}

/** Milliseconds from a pointer's event to the frame after the panel has changed: two frames at best. */
async function answerTimes(count) {
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const times = [];
  const { top } = panes[0];
  for (let t = 0; t < 3; t++) await frame(); // the first picture of the page is not the pointer's
  for (let t = 0; t < count; t++) {
    const box = top.getBoundingClientRect(), i = Math.floor(jitter(t + 0.5) * N);
    await frame();
    const before = performance.now();
    for (let e = 0; e < 5; e++) top.dispatchEvent(new PointerEvent("pointermove", { clientX: box.left + panes[0].px(i) + e / 10, clientY: box.top + panes[0].py(i) }));
    await frame();
    await frame();
    times.push(performance.now() - before);
  }
  hover(-1);
  times.sort((a, b) => a - b);
  return { count, median: times[count >> 1], most: times[count - 1] };
}

/** The map coloured by stability, and what the panel says of the first point and the last. */
async function stabilityChecks() {
  state.kind = "stability";
  await repaint();
  panes[0].draw();
  const of = (i) => { pin(i); return panel.stability.textContent; };
  return { caption: panes[0].caption.textContent, inked: inkShare(panes[0]), first: of(0), last: of(N - 1) };
}

/** Names on the map: how many are there, how many found no place, how many pairs overlap. */
function labelChecks() {
  const boxes = panes[0].placed;
  let overlaps = 0;
  boxes.forEach((a, at) => boxes.slice(at + 1).forEach((b) => { if (!apart(a, b)) overlaps++; }));
  return { placed: boxes.length, groups: meta.groups ? meta.groups.names.length : 0, overlaps };
}

/** The first features of the last point by each list of the switch. */
async function listChecks() {
  const found = {};
  for (const name of listsHere()) {
    pin(N - 1);
    $("point-list").value = name;
    $("point-list").dispatchEvent(new Event("change"));
    const { kind } = LISTS[name];
    if (kind && data.layers[kind]) { await data.layers[kind].all(); showPoint(N - 1); }
    const lines = panel.rows.filter((row) => !row.tr.hidden);
    found[name] = { head: panel.head.textContent, count: lines.length, features: lines.map((row) => row.d), numbers: lines.map((row) => row.number.textContent) };
  }
  return found;
}

/** The features of the first group as its panel lists them, by each column that may order them. */
function groupChecks() {
  $("group-pick").value = "0";
  const found = {};
  for (const { name } of data.summary) {
    $("group-order").value = name;
    $("group-order").dispatchEvent(new Event("change"));
    const cells = [...$("group-body").querySelectorAll("td.name")];
    const sets = cells.map((cell) => (cell.querySelector(".set") || { textContent: "" }).textContent);
    found[name] = { words: $("group-body").querySelector("p").textContent, features: cells.map((cell) => meta.features.indexOf(cell.title)), sets };
  }
  return found;
}

/** Headings and numbers of the panels that do not fit their cell, or are cut. */
function misfits() {
  const cells = [...document.querySelectorAll("aside .num, aside th")];
  const bad = cells.filter((cell) => cell.scrollWidth > cell.clientWidth || cell.textContent.includes("…"));
  const wide = [...document.querySelectorAll("aside .card, aside .wide")].filter((box) => box.scrollWidth > box.clientWidth);
  return [...bad.map((cell) => cell.textContent), ...wide.map((box) => `${box.className} ${box.id}: ${box.scrollWidth} > ${box.clientWidth}`)];
}

/** Share of the pixels of a map that are not ground. */
function inkShare(pane) {
  const pixels = new Uint32Array(pane.base.getContext("2d").getImageData(0, 0, pane.base.width, pane.base.height).data.buffer);
  const ground = theme.groundWord;
  return pixels.reduce((count, p) => count + (p !== ground), 0) / pixels.length;
}

function tableChecks() {
  const column = data.summary[0].values;
  const inOrder = (sign) => table.rows.every((row, at) => at === 0 || sign * (column[table.rows[at - 1]] - column[row]) <= 0);
  const falling = inOrder(-1);
  $("table-head").querySelectorAll("button")[TEXTS.length].click();
  const rising = inOrder(1);
  $("filter").value = meta.features[D - 1].split(/\s+/)[0];
  refreshTable();
  const kept = table.rows.length;
  const text = csv();
  $("filter").value = "";
  refreshTable();
  return { falling, rising, rows: table.rows.length, kept, csv: text.slice(0, 2000), shown: $("table-body").children.length };
}
