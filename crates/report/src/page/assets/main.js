// Puts the parts together and answers the controls.
const KINDS = ["value", "attribution", "importance"];
/** Whether a colouring is of a feature, and not of the points as such. */
const isOfFeature = (kind) => KINDS.includes(kind);

async function repaint() {
  const wanted = [state.kind, ...(state.beside === "none" ? [] : [state.beside])];
  const before = panes.length;
  while (panes.length < wanted.length) panes.push(new Pane($("maps")));
  while (panes.length > wanted.length) panes.pop().box.remove();
  document.querySelector("main").style.setProperty("--panes", wanted.length);
  panes.forEach((pane) => pane.resize());
  if (panes.length !== before) fitView(panes[0].width, panes[0].height);
  for (const [at, kind] of wanted.entries()) {
    if (kind === "group") {
      panes[at].paint(kind, null, meta.groups ? `coloured by ${meta.groups.title || "group"}` : "");
      continue;
    }
    if (kind === "stability") {
      panes[at].paint(kind, data.stability, "stability of each point");
      continue;
    }
    const { feature } = state;
    const values = await data.layers[kind].column(feature);
    if (!panes[at] || feature !== state.feature) return; // something else was chosen meanwhile
    if (values) panes[at].paint(kind, values, `${kind} of ${meta.features[feature]}`);
    else panes[at].paint("group", null, `${kind} of ${meta.features[feature]} is not stored in this page; coloured by group`);
  }
  const about = wanted.filter((kind) => data.layers[kind] && data.layers[kind].about).map((kind) => `${kind}: ${data.layers[kind].about}`);
  if (wanted.includes("stability")) about.push(STABILITY);
  const moves = meta.dims === 3 ? "Drag turns, shift-drag moves" : "Drag moves";
  $("hint").textContent = [...about.map(sentence), `${moves}, the wheel zooms, a double click shows everything.`].join(" ");
  redraw();
}

function chooseFeature(d) {
  state.feature = d;
  $("feature").value = meta.features[d];
  if (!isOfFeature(state.kind) && !isOfFeature(state.beside)) {
    const kind = ["attribution", "importance", "value"].find((k) => data.layers[k]);
    if (!kind) return;
    state.kind = kind;
    $("colour-kind").value = kind;
  }
  repaint();
}

function hover(i) {
  if (i === state.hover) return;
  state.hover = i;
  showPoint(i >= 0 ? i : state.pinned);
  redrawOverlay();
}

function pin(i) {
  state.pinned = i;
  showPoint(i >= 0 ? i : state.hover);
  if (i >= 0 && meta.groups) {
    $("group-pick").value = String(data.groupOf[i]);
    showGroup();
  }
  redrawOverlay();
}

/** Names a group whose name found no place on the map. */
function nameGroup(g) {
  state.named = g;
  redrawOverlay();
}

function focusGroup(g) {
  state.focus = state.focus === g ? -1 : g;
  [...$("legend").children].forEach((button, at) => button.setAttribute("aria-pressed", String(at === state.focus)));
  if (state.focus >= 0) {
    $("group-pick").value = String(g);
    showGroup();
  }
  repaint();
}

function goTo(i) {
  $("find").value = pointName(i);
  view.cx = plane.x[i];
  view.cy = plane.y[i];
  pin(i);
  redraw();
}

/** Points by name or row number. */
function findPoints(text) {
  const row = /^(row )?\d+$/.test(text) ? Number(text.replace("row ", "")) : NaN;
  const hits = row < N ? [{ value: row, text: pointName(row) }] : [];
  return meta.names && text ? [...hits, ...named(meta.names, text)] : hits;
}

const saturationWords = () => `${percent(meta.saturation.mass)} of the affinity mass lies between groups.`;

function buildNotices() {
  const notices = [...meta.notices];
  if (meta.saturation && meta.saturation.saturated) {
    notices.unshift(`${saturationWords()} ` +
      "Where groups are completely apart, every derivative (attribution, sensitivity, signed mean) is blind to the features that separate them: " +
      "a small value there does not mean that a feature is unimportant. Read importance and contrast for what tells the groups apart.");
  }
  $("notices").replaceChildren(...notices.map((words) => el("p", { class: "notice" }, words)));
}

function buildAbout() {
  const stored = Object.values(data.layers).find((layer) => layer.stored);
  const points = [
    "A map keeps neighbours, not distances: sizes of groups and gaps between them mean little. Another seed gives another arrangement.",
    "Importance asks how much worse this finished map would fit if a feature were missing. It depends on the map, and correlated features share it.",
    "Attribution and sensitivity are derivatives: they say how a small change of a feature would move a point. They say nothing of large changes and are blind where groups are completely apart.",
    data.stability ? sentence(STABILITY) : null,
    "Contrast is the plain difference of means. It knows the groups but not the map; it is here because it is often as good.",
    "None of these is a cause. With as many features as here, some stand high by chance; repeat with other seeds before you conclude.",
    "Colours are rounded to 8 or 16 bits and clipped at 99.5 % of the points; tables, top features and the CSV hold the program's own numbers.",
    stored ? `To keep the file small, single points have their numbers for ${plural(stored.stored.length, "feature")} of ${D.toLocaleString("en")}; the table has all.` : null,
    meta.saturation ? saturationWords() : null,
  ];
  $("about-body").replaceChildren(el("ul", null, ...points.filter(Boolean).map((words) => el("li", null, words))));
}

function buildControls() {
  const kinds = [["group", meta.groups ? meta.groups.title || "group" : "nothing"], ...KINDS.filter((k) => data.layers[k]).map((k) => [k, `${k} of a feature`]),
    ...(data.stability ? [["stability", "stability of the point"]] : [])];
  options($("colour-kind"), kinds, "group");
  options($("beside-kind"), [["none", "–"], ...kinds], "none");
  const order = data.summary.length ? ranking(0, data.summary[0]) : null;
  state.feature = order ? order[0] : 0;
  $("feature").value = meta.features[state.feature];
  searchBox($("feature"), $("feature-list"), (text) => named(meta.features, text === meta.features[state.feature] ? "" : text, order), chooseFeature);
  searchBox($("find"), $("find-list"), findPoints, goTo);
  options($("group-pick"), data.groupNames.map((name, g) => [String(g), name]), "0");
  options($("group-order"), data.summary.map((c) => [c.name, COLUMNS[c.name].head]));
  $("colour-kind").addEventListener("change", (e) => { state.kind = e.target.value; repaint(); });
  $("beside-kind").addEventListener("change", (e) => { state.beside = e.target.value; repaint(); });
  $("group-pick").addEventListener("change", showGroup);
  $("group-order").addEventListener("change", showGroup);
  $("labels").addEventListener("change", (e) => { state.labels = e.target.checked; relabel(); });
  $("zoom-in").addEventListener("click", () => zoom(1.4));
  $("zoom-out").addEventListener("click", () => zoom(1 / 1.4));
  $("reset").addEventListener("click", reset);
  $("save").addEventListener("click", savePicture);
  $("turns").hidden = meta.dims !== 3;
  for (const button of $("turns").children) {
    const [yaw, pitch] = button.dataset.turn.split(",").map((v) => (Number(v) * Math.PI) / 180);
    button.addEventListener("click", () => turn(yaw, pitch));
  }
  if (meta.groups) {
    const point = (g) => ({ onpointerenter: () => nameGroup(g), onpointerleave: () => nameGroup(-1), onfocus: () => nameGroup(g), onblur: () => nameGroup(-1) });
    $("legend").replaceChildren(...data.groupNames.map((name, g) => el("button", { "aria-pressed": "false", title: `show only ${name}`, onclick: () => focusGroup(g), ...point(g) },
      dot(g), el("span", { class: "name" }, name), el("span", { class: "dim" }, data.groupSize[g].toLocaleString("en")))));
  } else {
    $("labels").parentElement.hidden = true;
  }
}

/** The map's column is as wide as its height and the axes can use; the panels take the rest. */
function setAspect() {
  const aspect = (grid.x1 - grid.x0) / (grid.y1 - grid.y0 || grid.extent);
  document.querySelector("main").style.setProperty("--aspect", Math.max(1.1, Math.min(1.8, aspect)));
}

async function start() {
  readTheme();
  $("title").textContent = meta.title;
  const groups = meta.groups ? `, ${plural(meta.groups.names.length, "group")}` : "";
  $("facts").textContent = `${plural(N, "point")}, ${plural(D, "feature")}${groups} · embex ${meta.version}`;
  buildNotices();
  if (typeof DecompressionStream === "undefined") {
    $("notices").append(el("p", { class: "notice" }, "This browser is too old to unpack the data of the page: it needs DecompressionStream (Chrome 80, Firefox 113, Safari 16.4 or later)."));
    return;
  }
  await openData();
  project();
  if (meta.dims === 2) setAspect();
  buildControls();
  buildPoint();
  await repaint();
  showPoint(-1);
  showGroup();
  buildTable();
  buildAbout();
  $("run-body").replaceChildren(runFacts(meta.run ?? {}));
  dark.addEventListener("change", () => { readTheme(); redraw(); });
  panes.forEach((pane) => pane.draw());
  if (location.hash.startsWith("#selftest")) await selfTest(Number(location.hash.split("=")[1] || 200));
  if (meta.image) for (const layer of Object.values(data.layers)) await layer.all();
}
start().catch((problem) => {
  problems.push(String(problem && problem.stack ? problem.stack : problem));
  $("notices").append(el("p", { class: "notice" }, `The page could not be built: ${problem}`));
  if (location.hash.startsWith("#selftest")) tell({ problems });
});
