r"""What operations compute, in the notation of mathematics.

The letters are the operands' names of the examples; the result is y where its elements are numbered, as in
``y_{ij} = \dots``. What is beyond an array's ends counts as 0. The tests compute each formula as it is
written, and compare. The parts behind a ``\quad`` are set in lines of their own, as is what is behind an
``\allowbreak``: a telephone is narrow.
"""

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
left_shift 2^y \, x
right_shift \left\lfloor \frac{x}{2^y} \right\rfloor
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
round_half_away_from_zero \operatorname{sgn}(x) \left\lfloor |x| + \frac{1}{2} \right\rfloor
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
xlogx \begin{cases} x \ln x & x > 0 \\ 0 & x = 0 \end{cases}
xlogy0 \begin{cases} 0 & x = 0 \\ x \ln y & \text{else} \end{cases}
erf \operatorname{erf}(x) = \frac{2}{\sqrt\pi} \int_0^x e^{-t^2} \, dt
erfc 1 - \operatorname{erf}(x)
erfcx e^{x^2} \operatorname{erfc}(x)
log_erfc \ln \operatorname{erfc}(x)
gammaln \ln |\Gamma(x)|
psi \psi(x) = \frac{d}{dx} \ln |\Gamma(x)|
tri_gamma \psi'(x) = \frac{d^2}{dx^2} \ln |\Gamma(x)|
jv J_v(x) = \sum_{k=0}^\infty \frac{(-1)^k}{k! \, \Gamma(v + k + 1)} \left(\frac{x}{2}\right)^{v + 2k}
iv I_v(x) = \sum_{k=0}^\infty \frac{1}{k! \, \Gamma(v + k + 1)} \left(\frac{x}{2}\right)^{v + 2k}
j0 J_0(x) = \frac{1}{\pi} \int_0^\pi \cos(x \sin t) \, dt
j1 J_1(x) = \frac{1}{\pi} \int_0^\pi \cos(t - x \sin t) \, dt
i0 I_0(x) = \frac{1}{\pi} \int_0^\pi e^{x \cos t} \, dt
i1 I_1(x) = \frac{1}{\pi} \int_0^\pi e^{x \cos t} \cos t \, dt
gammainc P(k, x) = \frac{1}{\Gamma(k)} \int_0^x t^{k-1} e^{-t} \, dt
gammaincc Q(k, x) = \frac{1}{\Gamma(k)} \int_x^\infty t^{k-1} e^{-t} \, dt
sin \sin x
cos \cos x
tan \tan x = \frac{\sin x}{\cos x}
sinh \sinh x = \frac{e^x - e^{-x}}{2}
cosh \cosh x = \frac{e^x + e^{-x}}{2}
tanh \tanh x = \frac{e^x - e^{-x}}{e^x + e^{-x}}
arcsin \arcsin x
arccos \arccos x
arctan \arctan x
arcsinh \operatorname{arsinh} x = \ln\left(x + \sqrt{x^2 + 1}\right)
arccosh \operatorname{arcosh} x = \ln\left(x + \sqrt{x^2 - 1}\right)
arctanh \operatorname{artanh} x = \frac{1}{2} \ln \frac{1 + x}{1 - x}
hypot \sqrt{x^2 + y^2}
arctan2 \operatorname{atan2}(y, x)
real \operatorname{Re} z
imag \operatorname{Im} z
conj \bar z
angle \arg z
complex x + \mathrm{i} \, y
complex_from_polar r \, e^{\mathrm{i} \phi}
sum \sum_i x_i
prod \prod_i x_i
max \max_i x_i
min \min_i x_i
argmax \operatorname{arg\,max}_i x_i
argmin \operatorname{arg\,min}_i x_i
all \bigwedge_i x_i
any \bigvee_i x_i
cumsum y_i = \sum_{j \le i} x_j
cumprod y_i = \prod_{j \le i} x_j
broadcast_to y_{ij} = x_j
alloc y_{ij} = x
arange y_i = a + i \, s \quad (\text{from } a \text{ in steps of } s)
eye y_{ij} = [j = i + k]
take y_{ij} = x_{k_i, j} \quad (k \text{ are the indices})
repeat y_{ij} = x_{i, \lfloor j / n \rfloor} \quad (n \text{ times})
tile y_{ij} = x_{i, j - m \lfloor j / m \rfloor} \quad (x \text{ of } m \text{ columns})
diag y_i = x_{ii}
tril y_{ij} = [j \le i] \, x_{ij}
dot z_{ij} = \sum_k x_{ik} \, y_{kj}
matmul z_{nij} = \sum_k x_{nik} \, y_{nkj}
tensordot z_{ij} = \sum_k x_{ki} \, y_{jk} \quad (\text{over axis 0 of x and axis 1 of y})
batched_tensordot z_n = \sum_k x_{nk} \, y_{nk}
batched_dot z_{nij} = \sum_k x_{nik} \, y_{nkj}
outer z_{ij} = x_i \, y_j
trace \sum_i x_{ii}
matrix_norm \sqrt{\sum_{i, j} x_{ij}^2}
matrix_dot a b a
det \det a
slogdet (\operatorname{sgn}(\det a), \ln |\det a|)
matrix_inverse a^{-1}
matrix_power a^n
solve y \text{ with } a y = b
solve_triangular y \text{ with } a y = b
tensorsolve y \text{ with } a y = b
tensorinv a^{-1}
lstsq y \text{ with } a^\top a y = a^\top b
pinv p \text{ with } a p a = a
qr Q, R \text{ with } a = Q R
eig w, v \text{ with } a v = v \operatorname{diag}(w)
eigh w, v \text{ with } a v = v \operatorname{diag}(w)
svd U, s, V \text{ with } a = U \operatorname{diag}(s) V
cholesky L \text{ with } a = L L^\top
expm e^a = \sum_{k=0}^\infty \frac{a^k}{k!}
kron z_{ip + r, jq + s} = x_{ij} \, y_{rs} \quad (y \text{ of } p \times q)
conv2d y_{nfij} = \sum_{c, u, v} x_{n, c, i + U - 1 - u, j + V - 1 - v} \, w_{fcuv}
  \quad (w \text{ of } U \times V)
conv2d_transpose y_{nckl} = \sum_{f, i, j} x_{nfij} \, w_{f, c, i + U - 1 - k, j + V - 1 - l}
  \quad (w \text{ of } U \times V)
conv2d_grad_wrt_inputs y_{nckl} = \sum_{f, i, j} \mathrm{g\_out}_{nfij} \,
  w_{f, c, i + U - 1 - k, j + V - 1 - l}
  \quad (w \text{ of } U \times V)
conv2d_grad_wrt_weights y_{fcuv} = \sum_{n, i, j} \mathrm{g\_out}_{nfij} \,
  x_{n, c, i + U - 1 - u, j + V - 1 - v}
  \quad (y \text{ of } U \times V)
conv3d y_{nfhij} = \sum_{c, t, u, v} x_{n, c, h + T - 1 - t, i + U - 1 - u, j + V - 1 - v}
  \allowbreak w_{fctuv}
  \quad (w \text{ of } T \times U \times V)
separable_conv2d y_{nfij} = \sum_c \mathrm{pointwise}_{f, c, 0, 0} \, z_{ncij} \quad\text{with }
  z_{ncij} = \sum_{u, v} x_{n, c, i + U - 1 - u, j + V - 1 - v} \allowbreak \mathrm{depthwise}_{c, 0, u, v}
causal_conv1d y_{nft} = \sum_{c, u} x_{n, c, t - u} \, w_{fcu}
pool_2d y_{ncij} = \max_{u < U} \max_{v < V} x_{n, c, i U + u, j V + v} \quad (\text{pools of } U \times V)
rfft y_{n, k, 0} = \sum_t x_{nt} \cos \frac{2 \pi k t}{N}
  \quad y_{n, k, 1} = - \sum_t x_{nt} \sin \frac{2 \pi k t}{N}
to_one_hot z_{ij} = [y_i = j]
softmax y_{ij} = \frac{e^{x_{ij}}}{\sum_k e^{x_{ik}}}
logsoftmax y_{ij} = x_{ij} - \ln \sum_k e^{x_{ik}}
relu \max(x, 0)
elu \begin{cases} x & x > 0 \\ \alpha (e^x - 1) & \text{else} \end{cases}
selu 1.0507 \begin{cases} x & x > 0 \\ 1.67326 \, (e^x - 1) & \text{else} \end{cases}
hard_sigmoid \min(\max(0.2 x + 0.5, 0), 1)
softsign \frac{x}{1 + |x|}
binary_crossentropy -t \ln p - (1 - t) \ln(1 - p)
sigmoid_binary_crossentropy -t \ln \sigma(x) - (1 - t) \ln(1 - \sigma(x))
categorical_crossentropy y_n = -\ln p_{n, t_n}
batch_normalization_train y_{ij} = \gamma_j \frac{x_{ij} - \mu_j}{\sqrt{v_j + \varepsilon}} + \beta_j
  \quad\text{with } \mu_j = \frac{1}{N} \sum_i x_{ij} \quad v_j = \frac{1}{N} \sum_i (x_{ij} - \mu_j)^2
batch_normalization_test y_{ij} = \gamma_j \frac{x_{ij} - \mu_j}{\sqrt{v_j + \varepsilon}} + \beta_j
  \quad\text{with } \mu_j = \mathrm{mean}_j \quad v_j = \mathrm{var}_j
"""

FORMULAS = dict(line.split(" ", 1) for line in _LINES.strip().replace("\n  ", " ").splitlines())

_S = r"\quad\text{with } s_{ij} = \frac{e^{x_{ij}}}{\sum_k e^{x_{ik}}}"
#: gradients that are operations of their own, whose names say little: by which operand, and what
GRADIENTS = {
    "softmax": (
        "x",
        r"\frac{\partial}{\partial x_{ij}} = s_{ij} \Bigl( g_{ij} - \sum_k g_{ik} \, s_{ik} \Bigr) " + _S,
    ),
    "logsoftmax": ("x", r"\frac{\partial}{\partial x_{ij}} = g_{ij} - s_{ij} \sum_k g_{ik} " + _S),
    "conv2d": (
        "w",
        r"\frac{\partial}{\partial w_{fcuv}} = \sum_{n, i, j} g_{nfij} \, "
        r"x_{n, c, i + U - 1 - u, j + V - 1 - v} \quad (w \text{ of } U \times V)",
    ),
}
