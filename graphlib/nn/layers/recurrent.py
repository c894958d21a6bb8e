"""Recurrent layers: states that a step of a sequence makes of the last ones.

Inputs are (batch, time, features). A step is computed by `step` from x W + b of its input, which is one
product for all steps (`linear`), and from the states, (batch, units) each, of which the first is the output.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from ... import scan
from ...distributed import own_rows, with_own_rows
from ...errors import InputError, ShapeError
from ...graph import Variable
from ...tensor import alloc, concatenate, dot, switch, zeros
from ...tensor import as_tensor_variable as as_variable
from ...tensor import shape as shape_of
from ..initializers import Constant, Fans, Given, Initializer, fans_of
from ..registry import register, resolve
from ..schema import Activation, Constraint, Count, Regularizer
from .base import Layer, as_float
from .containers import as_layer


@dataclass
class _Blocks(Initializer):
    """Each gate's weights drawn on their own, beside each other."""

    blocks: Sequence[Initializer]

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...], fans: Fans) -> np.ndarray:
        part = (*shape[:-1], shape[-1] // len(self.blocks))
        return np.concatenate([block(rng, part, fans_of(part)) for block in self.blocks], axis=-1)


@dataclass(eq=False, repr=False)
class Recurrent(Layer):
    """What recurrent layers have in common.

    Args:
        units: values of the output.
        activation: a function of a variable, or its name.
        return_sequences: whether the output is that of every step, (batch, time, units), or of the last one,
            (batch, units).
        go_backwards: whether the last step of the input is the first one that is seen. Outputs of every step
            stand where their inputs do all the same.
        stateful: whether a sequence goes on in the next batch: states begin as they ended, in the `state` of
            the layer, which the `updates` of a call with ``training=True`` change, and `reset_states` zeroes.
            The size of the batch must be known, by the input's declared shape or `reset_states`.
        learn_initial_state: whether the states before the first step are parameters, one for all sequences.
        truncate_gradient: how many steps the gradient goes back; −1 for all.
        initializer, recurrent_initializer: of W, (n_in, gates · units), and U, (units, gates · units), drawn
            for each gate on its own.
        bias: initializer of b, (gates · units,); None for no b.
        regularizer, constraint: of W and U.
    """

    units: Count
    activation: Activation | None = "tanh"
    return_sequences: bool = False
    go_backwards: bool = False
    stateful: bool = False
    learn_initial_state: bool = False
    truncate_gradient: int = -1
    initializer: Initializer = "glorot_uniform"
    recurrent_initializer: Initializer = "orthogonal"
    bias: Initializer | None = 0.0
    regularizer: Regularizer | None = None
    constraint: Constraint | None = None

    #: names of the states; the first is the output
    states = ("h",)
    #: how many blocks of units W and U have
    gates = 1

    def step(self, linear: Variable, *states: Variable) -> tuple[Variable, ...]:
        """The states after a step, (batch, units) each.

        Args:
            linear: x W + b of the step's input, (batch, gates · units); see `linear`.
            states: those before the step.
        """
        raise NotImplementedError

    def linear(self, x: Variable) -> Variable:
        """x W + b of inputs (…, n_in): (…, gates · units)."""
        linear = dot(as_float(x), self.W)
        return linear if self.b is None else linear + self.b

    def build(self, x: Variable) -> None:
        self.dimensions(x, 3)
        if self.stateful and self.learn_initial_state:
            raise InputError(
                "stateful and learn_initial_state exclude each other: where would a batch begin?"
            )
        width = self.gates * self.units
        options = {"regularizer": self.regularizer, "constraint": self.constraint}
        self.W = self.parameter("W", (self.length(x, 2), width), self._blocks(self.initializer), **options)
        self.U = self.parameter("U", (self.units, width), self._blocks(self.recurrent_initializer), **options)
        self.b = None if self.bias is None else self.parameter("b", (width,), self._biases())
        if self.learn_initial_state:
            self._initial = [self.parameter(f"{name}_0", (self.units,), 0.0) for name in self.states]
        elif self.stateful:
            self._initial = [self.keep(name, (x.static_shape[0], self.units)) for name in self.states]

    def masked_output(
        self,
        x: Variable,
        training: bool,
        mask: Variable | None,
        initial_state: Any = None,
        return_state: bool = False,
    ) -> tuple:
        """(the output, its mask); with ``return_state=True`` the output is (output, final states).

        Args:
            mask: (batch, time): where it is 0, states stay as they were.
            initial_state: the states before the first step, (batch, units) or (units,) each: a variable or
                array, or a list of as many as there are `states`.
        """
        self.dimensions(x, 3)
        batch = shape_of(x)[0]
        begin = self._begin(batch, initial_state)
        sequences = [self.linear(x.dimshuffle(1, 0, 2))]
        if mask is not None:
            if mask.ndim != 2:
                raise ShapeError(f"the mask must be (batch, time), unlike {mask.describe()}")
            sequences.append(mask.dimshuffle(1, 0))

        def step(linear: Variable, *rest: Variable) -> list[Variable]:
            *present, states = rest[: len(rest) - len(begin)], rest[len(rest) - len(begin) :]
            new = self.step(linear, *states)
            if mask is None:
                return list(new)
            goes_on = present[0][0].dimshuffle(0, "x")
            return [switch(goes_on, after, before) for after, before in zip(new, states, strict=True)]

        outputs, _ = scan(
            step,
            sequences=sequences,
            outputs_info=begin,
            truncate_gradient=self.truncate_gradient,
            go_backwards=self.go_backwards,
            name=self.label,
            return_list=True,
        )
        final = [each[-1] for each in outputs]
        if self.stateful:
            self._carried = dict(zip(self._initial, final, strict=True))
            if training:
                for kept, value in self._carried.items():
                    self.update(kept, with_own_rows(kept, value))
        y = final[0]
        if self.return_sequences:
            values = outputs[0][::-1] if self.go_backwards else outputs[0]
            y = values.dimshuffle(1, 0, 2)
        return ((y, final) if return_state else y), (mask if self.return_sequences else None)

    def reset_states(self, batch_size: int | None = None) -> None:
        if not self.stateful:
            return
        if not self._built:
            raise InputError(f"{self.label} has no states yet: the first call makes them")
        for kept in self._initial:
            rows = kept.present_shape()[0] if batch_size is None else batch_size
            kept.set_value(np.zeros((rows, self.units), kept.dtype))

    def _begin(self, batch: Any, given: Any) -> list[Variable]:
        """The states before the first step, (batch, units) each."""
        if given is None:
            if self.stateful:
                return [own_rows(kept) for kept in self._initial]
            if not self.learn_initial_state:
                return [zeros((batch, self.units)) for _ in self.states]
            given = self._initial
        elif isinstance(given, (Variable, np.ndarray)):
            given = [given]
        if len(given) != len(self.states):
            raise ShapeError(
                f"initial_state has {len(given)} parts, and the layer the states {', '.join(self.states)}"
            )
        found = [as_float(as_variable(each)) for each in given]
        for each in found:
            if each.ndim not in (1, 2) or each.static_shape[-1] not in (None, self.units):
                raise ShapeError(
                    f"a state before the first step is (batch, {self.units}) or ({self.units},), unlike "
                    f"{each.describe()}"
                )
        return [alloc(each, batch, self.units) if each.ndim == 1 else each for each in found]

    def _blocks(self, initializer: Any) -> Any:
        value = resolve("initializer", initializer)
        value = Constant(value) if isinstance(value, (int, float)) else value
        of_gates = callable(value) and not isinstance(value, (Variable, Given))
        return _Blocks([value] * self.gates) if of_gates else value

    def _biases(self) -> Any:
        return self._blocks(self.bias)

    def _split(self, values: Variable) -> list[Variable]:
        """The gates' blocks."""
        n = self.units
        return [values[..., k * n : (k + 1) * n] for k in range(self.gates)]


def _act(activation: Any, x: Variable) -> Variable:
    return x if activation is None else resolve("activation", activation)(x)


@register("layer")
@dataclass(eq=False, repr=False)
class SimpleRNN(Recurrent):
    """h' = activation(x W + h U + b) (J. Elman, "Finding structure in time", 1990).

    Arguments are those of `Recurrent`.
    """

    def step(self, linear: Variable, *states: Variable) -> tuple[Variable, ...]:
        return (_act(self.activation, linear + dot(states[0], self.U)),)


@register("layer")
@dataclass(eq=False, repr=False)
class GRU(Recurrent):
    """Gated recurrent units (K. Cho et al., "Learning phrase representations using RNN encoder-decoder",
    2014): with r, z = gate_activation(x W + h U + b), of their blocks,

        h' = (1 − z) activation(x W + (r h) U + b) + z h.

    The blocks are those of r, z and the candidate, in this order.

    Args:
        gate_activation: of r and z.
        reset_after: multiply by r what comes out of U, and not what goes in, as cuDNN and PyTorch do: the
            candidate is activation(x W + r (h U + c) + b), with another parameter c, (units,), 0 at first.

    The others are those of `Recurrent`.
    """

    gate_activation: Activation = "sigmoid"
    reset_after: bool = False
    gates = 3

    def build(self, x: Variable) -> None:
        super().build(x)
        if self.reset_after:
            self.c = self.parameter("c", (self.units,), 0.0)

    def step(self, linear: Variable, *states: Variable) -> tuple[Variable, ...]:
        (h,) = states
        n = self.units
        if self.reset_after:
            r_in, z_in, new_in = self._split(linear)
            r_rec, z_rec, new_rec = self._split(dot(h, self.U))
            r = _act(self.gate_activation, r_in + r_rec)
            z = _act(self.gate_activation, z_in + z_rec)
            new = _act(self.activation, new_in + r * (new_rec + self.c))
        else:
            gates = _act(self.gate_activation, linear[..., : 2 * n] + dot(h, self.U[:, : 2 * n]))
            r, z = gates[..., :n], gates[..., n:]
            new = _act(self.activation, linear[..., 2 * n :] + dot(r * h, self.U[:, 2 * n :]))
        return ((1 - z) * new + z * h,)


@register("layer")
@dataclass(eq=False, repr=False)
class LSTM(Recurrent):
    """Long short-term memory (S. Hochreiter and J. Schmidhuber, 1997; with forget gates, F. Gers,
    J. Schmidhuber and F. Cummins, "Learning to forget", 2000): with i, f, o = gate_activation(x W + h U + b),
    of their blocks,

        c' = f c + i activation(x W + h U + b),    h' = o activation(c').

    The blocks are those of i, f, o and the candidate, in this order; the states are h and c.

    Args:
        gate_activation: of i, f and o.
        forget_bias: what the forget gate's part of b begins with (R. Jozefowicz et al., 2015); not where
            `bias` is given as an array.

    The others are those of `Recurrent`.
    """

    gate_activation: Activation = "sigmoid"
    forget_bias: float = 1.0
    gates = 4
    states = ("h", "c")

    def step(self, linear: Variable, *states: Variable) -> tuple[Variable, ...]:
        h, c = states
        i, f, o, new = self._split(linear + dot(h, self.U))
        c = _act(self.gate_activation, f) * c + _act(self.gate_activation, i) * _act(self.activation, new)
        return _act(self.gate_activation, o) * _act(self.activation, c), c

    def _biases(self) -> Any:
        biases = super()._biases()
        if isinstance(biases, _Blocks):
            i, _, o, new = biases.blocks
            return _Blocks([i, Constant(self.forget_bias), o, new])
        return biases


@register("layer")
@dataclass(eq=False, repr=False)
class Bidirectional(Layer):
    """A recurrent layer, and another one like it that sees the sequence from its end (M. Schuster and
    K. Paliwal, 1997).

    Args:
        layer: the recurrent layer that goes forward; the other is made like it, with parameters of its own.
        merge: "concatenate" the outputs' features, or their elementwise "sum", "mean" or "multiply".
    """

    layer: Layer
    merge: Literal["concatenate", "sum", "mean", "multiply"] = "concatenate"

    def __post_init__(self) -> None:
        super().__post_init__()
        forward = as_layer(self.layer)
        if not isinstance(forward, Recurrent):
            raise InputError(f"Bidirectional takes a recurrent layer, not {self.layer!r}")
        self._directions = {
            "forward": forward,
            "backward": replace(forward, go_backwards=not forward.go_backwards, name=None),
        }

    @property
    def children(self) -> dict[str, Layer]:
        return self._directions

    def masked_output(self, x: Variable, training: bool, mask: Variable | None) -> tuple:
        results = [each.with_mask(x, training, mask) for each in self._directions.values()]
        outputs, mask = [y for y, _ in results], results[0][1]
        if self.merge == "concatenate":
            return concatenate(outputs, axis=-1), mask
        if self.merge == "multiply":
            return outputs[0] * outputs[1], mask
        total = functools.reduce(lambda a, b: a + b, outputs)
        return (total / 2 if self.merge == "mean" else total), mask
