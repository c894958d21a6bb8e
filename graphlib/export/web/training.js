const [rows, columns] = about.image_shape, pixels = rows * columns, classes = about.classes.length;
const unpacked = (text) => Float32Array.from(bytesFrom(text), (v) => v / 255);
const train = { x: unpacked(about.train.x), y: Int32Array.from(bytesFrom(about.train.y)) };
const test = { x: unpacked(about.test.x), y: Int32Array.from(bytesFrom(about.test.y)) };
const batch = about.batch, batches = Math.floor(train.y.length / batch);
const tiles = about.classes.map(() => tile(document.getElementById("weights"), 84));
const rate = document.getElementById("rate"), told = document.getElementById("told"), state = document.getElementById("state");
let running = false, step = 0, costs = [], errors = [];

function begin() {
  for (const variable of Object.values(model.state)) variable.fill(0);
  step = 0, costs = [], errors = [];
  measure();
  draw();
}
function measure() {
  let wrong = 0;
  for (let k = 0; k < test.y.length; k += batch) {
    const y = test.y.subarray(k, k + batch);
    const { label } = model.predict(test.x.subarray(k * pixels, (k + y.length) * pixels));
    y.forEach((right, i) => { wrong += label[i] !== right; });
  }
  errors.push([step, wrong / test.y.length]);
}
function learn() {
  const until = performance.now() + 12;
  do {
    const k = step % batches * batch;
    const { cost } = model.train(train.x.subarray(k * pixels, (k + batch) * pixels), train.y.subarray(k, k + batch), 10 ** rate.value);
    costs.push(cost);
    if (++step % 20 === 0) measure();
  } while (performance.now() < until);
}
function draw() {
  const W = model.state.output_W;
  tiles.forEach((canvas, c) => {
    const w = Float32Array.from({ length: pixels }, (_, i) => W[i * classes + c]);
    const most = w.reduce((m, v) => Math.max(m, Math.abs(v)), 1e-6);
    picture(canvas, w, rows, columns, -most, most, true);
  });
  const error = errors.at(-1)?.[1] ?? 1;
  told.textContent = `${(10 ** rate.value).toPrecision(2)}`;
  state.textContent = `${step} minibatches of ${batch}; cost ${(costs.at(-1) ?? NaN).toFixed(3)}; ${(100 * error).toFixed(1)} % of ${test.y.length} other digits are read wrong`;
  state.dataset.error = error;
  curve();
}
function curve() {
  const canvas = document.getElementById("curve"), box = canvas.getBoundingClientRect(), ratio = devicePixelRatio;
  canvas.width = box.width * ratio, canvas.height = box.height * ratio;
  const c = canvas.getContext("2d"), { width: w, height: h } = canvas, style = getComputedStyle(document.body);
  const across = (k) => 40 * ratio + (w - 50 * ratio) * k / Math.max(step, 1), line = style.getPropertyValue("--line");
  c.font = `${11 * ratio}px system-ui`;
  c.fillStyle = c.strokeStyle = style.color;
  c.lineWidth = ratio;
  const path = (points, most, colour) => {
    c.strokeStyle = colour;
    c.beginPath();
    points.forEach(([k, v], i) => c[i ? "lineTo" : "moveTo"](across(k), h - 18 * ratio - (h - 30 * ratio) * Math.min(1, v / most)));
    c.stroke();
  };
  c.strokeStyle = line;
  c.strokeRect(40 * ratio, 12 * ratio, w - 50 * ratio, h - 30 * ratio);
  c.fillText("cost", 2, 22 * ratio);
  c.fillText(`0 … ${step} minibatches; orange: error`, 40 * ratio, h - 4 * ratio);
  const every = Math.ceil(costs.length / 800);
  path(costs.map((v, k) => [k, v]).filter((_, k) => k % every === 0), 2.5, style.color);
  path(errors, 1, style.getPropertyValue("--mark"));
}
function frame() {
  if (!running) return;
  learn();
  draw();
  requestAnimationFrame(frame);
}
const go = document.getElementById("go");
go.addEventListener("click", () => { running = !running; go.textContent = running ? "Pause" : "Learn"; frame(); });
document.getElementById("again").addEventListener("click", begin);
rate.addEventListener("input", draw);
begin();
