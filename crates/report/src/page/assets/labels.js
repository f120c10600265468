// Names of groups on the map: of the largest groups first, none over another.
const LABEL_FONT = "600 12.5px system-ui, sans-serif";
/** Places tried for a name, from the middle of its group: half widths to the right, pixels down. */
const LABEL_SHIFTS = [[0, 0], [0, -15], [0, 15], [0.8, 0], [-0.8, 0], [0.8, -15], [-0.8, -15], [0.8, 15], [-0.8, 15], [0, -28], [0, 28]];
const labelOf = (g) => (data.groupNames[g].length > 28 ? data.groupNames[g].slice(0, 27) + "…" : data.groupNames[g]);

/** The box of a group's name, moved by a shift and kept inside the pane; null if the group is out of sight. */
function labelBox(pane, pen, g, [right, down]) {
  const centre = groupCentres()[g];
  if (!centre) return null;
  const [x, y] = [(centre[0] - view.cx) * view.scale + pane.width / 2, pane.height / 2 - (centre[1] - view.cy) * view.scale];
  if (x < 0 || x > pane.width || y < 0 || y > pane.height) return null;
  pen.font = LABEL_FONT;
  const half = pen.measureText(labelOf(g)).width / 2 + 4;
  const cx = Math.max(half, Math.min(pane.width - half, x + right * half));
  const cy = Math.max(10, Math.min(pane.height - 10, y + down));
  return { g, cx, cy, left: cx - half, right: cx + half, top: cy - 9, bottom: cy + 9 };
}

const apart = (a, b) => a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;

/** Boxes of the names that find a free place; the others show when their group is pointed at. */
function placeLabels(pane, pen) {
  const taken = [pane.caption, pane.scale].filter((box) => box.offsetWidth)
    .map((box) => ({ left: box.offsetLeft, top: box.offsetTop, right: box.offsetLeft + box.offsetWidth, bottom: box.offsetTop + box.offsetHeight }));
  const placed = [];
  const order = data.groupNames.map((_, g) => g).sort((a, b) => data.groupSize[b] - data.groupSize[a] || a - b);
  for (const g of order) {
    if (state.focus >= 0 && state.focus !== g) continue;
    for (const shift of LABEL_SHIFTS) {
      const box = labelBox(pane, pen, g, shift);
      if (!box) break;
      if (!taken.every((other) => apart(box, other))) continue;
      taken.push(box);
      placed.push(box);
      break;
    }
  }
  return placed;
}

function drawLabel(pen, { g, cx, cy }) {
  pen.font = LABEL_FONT;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.lineJoin = "round";
  pen.strokeStyle = theme.ground;
  pen.lineWidth = 4;
  pen.strokeText(labelOf(g), cx, cy);
  pen.fillStyle = theme.ink;
  pen.fillText(labelOf(g), cx, cy);
}
