// Decodes the data blocks: base64, zlib, little-endian numbers.
const meta = JSON.parse($("meta").textContent);
const N = meta.n;
const D = meta.features.length;

function fromBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const raw = atob(text);
  const out = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) out[i] = raw.charCodeAt(i);
  return out;
}

async function block(id) {
  const packed = fromBase64($("d" + id).textContent);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}
const floats = async (id) => new Float32Array(await block(id));
const doubles = async (id) => new Float64Array(await block(id));
const words = async (id) => new Uint32Array(await block(id));

/** n × D numbers, stored column by column in blocks that are decoded when first needed. */
class DenseLayer {
  constructor(info) {
    Object.assign(this, info.data, { kind: info.kind, about: info.about });
    this.parts = this.blocks.map(() => null);
    this.slot = new Int32Array(D).fill(-1);
    if (this.stored) this.stored.forEach((d, at) => { this.slot[d] = at; });
    else for (let d = 0; d < D; d++) this.slot[d] = d;
    this.complete = !this.stored;
    this.loaded = 0;
  }
  async open() {
    this.offsets = await floats(this.offsets);
    this.scales = await floats(this.scales);
    return this;
  }
  has(d) { return this.slot[d] >= 0; }
  part(b) {
    if (this.parts[b]) return this.parts[b];
    const form = this.curve === "linear"
      ? (this.bits === 8 ? Uint8Array : Uint16Array)
      : (this.bits === 8 ? Int8Array : Int16Array);
    this.parts[b] = block(this.blocks[b]).then((bytes) => {
      this.loaded++;
      return (this.parts[b] = new form(bytes));
    });
    return this.parts[b];
  }
  number(at, q) {
    return this.curve === "square" ? this.scales[at] * q * Math.abs(q) : this.offsets[at] + this.scales[at] * q;
  }
  async column(d) {
    const at = this.slot[d];
    if (at < 0) return null;
    const codes = await this.part(Math.floor(at / this.per_block));
    const from = (at % this.per_block) * N;
    const out = new Float32Array(N);
    for (let i = 0; i < N; i++) out[i] = this.number(at, codes[from + i]);
    return out;
  }
  async all() { for (let b = 0; b < this.blocks.length; b++) await this.part(b); }
  /** One point's number, or undefined if it is not stored or not decoded yet. */
  at(i, d) {
    const at = this.slot[d];
    if (at < 0) return undefined;
    const codes = this.parts[Math.floor(at / this.per_block)];
    if (!codes || codes instanceof Promise) return undefined;
    return this.number(at, codes[(at % this.per_block) * N + i]);
  }
  /** One point's numbers for all features, NaN where not stored; null while a block is missing. */
  row(i) {
    if (this.loaded < this.blocks.length) return null;
    const out = new Float32Array(D);
    for (let d = 0; d < D; d++) out[d] = this.at(i, d); // undefined becomes NaN
    return out;
  }
}

/** n × D numbers as a product of n × k scores and k × D loadings. */
class ComponentLayer {
  constructor(info) {
    Object.assign(this, info.data, { kind: info.kind, about: info.about, complete: true });
  }
  async open() {
    this.codes = new Int16Array(await block(this.scores));
    this.scales = await floats(this.scales);
    this.loadings = await floats(this.loadings);
    return this;
  }
  has() { return true; }
  async column(d) {
    const out = new Float32Array(N);
    for (let c = 0; c < this.k; c++) {
      const weight = this.scales[c] * this.loadings[c * D + d];
      const from = c * N;
      for (let i = 0; i < N; i++) out[i] += weight * this.codes[from + i];
    }
    return out;
  }
  async all() {}
  at(i, d) {
    let sum = 0;
    for (let c = 0; c < this.k; c++) sum += this.scales[c] * this.codes[c * N + i] * this.loadings[c * D + d];
    return sum;
  }
  row(i) {
    const out = new Float32Array(D);
    for (let c = 0; c < this.k; c++) {
      const weight = this.scales[c] * this.codes[c * N + i];
      for (let d = 0; d < D; d++) out[d] += weight * this.loadings[c * D + d];
    }
    return out;
  }
}

const data = {};
async function openData() {
  data.coords = await floats(meta.coords);
  data.groupNames = meta.groups ? meta.groups.names : ["all points"];
  data.groupOf = meta.groups ? await words(meta.groups.of) : new Uint32Array(N);
  data.groupSize = new Uint32Array(data.groupNames.length);
  for (let i = 0; i < N; i++) data.groupSize[data.groupOf[i]]++;
  data.stability = meta.stability === null ? null : await doubles(meta.stability);
  data.steadiest = data.stability && Float64Array.from(data.stability).sort();
  data.layers = {};
  for (const info of meta.layers) {
    const layer = info.data.form === "dense" ? new DenseLayer(info) : new ComponentLayer(info);
    data.layers[info.kind] = await layer.open();
  }
  data.summary = [];
  for (const column of meta.summary) data.summary.push({ ...column, values: await doubles(column.block) });
  data.setOf = meta.sets ? await words(meta.sets.of) : null;
  if (meta.top) {
    data.top = { k: meta.top.k, kind: meta.top.kind, features: await words(meta.top.features), values: await floats(meta.top.values) };
  }
}
/** What the stability of a point is, in words. */
const STABILITY = "stability: smallest eigenvalue of the point's own Hessian of KL at the finished map; " +
  "where it is small the point could as well lie elsewhere, and at 0 or below nothing holds it where it is";

/** The stability of a point, in words. */
function stabilityWords(i) {
  const own = data.stability[i];
  if (own <= 0) return `stability ${show(own)}: nothing holds the point here`;
  let [below, above] = [0, N]; // how many are below: a bisection of the sorted
  while (below < above) {
    const middle = (below + above) >> 1;
    if (data.steadiest[middle] < own) below = middle + 1;
    else above = middle;
  }
  return `stability ${show(own)}, above that of ${percent(below / N)} of the points`;
}

/** The set with which a feature was removed, as an index; −1 for one that was removed alone. */
const setOf = (d) => (data.setOf && data.setOf[d] !== 0xffffffff ? data.setOf[d] : -1);
/** Its name; empty for a feature that was removed alone. */
const setName = (d) => (setOf(d) < 0 ? "" : meta.sets.names[setOf(d)]);

/** What a feature was removed with, in words. */
function setWords(d) {
  const own = setOf(d);
  if (own < 0) return "";
  const others = meta.features.filter((_, e) => e !== d && setOf(e) === own);
  const listed = others.slice(0, 12).join(", ") + (others.length > 12 ? ` and ${others.length - 12} more` : "");
  return `in ${meta.sets.names[own]}, removed together with ${listed || "no other"}: the importance is that of the whole set`;
}

const pointName = (i) => (meta.names ? meta.names[i] : `row ${i}`);

/** What each column of the summary is, in words. */
const COLUMNS = {
  importance: { head: "importance", tip: "Rise of the map's error for this group when the feature is set to its mean and the map is kept. Sees features that separate groups completely." },
  sensitivity: { head: "sensitivity", tip: "Mean |attribution| over the group: how strongly a small change of the feature would move its points. Blind where groups are fully apart." },
  jacobian_norm: { head: "‖dy/dx‖", tip: "Mean length of the derivative of the point's place by the feature. Blind where groups are fully apart." },
  signed_mean: { head: "signed mean", tip: "Mean attribution with its sign; contributions of different points may cancel." },
  contrast: { head: "contrast", tip: "Difference of means: the group less all other points. A plain baseline that knows nothing of the map." },
};
