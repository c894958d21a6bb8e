"""climin 0.1a1: four optimizers on a quadratic function; L-BFGS and nonlinear CG find its minimum, 0."""

import climin
import numpy as np
import theano
import theano.tensor as T

inputs = np.random.RandomState(0).randn(40, 4)
w = T.vector("w")
loss = T.sqr(T.dot(inputs, w) - inputs @ np.arange(4.0)).mean()
value, slope = theano.function([w], loss), theano.function([w], T.grad(loss, w))
for name, make in {
    "gradient descent": lambda p: climin.GradientDescent(p, slope, 0.1, 0.9),
    "RMSprop": lambda p: climin.RmsProp(p, slope, 0.01),
    "L-BFGS": lambda p: climin.Lbfgs(p, value, slope),
    "nonlinear CG": lambda p: climin.NonlinearConjugateGradient(p, value, slope),
}.items():
    parameters = np.zeros(4)
    for info in make(parameters):
        if info["n_iter"] >= 40:
            break
    print(name, float(value(parameters)))
