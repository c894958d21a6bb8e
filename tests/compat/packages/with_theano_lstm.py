"""theano-lstm 0.0.15: two layers of LSTM units learn to go round a circle of six symbols."""

import _today  # noqa: F401
import numpy as np
import theano
import theano.tensor as T
from theano_lstm import LSTM, Layer, StackedCells, create_optimization_updates

model = StackedCells(6, layers=[8, 8], activation=T.tanh, celltype=LSTM)
model.layers.append(Layer(8, 6, lambda x: T.nnet.softmax(x)[0]))
x = T.matrix("x")
states = [{"initial": layer.initial_hidden_state, "taps": [-1]} for layer in model.layers[:2]]
outputs, _ = theano.scan(
    lambda now, *before: model.forward(now, before), sequences=x[:-1], outputs_info=[*states, None]
)
loss = T.nnet.categorical_crossentropy(outputs[-1], x[1:]).mean()
updates = create_optimization_updates(loss, model.params, method="adadelta")[0]
train = theano.function([x], loss, updates=updates, allow_input_downcast=True)
print([float(train(np.eye(6)[np.arange(20) % 6])) for _ in range(60)][::20])
