const [rows, columns] = about.image_shape, pixels = rows * columns;
const ink = document.getElementById("ink"), pen = ink.getContext("2d", { willReadFrequently: true });
const seen = document.getElementById("seen"), answer = document.getElementById("answer");
const bars = about.classes.map((name) => {
  const label = document.createElement("span"), bar = document.createElement("i"), share = document.createElement("span");
  label.textContent = name;
  document.getElementById("bars").append(label, bar, share);
  return { bar, share };
});

function clear() {
  pen.fillStyle = "#000";
  pen.fillRect(0, 0, ink.width, ink.height);
  answer.textContent = "";
  for (const { bar, share } of bars) bar.style.width = share.textContent = "";
  document.getElementById("lit").replaceChildren();
  picture(seen, new Float32Array(pixels), rows, columns, 0, 1);
}

// The strokes as MNIST's digits were made: scaled into a box of 20/28 of the sides, its centre of mass in the middle.
function digit() {
  const { width, height } = ink, data = pen.getImageData(0, 0, width, height).data;
  let left = width, right = -1, top = height, bottom = -1;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      if (data[4 * (y * width + x)] > 20) {
        left = Math.min(left, x), right = Math.max(right, x), top = Math.min(top, y), bottom = Math.max(bottom, y);
      }
  if (right < 0) return null;
  const w = right - left + 1, h = bottom - top + 1, scale = Math.min(rows, columns) * (20 / 28) / Math.max(w, h);
  const small = new OffscreenCanvas(Math.max(1, Math.round(w * scale)), Math.max(1, Math.round(h * scale)));
  // the mean over what each pixel covers
  const grey = new Float32Array(small.width * small.height);
  for (let i = 0; i < small.height; i++)
    for (let j = 0; j < small.width; j++) {
      const y0 = top + Math.floor(i * h / small.height), y1 = Math.max(y0 + 1, top + Math.floor((i + 1) * h / small.height));
      const x0 = left + Math.floor(j * w / small.width), x1 = Math.max(x0 + 1, left + Math.floor((j + 1) * w / small.width));
      let sum = 0;
      for (let y = y0; y < y1; y++) for (let x = x0; x < x1; x++) sum += data[4 * (y * width + x)];
      grey[i * small.width + j] = sum / ((y1 - y0) * (x1 - x0) * 255);
    }
  let mass = 0, my = 0, mx = 0;
  grey.forEach((v, k) => { mass += v, my += v * Math.floor(k / small.width), mx += v * (k % small.width); });
  const dy = Math.round((rows - 1) / 2 - my / mass), dx = Math.round((columns - 1) / 2 - mx / mass);
  const x = new Float32Array(pixels);
  grey.forEach((v, k) => {
    const i = Math.floor(k / small.width) + dy, j = k % small.width + dx;
    if (i >= 0 && i < rows && j >= 0 && j < columns) x[i * columns + j] = v;
  });
  return x;
}

function look() {
  const x = digit();
  if (!x) return clear();
  picture(seen, x, rows, columns, 0, 1);
  const found = (model.look ?? model.predict)(x), p = found.probabilities, best = p.indexOf(Math.max(...p));
  answer.textContent = about.classes[best];
  bars.forEach(({ bar, share }, k) => {
    bar.style.width = `${100 * p[k]}%`;
    bar.className = k === best ? "best" : "";
    share.textContent = `${(100 * p[k]).toFixed(1)} %`;
  });
  show(found, best);
}

// What lights up: maps of a convolutional network, filters of hidden units, or the weights of the answer.
function show(found, best) {
  const lit = document.getElementById("lit"), told = document.getElementById("told");
  lit.replaceChildren();
  if (found.maps_1) {
    told.textContent = "What the filters of the two layers see in it:";
    for (const [maps, side] of [[found.maps_1, 48], [found.maps_2, 28]]) {
      const [, count, h, w] = maps.shape;
      const layer = document.createElement("div");
      layer.className = "tiles";
      lit.append(layer);
      for (let k = 0; k < count; k++) picture(tile(layer, side), maps.subarray(k * h * w, (k + 1) * h * w), h, w, -1, 1);
    }
    return;
  }
  const [name, units] = found.units ? [about.first, found.units] : ["output_W", null];
  const W = model.state[name], n = W.shape[1];
  const order = units
    ? Array.from(units.keys()).sort((a, b) => Math.abs(units[b]) - Math.abs(units[a])).slice(0, 30)
    : [best];
  told.textContent = units ? "The hidden units that it lights up most, by what they look for:" : "The weights of the answer:";
  for (const k of order) {
    const filter = Float32Array.from({ length: pixels }, (_, i) => W[i * n + k]);
    const most = filter.reduce((m, v) => Math.max(m, Math.abs(v)), 0), sign = units && units[k] < 0 ? -1 : 1;
    const canvas = tile(lit, units ? 56 : 112);
    picture(canvas, filter.map((v) => sign * v), rows, columns, -most, most, true);
    if (units) canvas.style.opacity = Math.abs(units[k]);
  }
}

let last = null;
const at = (event) => {
  const box = ink.getBoundingClientRect();
  return [(event.clientX - box.left) * ink.width / box.width, (event.clientY - box.top) * ink.height / box.height];
};
ink.addEventListener("pointerdown", (event) => { last = at(event); ink.setPointerCapture(event.pointerId); stroke(last); });
ink.addEventListener("pointermove", (event) => { if (last) stroke(at(event)); });
for (const end of ["pointerup", "pointercancel"]) ink.addEventListener(end, () => { if (last) { last = null; look(); } });
function stroke(to) {
  pen.strokeStyle = "#fff";
  pen.lineWidth = 22;
  pen.lineCap = pen.lineJoin = "round";
  pen.beginPath();
  pen.moveTo(...last);
  pen.lineTo(to[0] + .01, to[1]);
  pen.stroke();
  last = to;
  look();
}
document.getElementById("clear").addEventListener("click", clear);
clear();
