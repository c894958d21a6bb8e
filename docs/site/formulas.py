"""What operations compute, in the notation of mathematics."""

_LINES = r"""
eq [x = y]
neq [x \ne y]
lt [x < y]
le [x \le y]
gt [x > y]
ge [x \ge y]
invert \lnot x
and_ x \land y
or_ x \lor y
xor x \oplus y
isnan [x \text{ is NaN}]
isinf [x = \pm\infty]
switch \begin{cases} x & \text{where the condition holds} \\ y & \text{else} \end{cases}
identity x
neg -x
abs |x|
sgn \operatorname{sgn} x
sqr x^2
inv \frac{1}{x}
sqrt \sqrt{x}
add x + y
sub x - y
mul x \, y
true_div \frac{x}{y}
floor_div \left\lfloor \frac{x}{y} \right\rfloor
mod x - y \left\lfloor \frac{x}{y} \right\rfloor
maximum \max(x, y)
minimum \min(x, y)
rectify \max(x, 0)
leaky_rectify \begin{cases} x & x > 0 \\ y \, x & \text{else} \end{cases}
ceil \lceil x \rceil
floor \lfloor x \rfloor
trunc \operatorname{sgn}(x) \lfloor |x| \rfloor
exp e^x
exp2 2^x
expm1 e^x - 1
log \ln x
log2 \log_2 x
log10 \log_{10} x
log1p \ln(1 + x)
pow x^y
sigmoid \sigma(x) = \frac{1}{1 + e^{-x}}
softplus \ln(1 + e^x)
logaddexp \ln(e^x + e^y)
log1mexp \ln(1 - e^x)
xlogx x \ln x
xlogy0 x \ln y
erf \frac{2}{\sqrt\pi} \int_0^x e^{-t^2} \, dt
erfc 1 - \operatorname{erf}(x)
erfcx e^{x^2} \operatorname{erfc}(x)
log_erfc \ln \operatorname{erfc}(x)
gammaln \ln |\Gamma(x)|
psi \psi(x) = \frac{d}{dx} \ln \Gamma(x)
tri_gamma \psi'(x)
jv J_v(x)
iv I_v(x)
j0 J_0(x)
j1 J_1(x)
i0 I_0(x)
i1 I_1(x)
gammainc P(k, x) = \frac{1}{\Gamma(k)} \int_0^x t^{k-1} e^{-t} \, dt
gammaincc Q(k, x) = 1 - P(k, x)
sin \sin x
cos \cos x
tan \tan x
sinh \sinh x
cosh \cosh x
tanh \tanh x
arcsin \arcsin x
arccos \arccos x
arctan \arctan x
arcsinh \operatorname{arsinh} x
arccosh \operatorname{arcosh} x
arctanh \operatorname{artanh} x
hypot \sqrt{x^2 + y^2}
arctan2 \operatorname{atan2}(y, x)
sum \sum_i x_i
prod \prod_i x_i
max \max_i x_i
min \min_i x_i
argmax \operatorname{arg\,max}_i x_i
argmin \operatorname{arg\,min}_i x_i
cumsum y_i = \sum_{j \le i} x_j
cumprod y_i = \prod_{j \le i} x_j
dot (a b)_{ij} = \sum_k a_{ik} b_{kj}
outer a_i b_j
trace \sum_i a_{ii}
det \det a
matrix_inverse a^{-1}
matrix_power a^n
solve x \text{ with } a x = b
cholesky L \text{ with } a = L L^\top
expm e^a = \sum_{k=0}^\infty \frac{a^k}{k!}
conv2d y_{nfij} = \sum_{c, u, v} x_{n, c, i + U - 1 - u, j + V - 1 - v} \, w_{fcuv}
conv2d_transpose y_{n, c, i + u, j + v} \mathrel{+}= x_{nfij} \, w_{f, c, U - 1 - u, V - 1 - v}
softmax \frac{e^{x_i}}{\sum_j e^{x_j}}
logsoftmax x_i - \ln \sum_j e^{x_j}
relu \max(x, 0)
elu \begin{cases} x & x > 0 \\ \alpha (e^x - 1) & \text{else} \end{cases}
selu \lambda \begin{cases} x & x > 0 \\ \alpha (e^x - 1) & \text{else} \end{cases}
hard_sigmoid \min(\max(0.2 x + 0.5, 0), 1)
softsign \frac{x}{1 + |x|}
binary_crossentropy -t \ln p - (1 - t) \ln(1 - p)
sigmoid_binary_crossentropy -t \ln \sigma(x) - (1 - t) \ln(1 - \sigma(x))
categorical_crossentropy -\ln p_{n, t_n}
batch_normalization_train \gamma \frac{x - \mu_x}{\sqrt{\sigma_x^2 + \varepsilon}} + \beta
batch_normalization_test \gamma \frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}} + \beta
kron a \otimes b
"""

FORMULAS = dict(line.split(" ", 1) for line in _LINES.strip().splitlines())

#: gradients that are operations of their own, whose names say little
GRADIENTS = {
    "softmax": r"s_i \Bigl( g_i - \sum_j g_j s_j \Bigr) \quad\text{with } s = \operatorname{softmax}(x)",
    "logsoftmax": r"g_i - s_i \sum_j g_j \quad\text{with } s = \operatorname{softmax}(x)",
    "conv2d": r"\frac{\partial}{\partial w_{fcuv}} = "
    r"\sum_{n, i, j} g_{nfij} \, x_{n, c, i + U - 1 - u, j + V - 1 - v}",
}
