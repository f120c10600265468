// A text box that offers names: type, arrow keys, Enter.
function searchBox(input, list, find, choose) {
  let hits = [], current = 0;
  const close = () => {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const mark = () => {
    [...list.children].forEach((item, at) => item.setAttribute("aria-selected", String(at === current)));
    const item = list.children[current];
    if (!item || !hits.length) return;
    input.setAttribute("aria-activedescendant", item.id);
    item.scrollIntoView({ block: "nearest" });
  };
  const take = (hit) => { close(); choose(hit.value); };
  const open = () => {
    hits = find(input.value.trim());
    current = 0;
    list.replaceChildren(...hits.map((hit, at) => el("li", {
      role: "option", id: `${list.id}-${at}`, onpointerdown: (e) => { e.preventDefault(); take(hit); },
    }, hit.text)));
    if (!hits.length) list.append(el("li", { class: "none" }, "nothing of that name"));
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    mark();
  };
  input.addEventListener("input", open);
  input.addEventListener("focus", () => { input.select(); open(); });
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (e) => {
    if (e.key === "Escape") return close();
    if (e.key === "Enter" && !list.hidden && hits[current]) { e.preventDefault(); return take(hits[current]); }
    if (e.key !== "ArrowDown" && e.key !== "ArrowUp") return;
    e.preventDefault();
    if (list.hidden) return open();
    current = Math.max(0, Math.min(hits.length - 1, current + (e.key === "ArrowDown" ? 1 : -1)));
    mark();
  });
}

/** Up to 50 names that hold the text: those that start with it first. */
function named(names, text, order) {
  const wanted = text.toLowerCase();
  const starts = [], holds = [];
  for (let at = 0; at < names.length && starts.length < 50; at++) {
    const d = order ? order[at] : at;
    const where = wanted ? names[d].toLowerCase().indexOf(wanted) : 0;
    if (where === 0) starts.push(d);
    else if (where > 0 && holds.length < 50) holds.push(d);
  }
  return [...starts, ...holds].slice(0, 50).map((d) => ({ value: d, text: names[d] }));
}
