// Where points lie in the drawing plane, and which of them is nearest to a place.
const plane = { x: new Float32Array(N), y: new Float32Array(N), depth: null };
const view = { cx: 0, cy: 0, scale: 1, fit: 1, yaw: 0.6, pitch: 0.35 };

/** A fixed pseudo-random number in 0…1 for point i: lanes of a 1-D map, drawing order. */
function jitter(i) {
  let h = Math.imul(i + 1, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) >>> 0) / 4294967296;
}

function project() {
  const { coords } = data;
  if (meta.dims === 2) {
    for (let i = 0; i < N; i++) { plane.x[i] = coords[2 * i]; plane.y[i] = coords[2 * i + 1]; }
  } else if (meta.dims === 1) {
    projectLanes(coords);
  } else {
    projectTurned(coords);
  }
  buildGrid();
}

/** One axis: a lane per group, points spread within it. */
function projectLanes(coords) {
  let low = Infinity, high = -Infinity;
  for (let i = 0; i < N; i++) { low = Math.min(low, coords[i]); high = Math.max(high, coords[i]); }
  const lanes = data.groupNames.length;
  const lane = (0.6 * (high - low || 1)) / lanes;
  for (let i = 0; i < N; i++) {
    plane.x[i] = coords[i];
    plane.y[i] = -lane * (data.groupOf[i] + 0.15 + 0.7 * jitter(i));
  }
}

/** Three axes: turned by yaw and pitch, seen from infinitely far. */
function projectTurned(coords) {
  const centre = [0, 0, 0];
  for (let i = 0; i < 3 * N; i++) centre[i % 3] += coords[i] / N;
  const [sy, cy, sp, cp] = [Math.sin(view.yaw), Math.cos(view.yaw), Math.sin(view.pitch), Math.cos(view.pitch)];
  plane.depth = plane.depth || new Float32Array(N);
  for (let i = 0; i < N; i++) {
    const [x, y, z] = [coords[3 * i] - centre[0], coords[3 * i + 1] - centre[1], coords[3 * i + 2] - centre[2]];
    const forward = -sy * x + cy * z;
    plane.x[i] = cy * x + sy * z;
    plane.y[i] = cp * y - sp * forward;
    plane.depth[i] = sp * y + cp * forward;
  }
}

const grid = { side: 1, x0: 0, y0: 0, cols: 1, rows: 1, start: null, items: null };

/** Sorts points into square cells, about two to a cell. */
function buildGrid() {
  let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < N; i++) {
    x0 = Math.min(x0, plane.x[i]); x1 = Math.max(x1, plane.x[i]);
    y0 = Math.min(y0, plane.y[i]); y1 = Math.max(y1, plane.y[i]);
  }
  const extent = Math.max(x1 - x0, y1 - y0) || 1;
  const side = extent / Math.max(1, Math.ceil(Math.sqrt(N / 2)));
  Object.assign(grid, { side, x0, y0, x1, y1, extent });
  grid.cols = Math.floor((x1 - x0) / side) + 1;
  grid.rows = Math.floor((y1 - y0) / side) + 1;
  const start = new Uint32Array(grid.cols * grid.rows + 1);
  const cell = new Uint32Array(N);
  for (let i = 0; i < N; i++) {
    const c = Math.min(grid.cols - 1, Math.floor((plane.x[i] - x0) / side));
    const r = Math.min(grid.rows - 1, Math.floor((plane.y[i] - y0) / side));
    cell[i] = r * grid.cols + c;
    start[cell[i] + 1]++;
  }
  for (let c = 1; c < start.length; c++) start[c] += start[c - 1];
  const next = start.slice();
  const items = new Uint32Array(N);
  for (let i = 0; i < N; i++) items[next[cell[i]]++] = i;
  grid.start = start;
  grid.items = items;
}

/** The point nearest to a place of the plane within `reach`, or −1; `allowed` may refuse points. */
function nearest(x, y, reach, allowed) {
  const { side, x0, y0, cols, rows, start, items } = grid;
  const c0 = Math.max(0, Math.floor((x - reach - x0) / side)), c1 = Math.min(cols - 1, Math.floor((x + reach - x0) / side));
  const r0 = Math.max(0, Math.floor((y - reach - y0) / side)), r1 = Math.min(rows - 1, Math.floor((y + reach - y0) / side));
  let best = -1, closest = reach * reach, front = -Infinity;
  for (let r = r0; r <= r1; r++) for (let c = c0; c <= c1; c++) {
    for (let at = start[r * cols + c]; at < start[r * cols + c + 1]; at++) {
      const i = items[at];
      const dx = plane.x[i] - x, dy = plane.y[i] - y, d = dx * dx + dy * dy;
      if (d > closest || (d === closest && !(plane.depth && plane.depth[i] > front))) continue;
      if (allowed && !allowed(i)) continue;
      best = i; closest = d; front = plane.depth ? plane.depth[i] : 0;
    }
  }
  return best;
}

/** Shows everything in a pane of the given size. */
function fitView(width, height) {
  const w = grid.x1 - grid.x0 || grid.extent, h = grid.y1 - grid.y0 || grid.extent;
  view.cx = (grid.x0 + grid.x1) / 2;
  view.cy = (grid.y0 + grid.y1) / 2;
  view.fit = Math.min((width - 40) / w, (height - 56) / h);
  view.scale = view.fit;
}
