"""pyfms 0.4: factorization machines, on dense and on sparse examples."""

import _today  # noqa: F401
import numpy as np
import pyfms
import scipy.sparse
from pyfms import optimizers, regularizers

draws = np.random.RandomState(0)
x = draws.rand(200, 10) * (draws.rand(200, 10) < 0.4)
y = (x[:, 0] * x[:, 1] + x[:, 2] > 0.2).astype(int)
for optimizer in (optimizers.Adam(lr=0.05), optimizers.SGD(lr=0.1), optimizers.RMSProp(lr=0.01)):
    np.random.seed(1)
    machine = pyfms.Classifier(10, k=3)
    machine.fit(x, y, optimizer, nb_epoch=20, batch_size=50, regularizer=regularizers.L2(0, 0.001, 0.001))
    print(type(optimizer).__name__, (machine.predict(x) == y).mean(), machine.predict_proba(x).sum())
np.random.seed(1)
machine = pyfms.Regressor(10, k=3, X_format="csr")
machine.fit(scipy.sparse.csr_matrix(x), x[:, 0] * x[:, 1], nb_epoch=30)
print("sparse", np.abs(machine.predict(scipy.sparse.csr_matrix(x)) - x[:, 0] * x[:, 1]).mean())
