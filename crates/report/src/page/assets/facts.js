// The facts of the run, in words.

/** Names of facts that say too little as the program writes them. */
const WORDS = {
  kl: "KL(P‖Q)", kl_by_method: "KL(P‖Q) as the optimiser estimates it", k: "neighbours compared",
  affinity_across_groups: "affinity between groups", neighbours_kept: "nearest neighbours kept",
  limited: "point-updates with a shortened step", overflowed: "points out of the range of numbers",
  unstable: "points of no use (over 1000 times the median)", clipped: "entries clipped", explicit_points: "points whose clip bit",
  indefinite: "points on a saddle", singular: "points left out (flat)", max_weight: "largest coefficient",
  spread: "spread of the map at the step", collapsed: "map fallen together", after_exaggeration: "after early exaggeration",
  neighbour_recall: "approximate neighbours", n_checked: "samples checked", n_exact: "samples searched exactly",
  not_held: "points that nothing holds (at most 0)", lower_quartile: "lower quartile", upper_quartile: "upper quartile",
  of: "of", n_iter: "iterations", at: "at steps", top: "features listed", recall: "new neighbours found",
  recall_least: "new neighbours found, least of a row", change_largest: "largest relative change",
  explained_variance_ratio: "explained variance by component", sha256: "SHA-256", labels_sha256: "SHA-256 of the labels",
};
const SHARES = new Set(["affinity_across_groups", "share", "recall", "recall_least", "change_largest", "explained_variance_ratio"]);
const wordsOf = (name) => WORDS[name] || name.replaceAll("_", " ");

function factText(value, name) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "number") return String(value);
  if (SHARES.has(name)) return percent(value);
  return Number.isInteger(value) && Math.abs(value) < 1e15 ? value.toLocaleString("en", { useGrouping: value >= 10000 }) : show(value, 4);
}

const plain = (value) => value === null || typeof value !== "object";

/** Any JSON as facts with names; `name` is what the value is called. */
function facts(value, name = "") {
  if (plain(value)) return el("span", null, factText(value, name));
  if (!Array.isArray(value)) {
    const pairs = Object.entries(value).flatMap(([key, inner]) => [el("dt", null, wordsOf(key)), el("dd", null, facts(inner, key))]);
    return pairs.length ? el("dl", { class: "facts" }, ...pairs) : el("span", null, "–");
  }
  if (value.every(plain)) {
    const some = value.slice(0, 12).map((v) => factText(v, name)).join(", ");
    return el("span", null, !value.length ? "none" : value.length > 12 ? `${some} and ${value.length - 12} more` : some);
  }
  return factTable(value, name);
}

/** Facts of the run: how good the map is before how it was made. */
function runFacts(run) {
  const rank = (name) => ["program", "quality", "settings"].indexOf(name) >>> 0; // others last
  return facts(Object.fromEntries(Object.entries(run).sort((a, b) => rank(a[0]) - rank(b[0]))));
}

/** One line for each record of a list; records within records give their columns. */
function factTable(list, name) {
  const flat = list.map((record) => (plain(record) || Array.isArray(record) ? { [name]: record } : flattened(record)));
  const keys = [...new Set(flat.flatMap(Object.keys))];
  // Few records with many facts read better upright.
  const [heads, lines] = keys.length > 6
    ? [["", ...flat.map((record, at) => (record.of ? `${record.of}, step ${record.step}` : String(at + 1)))],
      keys.filter((key) => !(key === "of" || (key === "step" && flat[0].of))).map((key) => [wordsOf(key), ...flat.map((record) => facts(record[key], key))])]
    : [keys.map(wordsOf), flat.map((record) => keys.map((key) => facts(record[key], key)))];
  const head = el("tr", null, ...heads.map((words) => el("th", { scope: "col" }, words)));
  return el("div", { class: "wide" }, el("table", { class: "plain" }, el("thead", null, head),
    el("tbody", null, ...lines.map((cells) => el("tr", null, ...cells.map((cell) => el("td", null, cell)))))));
}

function flattened(record) {
  return Object.assign({}, ...Object.entries(record).map(([key, inner]) => (plain(inner) || Array.isArray(inner) ? { [key]: inner } : flattened(inner))));
}
