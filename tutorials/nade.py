"""A distribution of vectors of 0 and 1 whose likelihood can be computed: NADE.

It takes the values one after the other, and the probability of each depends on all before it:

    h_k = s(bh + sum of v_j W_j over j < k),    P(v_k = 1 | v_1 … v_{k-1}) = s(bv_k + V_k · h_k)

with row W_j for what value j tells the hidden units, and row V_k for what these tell value k. By the chain
rule the product of the factors is P(v): there is no partition function, and no Gibbs chain is needed to draw.

H. Larochelle and I. Murray, "The neural autoregressive distribution estimator", 2011.
"""

from collections.abc import Callable
from typing import Any

import graphlib
import graphlib.tensor as T


class NADE:
    """The distribution, for weights that are given and biases that come with each call.

    Args:
        W, V: (n_visible, n_hidden), see above.
        draw: gives 0 or 1 with given probabilities.
    """

    def __init__(self, W: Any, V: Any, draw: Callable[[Any], Any]):
        self.W, self.V, self.draw = W, V, draw

    def logits(self, v: Any, bv: Any, bh: Any) -> Any:
        """Before the sigmoid, the probabilities of all values given those before them: (n, n_visible).

        Args:
            v: vectors of 0 and 1, (n, n_visible).
            bv, bh: the biases of each vector, (n, n_visible) and (n, n_hidden), or of all.
        """
        told = v.dimshuffle(0, 1, "x") * self.W
        before = T.cumsum(told, axis=1) - told
        h = T.nnet.sigmoid((bh.dimshuffle(0, "x", 1) if bh.ndim == 2 else bh) + before)
        return bv + (h * self.V).sum(axis=2)

    def log_likelihood(self, v: Any, bv: Any, bh: Any) -> Any:
        """log P of each vector, (n,)."""
        logits = self.logits(v, bv, bh)
        return (v * logits - T.nnet.softplus(logits)).sum(axis=1)

    def sample(self, bv: Any, bh: Any) -> tuple[Any, Any]:
        """(a vector drawn, (n_visible,), the updates of what draws), for biases (n_visible,), (n_hidden,)."""

        def step(W, V, b, a):
            value = self.draw(T.nnet.sigmoid(b + T.dot(T.nnet.sigmoid(a), V)))
            return [value, a + value * W]

        (v, _), updates = graphlib.scan(step, sequences=[self.W, self.V, bv], outputs_info=[None, bh])
        return v, updates
