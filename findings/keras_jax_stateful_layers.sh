#!/usr/bin/env bash
# Keras 3.15.1 on JAX: a stateful recurrent layer begins every batch at zero in fit, evaluate and predict.
#
# A layer made with stateful=True keeps its state for the next batch. Calling the model does so on every backend, and on
# PyTorch's predict and evaluate do too. On JAX the compiled functions drop the state that they computed: each batch
# of one call, and each call, starts from zero, without a warning, and the layer's state stays as it was. Truncated
# backpropagation by fit or train_on_batch learns without context, and text that is sampled through predict is drawn
# without it. Calling the model (model(x)) carries the state.
#
# Seen: called thrice: -0.154 -0.177 -0.179; predicted thrice: -0.154 -0.154 -0.154; loss of the same batch thrice
#       without learning: 0.0201 0.0201 0.0201
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet keras==3.15.1 jax==0.10.2 numpy==2.4.6
KERAS_BACKEND=jax "$folder/env/bin/python" -W ignore - <<'PYTHON'
import keras
import numpy as np

x = np.linspace(-1, 1, 8, dtype="float32").reshape(1, 4, 2)
keras.utils.set_random_seed(3)
model = keras.Sequential([keras.Input(batch_shape=(1, 4, 2)), keras.layers.LSTM(3, stateful=True)])
model.compile(keras.optimizers.SGD(0.0), "mse")
lstm = model.layers[0]


def thrice(step):
    lstm.reset_states()
    return [float(np.asarray(step(x))[0, 0]) for _ in range(3)]


called = thrice(model)
predicted = thrice(lambda x: model.predict(x, verbose=0))
on_batch = thrice(model.predict_on_batch)
lstm.reset_states()
batches = model.predict(np.concatenate([x, x]), batch_size=1, verbose=0)[:, 0]
kept = float(np.asarray(lstm.states[0])[0, 0])
evaluated = [model.evaluate(x, np.zeros((1, 3)), verbose=0) for _ in range(2)]
trained = [float(model.train_on_batch(x, np.zeros((1, 3)))) for _ in range(3)]
print("called thrice:", *(f"{v:.3f}" for v in called), end="; ")
print("predicted thrice:", *(f"{v:.3f}" for v in predicted), end="; ")
print("loss of the same batch thrice without learning:", *(f"{v:.4f}" for v in trained))
assert len(set(called)) == 3
assert len(set(predicted)) == 1 and len(set(on_batch)) == 1, "predict carries the state now"
assert batches[0] == batches[1] and kept == 0, "predict carries the state from batch to batch now"
assert evaluated[0] == evaluated[1], "evaluate carries the state now"
assert len(set(trained)) == 1, "training carries the state now"
PYTHON
