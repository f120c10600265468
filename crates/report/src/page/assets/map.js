// Drawing: points go straight into pixel memory, names and rings on a canvas above.
const state = { kind: "group", beside: "none", feature: 0, focus: -1, named: -1, hover: -1, pinned: -1, labels: true };
const panes = [];
const dark = matchMedia("(prefers-color-scheme: dark)");
/** Colours of the page; read once, for a question after a style makes the browser lay the page out. */
const theme = { ink: "", ground: "", groundWord: 0 };
function readTheme() {
  const style = getComputedStyle(document.documentElement);
  [theme.ink, theme.ground] = ["--ink", "--bg"].map((name) => style.getPropertyValue(name).trim());
  theme.groundWord = word(rgb(theme.ground));
}

class Pane {
  constructor(host) {
    this.base = el("canvas", { "aria-hidden": "true" });
    this.names = el("canvas", { "aria-hidden": "true" });
    this.top = el("canvas", {
      class: "top", tabindex: 0, role: "application",
      "aria-label": "Map. Arrow keys move, plus and minus zoom, 0 shows everything, square brackets step through the points, Enter keeps one.",
    });
    this.caption = el("div", { class: "caption" });
    this.scale = el("div", { class: "scale", hidden: true });
    this.box = el("div", { class: "map" }, this.base, this.names, this.top, this.caption, this.scale);
    host.append(this.box);
    this.colours = new Uint32Array(N);
    this.order = new Uint32Array(N);
    listen(this);
    this.painted = false;
    this.placed = [];
    // A canvas that changes its size is blank, so it is drawn before the frame is shown.
    new ResizeObserver(() => { if (this.resize() && this.painted) { refit(this); this.draw(); } }).observe(this.box);
    this.resize();
  }

  /** Takes the size of its box; false if that has not changed. */
  resize() {
    const size = [Math.min(devicePixelRatio || 1, 2), Math.max(1, this.box.clientWidth), Math.max(1, this.box.clientHeight)];
    if (size[0] === this.ratio && size[1] === this.width && size[2] === this.height) return false;
    [this.ratio, this.width, this.height] = size;
    for (const canvas of [this.base, this.names, this.top]) {
      canvas.width = Math.round(this.width * this.ratio);
      canvas.height = Math.round(this.height * this.ratio);
    }
    this.image = null;
    return true;
  }

  /** Colours every point by its group, or by one column of a layer. */
  paint(kind, values, title) {
    this.caption.textContent = title;
    const step = new Uint8Array(N);
    if (!values) {
      for (let i = 0; i < N; i++) {
        this.colours[i] = GROUPS[data.groupOf[i]];
        step[i] = Math.floor(254 * jitter(i));
      }
      this.scale.hidden = true;
    } else {
      const scale = scaleOf(values, kind !== "value");
      const span = scale.high - scale.low || 1;
      for (let i = 0; i < N; i++) {
        this.colours[i] = colourOf(scale, values[i]);
        const share = Math.max(0, Math.min(1, (values[i] - scale.low) / span));
        step[i] = Math.round(254 * (scale.diverging ? Math.abs(2 * share - 1) : share));
      }
      this.legend(scale, kind);
    }
    this.drawOrder(step);
    this.painted = true;
  }

  /** Later points cover earlier ones: strong numbers on top, the group in focus above all. */
  drawOrder(step) {
    const key = (i) => step[i] + (state.focus >= 0 && data.groupOf[i] === state.focus ? 256 : 0);
    const start = new Uint32Array(513);
    for (let i = 0; i < N; i++) start[key(i) + 1]++;
    for (let k = 1; k < 513; k++) start[k] += start[k - 1];
    for (let i = 0; i < N; i++) this.order[start[key(i)]++] = i;
  }

  legend(scale, kind) {
    const strip = el("canvas", { width: STEPS, height: 1, role: "img", "aria-label": `colours from ${show(scale.low)} to ${show(scale.high)}` });
    const pen = strip.getContext("2d");
    const pixels = pen.createImageData(STEPS, 1);
    new Uint32Array(pixels.data.buffer).set(scale.diverging ? DIVERGING : SEQUENTIAL);
    pen.putImageData(pixels, 0, 0);
    const low = (scale.clipped && scale.diverging ? "≤ " : "") + show(scale.low);
    const high = (scale.clipped ? "≥ " : "") + show(scale.high);
    const ends = [el("span", null, low), el("span", null, scale.diverging ? "0" : ""), el("span", null, high)];
    this.scale.replaceChildren(el("div", null, kind), strip, el("div", { class: "ends" }, ...ends));
    this.scale.hidden = false;
  }

  px(i) { return (plane.x[i] - view.cx) * view.scale + this.width / 2; }
  py(i) { return this.height / 2 - (plane.y[i] - view.cy) * view.scale; }

  draw() {
    const { width, height } = this.base;
    const pen = this.base.getContext("2d");
    this.image = this.image || pen.createImageData(width, height);
    const out = new Uint32Array(this.image.data.buffer);
    out.fill(theme.groundWord);
    const order = plane.depth ? byDepth() : this.order;
    const masks = discs(pointRadius() * this.ratio, N > 20000 ? 0.8 : 0.9);
    const faint = word(rgb(dark.matches ? "#2d3339" : "#dfe3e7"));
    const k = view.scale * this.ratio, mx = width / 2 - view.cx * k, my = height / 2 + view.cy * k;
    for (let at = 0; at < N; at++) {
      const i = order[at];
      const shown = state.focus < 0 || data.groupOf[i] === state.focus;
      stamp(out, width, height, masks, plane.x[i] * k + mx, my - plane.y[i] * k, shown ? this.colours[i] : faint);
    }
    pen.putImageData(this.image, 0, 0);
    this.label();
    this.overlay();
  }

  pen(canvas) {
    const pen = canvas.getContext("2d");
    pen.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    pen.clearRect(0, 0, this.width, this.height);
    return pen;
  }

  label() {
    const pen = this.pen(this.names);
    this.placed = state.labels && meta.groups ? placeLabels(this, pen) : [];
    this.placed.forEach((box) => drawLabel(pen, box));
  }

  /** What follows the pointer: rings, and the name of a group that found no place. */
  overlay() {
    const pen = this.pen(this.top);
    for (const [i, wide] of [[state.pinned, 3], [state.hover, 2]]) {
      if (i < 0) continue;
      for (const [colour, line] of [[theme.ground, wide + 2.5], [theme.ink, wide]]) {
        pen.beginPath();
        pen.arc(this.px(i), this.py(i), pointRadius() + 4, 0, 2 * Math.PI);
        pen.strokeStyle = colour;
        pen.lineWidth = line;
        pen.stroke();
      }
    }
    const g = this.unnamed();
    const box = g >= 0 ? labelBox(this, pen, g, [0, state.hover >= 0 ? -22 : 0]) : null;
    if (box) drawLabel(pen, box);
  }

  /** The group pointed at, on the map or in the legend, if its name is not on the map; else −1. */
  unnamed() {
    const g = state.hover >= 0 ? data.groupOf[state.hover] : state.named;
    return meta.groups && state.labels && !this.placed.some((box) => box.g === g) ? g : -1;
  }

  /** The point under a place of this pane, or −1. */
  pick(px, py) {
    const x = view.cx + (px - this.width / 2) / view.scale;
    const y = view.cy - (py - this.height / 2) / view.scale;
    const allowed = state.focus < 0 ? null : (i) => data.groupOf[i] === state.focus;
    return nearest(x, y, (pointRadius() + 7) / view.scale, allowed);
  }
}

function pointRadius() {
  const base = N > 50000 ? 1.35 : N > 20000 ? 1.7 : N > 6000 ? 2.2 : N > 1500 ? 2.8 : 3.6;
  return base * Math.min(3, Math.pow(Math.max(1, view.scale / view.fit), 0.35));
}

/** Discs with soft edges for the sixteen quarter-pixel places a centre may have. */
let madeDiscs = { key: "" };
function discs(radius, opacity) {
  const key = `${radius} ${opacity}`;
  if (madeDiscs.key === key) return madeDiscs;
  const reach = Math.ceil(radius + 0.5), side = 2 * reach + 1;
  const masks = [];
  for (let s = 0; s < 16; s++) {
    const [fx, fy] = [(s % 4) / 4 - 0.375, Math.floor(s / 4) / 4 - 0.375];
    const mask = new Uint16Array(side * side);
    for (let p = 0; p < mask.length; p++) {
      const d = Math.hypot((p % side) - reach - fx, Math.floor(p / side) - reach - fy);
      mask[p] = Math.round(256 * opacity * Math.max(0, Math.min(1, radius + 0.5 - d)));
    }
    masks.push(mask);
  }
  madeDiscs = { key, masks, reach, side };
  return madeDiscs;
}

function stamp(out, width, height, { masks, reach, side }, x, y, colour) {
  const cx = Math.floor(x), cy = Math.floor(y);
  const x0 = cx - reach, y0 = cy - reach;
  if (x0 < 0 || y0 < 0 || x0 + side > width || y0 + side > height) return;
  const mask = masks[Math.floor((y - cy) * 4) * 4 + Math.floor((x - cx) * 4)];
  const rb = colour & 0xff00ff, g = colour & 0x00ff00;
  for (let r = 0, m = 0; r < side; r++) {
    let at = (y0 + r) * width + x0;
    for (let c = 0; c < side; c++, m++, at++) {
      const a = mask[m];
      if (a === 0) continue;
      const under = out[at], b = 256 - a;
      const mixRb = (((under & 0xff00ff) * b + rb * a) / 256) & 0xff00ff;
      const mixG = (((under & 0x00ff00) * b + g * a) / 256) & 0x00ff00;
      out[at] = (0xff000000 | mixRb | mixG) >>> 0;
    }
  }
}

/** Back to front, in 1024 layers of depth. */
function byDepth() {
  let low = Infinity, high = -Infinity;
  for (let i = 0; i < N; i++) { low = Math.min(low, plane.depth[i]); high = Math.max(high, plane.depth[i]); }
  const bin = (i) => Math.floor((1023 * (plane.depth[i] - low)) / (high - low || 1));
  const start = new Uint32Array(1025);
  for (let i = 0; i < N; i++) start[bin(i) + 1]++;
  for (let b = 1; b < 1025; b++) start[b] += start[b - 1];
  const order = new Uint32Array(N);
  for (let i = 0; i < N; i++) order[start[bin(i)]++] = i;
  return order;
}

/** Median place of each group in the plane; kept until the plane changes. */
let centres = null;
function groupCentres() {
  if (centres) return centres;
  const members = data.groupNames.map(() => []);
  for (let i = 0; i < N; i++) members[data.groupOf[i]].push(i);
  const median = (list, axis) => quantile(list.map((i) => axis[i]), 0.5);
  centres = members.map((list) => (list.length ? [median(list, plane.x), median(list, plane.y)] : null));
  return centres;
}

const redraw = perFrame(() => panes.forEach((pane) => pane.draw()));
const redrawOverlay = () => panes.forEach((pane) => pane.overlay());
const relabel = () => panes.forEach((pane) => { pane.label(); pane.overlay(); });

function zoom(factor, pane, px, py) {
  const wanted = Math.max(view.fit * 0.2, Math.min(view.fit * 400, view.scale * factor));
  const [dx, dy] = pane ? [px - pane.width / 2, pane.height / 2 - py] : [0, 0];
  view.cx += dx / view.scale - dx / wanted;
  view.cy += dy / view.scale - dy / wanted;
  view.scale = wanted;
  redraw();
}

/** After a change of size: all of the map again, or as much larger or smaller as the pane. */
function refit(pane) {
  if (pane !== panes[0]) return;
  const [zoomed, cx, cy] = [view.scale / view.fit, view.cx, view.cy];
  fitView(pane.width, pane.height);
  view.scale = view.fit * zoomed;
  if (zoomed !== 1) Object.assign(view, { cx, cy });
  panes.slice(1).forEach((other) => other.draw());
}

function turn(yaw, pitch) {
  view.yaw = yaw;
  view.pitch = Math.max(-Math.PI / 2, Math.min(Math.PI / 2, pitch));
  centres = null;
  project();
  redraw();
}

function reset() {
  fitView(panes[0].width, panes[0].height);
  redraw();
}

function listen(pane) {
  const { top } = pane;
  let drag = null;
  const place = (e) => { const box = top.getBoundingClientRect(); return [e.clientX - box.left, e.clientY - box.top]; };
  top.addEventListener("pointerdown", (e) => { drag = { at: place(e), moved: 0 }; top.setPointerCapture(e.pointerId); });
  // Events come faster than frames, and where the canvas lies is asked once per frame.
  const follow = perFrame((e) => { if (!drag) hover(e ? pane.pick(...place(e)) : -1); });
  top.addEventListener("pointermove", (e) => {
    if (!drag) return follow(e);
    const at = place(e);
    const [dx, dy] = [at[0] - drag.at[0], at[1] - drag.at[1]];
    drag = { at, moved: drag.moved + Math.abs(dx) + Math.abs(dy) };
    if (meta.dims === 3 && !e.shiftKey) return turn(view.yaw - dx * 0.008, view.pitch - dy * 0.008);
    view.cx -= dx / view.scale;
    view.cy += dy / view.scale;
    redraw();
  });
  top.addEventListener("pointerup", (e) => {
    if (drag && drag.moved < 4) pin(pane.pick(...place(e)));
    drag = null;
  });
  top.addEventListener("pointercancel", () => { drag = null; });
  top.addEventListener("pointerleave", () => { follow(null); });
  top.addEventListener("dblclick", reset);
  top.addEventListener("wheel", (e) => {
    e.preventDefault();
    zoom(Math.exp(-e.deltaY * (e.deltaMode ? 0.05 : 0.0015)), pane, ...place(e));
  }, { passive: false });
  top.addEventListener("keydown", (e) => { if (key(e)) e.preventDefault(); });
}

/** Keys on the map; true if the key meant something. */
function key(e) {
  if (e.ctrlKey || e.metaKey || e.altKey) return false;
  const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[e.key];
  if (move) {
    if (meta.dims === 3 && !e.shiftKey) turn(view.yaw + move[0] * 0.1, view.pitch + move[1] * 0.1);
    else { view.cx += (move[0] * 40) / view.scale; view.cy += (move[1] * 40) / view.scale; redraw(); }
    return true;
  }
  const current = state.hover >= 0 ? state.hover : state.pinned;
  const act = {
    "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), 0: reset, Home: reset,
    "]": () => hover((current + 1) % N), "[": () => hover((current + N - (current < 0 ? 0 : 1)) % N),
    Enter: () => pin(state.hover), Escape: () => { pin(-1); hover(-1); },
  }[e.key];
  if (act) act();
  return Boolean(act);
}

/** The map with its names on an opaque ground. */
function savePicture() {
  const sheet = el("canvas", { width: panes.reduce((w, p) => w + p.base.width, 0), height: panes[0].base.height });
  const pen = sheet.getContext("2d");
  let x = 0;
  for (const pane of panes) {
    for (const canvas of [pane.base, pane.names, pane.top]) pen.drawImage(canvas, x, 0);
    pen.font = `${13 * pane.ratio}px system-ui, sans-serif`;
    pen.fillStyle = theme.ink;
    pen.fillText(pane.caption.textContent, x + 10 * pane.ratio, 20 * pane.ratio);
    x += pane.base.width;
  }
  sheet.toBlob((blob) => download("map.png", blob));
}
