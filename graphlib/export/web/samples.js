const [rows, columns] = about.image_shape, pixels = rows * columns, count = about.chains;
const chains = Array.from({ length: count }, () => tile(document.getElementById("chains"), 84));
const start = Float32Array.from(bytesFrom(about.start), (v) => v / 255);
let v = new Float32Array(count * pixels), steps = 0, running = false;

function show(values) {
  chains.forEach((canvas, k) => picture(canvas, values.subarray(k * pixels, (k + 1) * pixels), rows, columns, 0, 1));
  document.getElementById("state").textContent = `${steps} Gibbs steps of ${count} chains`;
  Object.assign(document.getElementById("state").dataset, { steps, ink: values.reduce((a, x) => a + x, 0) / values.length });
}
function begin(from) {
  v = from, steps = 0;
  show(v);
}
function frame() {
  if (!running) return;
  const n = Number(document.getElementById("steps").value), found = model.sample(v, n);
  v = found.sample, steps += n;
  show(found.probabilities);
  requestAnimationFrame(frame);
}
const W = model.state.rbm_W, n = W.shape[1];
for (let k = 0; k < Math.min(60, n); k++) {
  const filter = Float32Array.from({ length: pixels }, (_, i) => W[i * n + k]);
  const most = filter.reduce((m, w) => Math.max(m, Math.abs(w)), 1e-6);
  picture(tile(document.getElementById("filters"), 42), filter, rows, columns, -most, most, true);
}
const go = document.getElementById("go");
go.addEventListener("click", () => { running = !running; go.textContent = running ? "Pause" : "Go on"; frame(); });
document.getElementById("noise").addEventListener("click", () => begin(Float32Array.from({ length: count * pixels }, () => Number(Math.random() < .5))));
document.getElementById("digits").addEventListener("click", () => begin(start.slice()));
begin(start.slice());
