from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.features.whisper.models import SMALL, random_state
from voxaffect.features.whisper.encoder import Encoder
from voxaffect.features.whisper.precision import (
    PRODUCTS,
    Int8Product,
    Precision,
    quantize_rows,
    scale_back,
)


def matrix(n: int, k: int, seed: int = 0) -> Tensor:
    return torch.randn(n, k, generator=torch.Generator().manual_seed(seed))


def apply(product: nn.Module, x: Tensor) -> Tensor:
    with torch.inference_mode():
        values: Tensor = product(x)
    return values.float()


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-6), ("bfloat16", 0.01)])
def test_products_are_those_of_float64(precision: Precision, tolerance: float) -> None:
    x, weight, bias = matrix(7, 96), matrix(64, 96, 1), matrix(1, 64, 2)[0]
    exact = x.double() @ weight.double().T + bias
    found = apply(PRODUCTS[precision](weight, bias), x)
    assert float((found - exact).abs().max() / exact.abs().max()) < tolerance


def test_int8_products_are_exact_but_for_the_rounding_of_both_factors() -> None:
    x, weight, bias = matrix(7, 96), matrix(64, 96, 1), matrix(1, 64, 2)[0]
    steps = [one.abs().amax(dim=1, keepdim=True).double() / 127 for one in (x, weight)]
    rounded = [torch.round(one / step) * step for one, step in zip((x, weight), steps, strict=True)]
    exact = rounded[0] @ rounded[1].T + bias
    found = apply(Int8Product(weight, bias), x)
    np.testing.assert_allclose(found, exact, atol=0.02)  # a half may be rounded either way
    assert float((found - exact).abs().median()) < 1e-5
    assert float((found - (x @ weight.T + bias)).abs().max()) < 0.5


def test_a_rows_int8_products_do_not_depend_on_other_rows() -> None:
    product = Int8Product(matrix(64, 96, 1), matrix(1, 64, 2)[0])
    x = matrix(40, 96)
    x[3] *= 1000
    together = apply(product, x)
    for i in (0, 3, 39):
        np.testing.assert_array_equal(together[i], apply(product, x[i : i + 1])[0])


def test_zeros_stay_zero() -> None:
    product = Int8Product(torch.zeros(16, 32), torch.zeros(16))
    assert not apply(product, torch.zeros(2, 32)).any()
    assert not apply(product, matrix(2, 32)).any()


def test_compiled_loops_are_what_they_say() -> None:
    x = np.array([[0.0, -2.0, 1.0], [0.1, 0.05, -0.001]], np.float32)
    rows, scales = np.empty(x.shape, np.int8), np.empty(2, np.float32)
    quantize_rows(x, x.view(np.int32), rows, scales)
    np.testing.assert_array_equal(rows, [[0, -127, 64], [127, 64, -1]])
    np.testing.assert_allclose(scales, [2 / 127, 0.1 / 127], rtol=1e-6)
    columns, bias = np.array([1, 2, 3], np.float32), np.array([0, 0, 1], np.float32)
    values = np.empty((2, 3), np.float32)
    scale_back(np.full((2, 3), 10, np.int32), scales, columns, bias, values)
    expected = scales[:, None] * 10 * columns + bias
    np.testing.assert_allclose(values, expected, rtol=1e-6)


@pytest.mark.parametrize(("precision", "tolerance"), [("bfloat16", 0.03), ("int8", 0.1)])
def test_states_are_near_those_of_float32(precision: Precision, tolerance: float) -> None:
    state = {name: one.float() for name, one in random_state().items()}
    mels = [matrix(2 * n, SMALL.n_mels, n) for n in (30, 100)]
    with torch.inference_mode():
        exact = torch.cat(Encoder(SMALL, state, 3)(mels))
        found = torch.cat(Encoder(SMALL, state, 3, PRODUCTS[precision])(mels))
    assert found.dtype == torch.float32
    error = (found - exact).square().mean().sqrt() / exact.std()
    assert 0 < float(error) < tolerance
