// With #selftest in the address the page checks itself and writes what it found into the document
// and the console; #selftest=1000 hovers over a thousand places.
async function selfTest(hovers) {
  const report = { n: N, features: D, hover: hoverTimes(hovers) };
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

/** Share of the pixels of a map that are not ground. */
function inkShare(pane) {
  const pixels = new Uint32Array(pane.base.getContext("2d").getImageData(0, 0, pane.base.width, pane.base.height).data.buffer);
  const ground = cssWord("--bg");
  return pixels.reduce((count, p) => count + (p !== ground), 0) / pixels.length;
}

function tableChecks() {
  const column = data.summary[0].values;
  const inOrder = (sign) => table.rows.every((row, at) => at === 0 || sign * (column[table.rows[at - 1]] - column[row]) <= 0);
  const falling = inOrder(-1);
  $("table-head").querySelectorAll("button")[2].click();
  const rising = inOrder(1);
  $("filter").value = meta.features[D - 1].split(/\s+/)[0];
  refreshTable();
  const kept = table.rows.length;
  const text = csv();
  $("filter").value = "";
  refreshTable();
  return { falling, rising, rows: table.rows.length, kept, csv: text.slice(0, 2000), shown: $("table-body").children.length };
}
