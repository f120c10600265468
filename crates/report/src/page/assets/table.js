// Every group and feature: sorted, filtered, exported.
const table = { sort: 0, falling: true, rows: new Uint32Array(0), shown: 0, step: 200 };
/** Columns of text; the numbers of the summary follow. */
const TEXTS = ["group", "feature", ...(meta.sets ? ["set"] : [])];
const tableColumns = () => [...TEXTS, ...data.summary.map((c) => c.name)];
/** The texts of a row. */
const textsOf = (row) => [data.groupNames[Math.floor(row / D)], meta.features[row % D], ...(meta.sets ? [setName(row % D)] : [])];
const heading = (name) => (COLUMNS[name] ? COLUMNS[name].head : name);

/** Rows (group · D + feature) whose group, feature or set holds each word of the filter. */
function filtered() {
  const wanted = $("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const only = $("table-group").value;
  const hits = (names) => names.map((name) => { const low = name.toLowerCase(); return wanted.map((w) => low.includes(w)); });
  const inGroup = hits(data.groupNames), inFeature = hits(meta.features.map((name, d) => `${name}\n${setName(d)}`));
  const rows = [];
  for (let g = 0; g < data.groupNames.length; g++) {
    if (only !== "" && Number(only) !== g) continue;
    for (let d = 0; d < D; d++) {
      if (wanted.every((_, w) => inGroup[g][w] || inFeature[d][w])) rows.push(g * D + d);
    }
  }
  return Uint32Array.from(rows);
}

function sortRows(rows) {
  const sign = table.falling ? -1 : 1;
  if (table.sort >= TEXTS.length) {
    const { values } = data.summary[table.sort - TEXTS.length];
    return rows.sort((a, b) => sign * (values[a] - values[b]) || a - b);
  }
  const names = [data.groupNames, meta.features, meta.features.map((_, d) => setName(d))][table.sort];
  const rank = new Uint32Array(names.length);
  names.map((name, at) => [name, at])
    .sort((a, b) => a[0].localeCompare(b[0], "en", { numeric: true }) || a[1] - b[1])
    .forEach(([, at], r) => { rank[at] = r; });
  const key = table.sort === 0 ? (row) => rank[Math.floor(row / D)] : (row) => rank[row % D];
  return rows.sort((a, b) => sign * (key(a) - key(b)) || a - b);
}

function tableRow(row) {
  return el("tr", null, ...textsOf(row).map((text) => el("td", { class: "text", title: text }, text)),
    ...data.summary.map((c) => el("td", null, show(c.values[row], 4))));
}

function moreRows() {
  const next = table.rows.subarray(table.shown, table.shown + table.step);
  $("table-body").append(...[...next].map(tableRow));
  table.shown += next.length;
  $("more").hidden = table.shown >= table.rows.length;
}

function refreshTable() {
  table.rows = sortRows(filtered());
  table.shown = 0;
  $("table-body").replaceChildren();
  moreRows();
  $("count").textContent = plural(table.rows.length, "row");
  [...$("table-head").querySelectorAll("th")].forEach((th, at) =>
    th.setAttribute("aria-sort", at !== table.sort ? "none" : table.falling ? "descending" : "ascending"));
  [...$("table-head").querySelectorAll("button")].forEach((button, at) => {
    button.textContent = heading(tableColumns()[at]) + (at !== table.sort ? "" : table.falling ? " ▾" : " ▴");
  });
}

function sortBy(at) {
  table.falling = table.sort === at ? !table.falling : at >= TEXTS.length;
  table.sort = at;
  refreshTable();
}

function buildTable() {
  if (!data.summary.length) {
    $("table").hidden = true;
    return;
  }
  $("table-head").replaceChildren(el("tr", null, ...tableColumns().map((name, at) => el("th", { scope: "col", class: at < TEXTS.length ? "text" : null },
    el("button", { title: COLUMNS[name] ? COLUMNS[name].tip : `sort by ${name}`, onclick: () => sortBy(at) }, name)))));
  table.sort = TEXTS.length;
  options($("table-group"), [["", "all"], ...data.groupNames.map((name, g) => [String(g), name])]);
  $("table-group").addEventListener("change", refreshTable);
  $("filter").addEventListener("input", perFrame(refreshTable));
  $("more").addEventListener("click", moreRows);
  $("csv").addEventListener("click", () => download("importance.csv", new Blob([csv()], { type: "text/csv" })));
  refreshTable();
}

const field = (text) => (/[",\r\n]|^ | $/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** The rows as filtered and sorted, numbers in full. */
function csv() {
  const lines = [tableColumns().join(",")];
  for (const row of table.rows) {
    lines.push([...textsOf(row).map(field), ...data.summary.map((c) => String(c.values[row]))].join(","));
  }
  return lines.join("\n") + "\n";
}
