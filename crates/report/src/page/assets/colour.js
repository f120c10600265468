// Numbers to colours. Colours are 0xAABBGGRR words, as canvas memory holds them.
const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
const word = ([r, g, b]) => ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;

function ramp(stops, steps) {
  const colours = stops.map(rgb);
  const out = new Uint32Array(steps);
  for (let s = 0; s < steps; s++) {
    const at = (s / (steps - 1)) * (colours.length - 1);
    const low = Math.min(Math.floor(at), colours.length - 2);
    const mix = colours[low].map((v, c) => Math.round(v + (at - low) * (colours[low + 1][c] - v)));
    out[s] = word(mix);
  }
  return out;
}
const STEPS = 255;
const DIVERGING = ramp(meta.colours.diverging, STEPS);
const SEQUENTIAL = ramp(meta.colours.sequential, STEPS);
const GREYS = ramp(["#ffffff", "#000000"], STEPS);
const GROUPS = Uint32Array.from(meta.colours.groups, (hex) => word(rgb(hex)));
const cssColour = (w) => `rgb(${w & 255},${(w >> 8) & 255},${(w >> 16) & 255})`;

/** The value below which a share of the entries lie; sorted copy, no NaN expected. */
function quantile(values, share) {
  const sorted = Float32Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

/** Ends of a colour scale: symmetric about 0 for signed numbers, outliers beyond 99.5 % clipped. */
function scaleOf(values, diverging) {
  if (diverging) {
    const sizes = values.map(Math.abs);
    let reach = quantile(sizes, 0.995);
    if (!(reach > 0)) reach = sizes.reduce((a, b) => Math.max(a, b), 0);
    const most = sizes.reduce((a, b) => Math.max(a, b), 0);
    return { diverging, low: -reach || 0, high: reach, clipped: most > reach };
  }
  let low = Infinity, most = -Infinity;
  for (const v of values) { low = Math.min(low, v); most = Math.max(most, v); }
  let high = quantile(values, 0.995);
  if (!(high > low)) high = most;
  return { diverging, low, high, clipped: most > high };
}

function colourOf(scale, value) {
  const span = scale.high - scale.low;
  const share = span > 0 ? (value - scale.low) / span : (scale.diverging ? 0.5 : 0);
  const step = Math.max(0, Math.min(STEPS - 1, Math.round(share * (STEPS - 1))));
  return (scale.diverging ? DIVERGING : SEQUENTIAL)[step];
}
