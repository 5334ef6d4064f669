"""The LSTM layer of one net, or of S nets of one shape at once: a stack.

    i, f, o = sigmoid(W x_t + U h_{t-1} + b),   g = tanh(W x_t + U h_{t-1} + b)
    c_t = f c_{t-1} + i g,   h_t = o tanh(c_t)          (Hochreiter & Schmidhuber 1997,
                                                        with the forget gate of Gers et al. 2000)

Two ways to the same numbers. One net after the other, by the library's own layer (oneDNN on a
processor, cuDNN on a graphics card), which is near the speed of the matrix products. Or all nets as
one, a frame at a time, with backpropagation through time written out: a graphics card spends such a
small step on launching kernels, and here S nets share the launches of one.

Axes: T frames, S nets, B sequences, F inputs, H cells. In memory the nets come first, so that what
a net reads or writes in all frames is one matrix; the caller sees time first.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

sigmoid_backward, tanh_backward = torch.ops.aten.sigmoid_backward, torch.ops.aten.tanh_backward


class LstmWeights(NamedTuple):
    """The weights of a layer of S nets; the 4 H rows are the gates i, f, g, o, as in PyTorch.

    Args:
        input: (S, 4 H, F).
        recurrent: (S, 4 H, H).
        input_bias: (S, 4 H).
        recurrent_bias: (S, 4 H).
    """

    input: Tensor
    recurrent: Tensor
    input_bias: Tensor
    recurrent_bias: Tensor


def lstm(x: Tensor, weights: LstmWeights) -> Tensor:
    """Hidden states of S nets, each on its own sequences, from an initial state of zero.

    Args:
        x: (T, S, B, F).
        weights: of the S nets, on the device of x.

    Returns:
        (T, S, B, H), of autocast's type where autocast is on; the nets' memory lies net by net.
    """
    return as_one(x, weights) if x.is_cuda and x.shape[1] > 1 else one_by_one(x, weights)


def one_by_one(x: Tensor, weights: LstmWeights) -> Tensor:
    """`lstm` by the library's own layer, net after net; of a single net nothing is copied."""
    if x.shape[1] == 1:
        return _from_zero(x.squeeze(1), [weight.squeeze(0) for weight in weights]).unsqueeze(1)
    nets = zip(*(weight.unbind(0) for weight in weights), strict=True)
    hidden = [_from_zero(own, list(net)) for own, net in zip(x.unbind(1), nets, strict=True)]
    return torch.stack(hidden).transpose(0, 1)


def as_one(x: Tensor, weights: LstmWeights) -> Tensor:
    """`lstm` with the products of the S nets batched and their gates computed together.

    A frame takes 7 kernels forwards and 4 on the way back; under autocast, where products are of
    another type than the states, 8 and 6. States and gradients of gates keep the weights' type.
    """
    n_cells = weights.recurrent.shape[2]
    dtype = _product_type(weights.recurrent)
    with torch.autocast(x.device.type, enabled=False):
        # The output gate goes to the front: o, i and f side by side are one sigmoid.
        W = weights.input.roll(n_cells, 1).to(dtype)
        U = weights.recurrent.roll(n_cells, 1).to(dtype)
        bias = (weights.input_bias + weights.recurrent_bias).roll(n_cells, 1)
        sequences = x.transpose(0, 1).to(dtype).contiguous()  # (S, T, B, F)
        hidden: Tensor = _Unrolled.apply(sequences, W, U, bias)  # type: ignore[no-untyped-call]
    return hidden.transpose(0, 1)


def _product_type(weight: Tensor) -> torch.dtype:
    """The type of a matrix product: autocast's where it is on, else the weight's own."""
    kind = weight.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else weight.dtype


def _from_zero(x: Tensor, weights: list[Tensor]) -> Tensor:
    """Hidden states (T, B, H) of one net on (T, B, F), from an initial state of zero."""
    zero = x.new_zeros(1, x.shape[1], weights[1].shape[1])  # (1, B, H)
    return library_layer(x, weights, zero, zero)[0]


def library_layer(
    x: Tensor, weights: list[Tensor], hidden: Tensor, cells: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The library's own layer of one net.

    Args:
        x: (T, B, F).
        weights: the four of `LstmWeights`, of this net.
        hidden: (1, B, H), from before the first frame.
        cells: likewise.

    Returns:
        hidden states (T, B, H) of all frames; hidden state and cells (1, B, H) after the last.
    """
    return torch.lstm(
        x,
        (hidden, cells),
        weights,
        has_biases=True,
        num_layers=1,
        dropout=0.0,
        train=torch.is_grad_enabled(),  # whether to keep what the way back needs
        bidirectional=False,
        batch_first=False,
    )


class _Unrolled(torch.autograd.Function):
    """The recurrence of S nets, and its way back through time.

    Products are of the type of x, W and U; states, gates and their gradients of the bias's.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, W: Tensor, U: Tensor, bias: Tensor) -> Tensor:
        """Hidden (S, T, B, H) of x (S, T, B, F) by W (S, 4 H, F), U (S, 4 H, H), bias (S, 4 H)."""
        S, T, B, _ = x.shape
        gates = bias[:, None].repeat(1, T * B, 1)
        _add_product(gates, x.flatten(1, 2), W.mT)
        gates = gates.view(S, T, B, -1)
        cells = bias.new_zeros(S, T + 1, B, U.shape[2])  # the initial state, then T frames
        hidden = torch.zeros_like(cells, dtype=U.dtype)
        _read(gates, cells, hidden, U.mT)
        ctx.save_for_backward(x, W, U, gates, cells, hidden)
        return hidden[:, 1:]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_output: Tensor) -> tuple[Tensor | None, Tensor, Tensor, Tensor]:
        """Gradients of x, W, U and bias from that of the hidden states, (S, T, B, H)."""
        x, W, U, gates, cells, hidden = ctx.saved_tensors
        d_hidden = torch.empty_like(cells[:, 1:]).copy_(d_output)
        slopes = _slopes(gates, cells)
        _read_back(slopes, d_hidden, gates, U)
        d_gates = slopes[..., 1:, :].flatten(3).flatten(1, 2)  # (S, T B, 4 H), a view
        with torch.autocast(x.device.type, enabled=False):
            factor = d_gates.to(U.dtype)
            d_x = torch.bmm(factor, W).view(x.shape) if ctx.needs_input_grad[0] else None
            d_W = torch.bmm(factor.mT, x.flatten(1, 2))
            d_U = torch.bmm(factor.mT, hidden[:, :-1].flatten(1, 2))
        return d_x, d_W, d_U, d_gates.sum(1)


def _read(gates: Tensor, cells: Tensor, hidden: Tensor, U: Tensor) -> None:
    """Go through time; the activated gates take the place of what the input gave them.

    Args:
        gates: W x + b of all frames, (S, T, B, 4 H) in the order o, i, f, g; overwritten.
        cells: (S, T + 1, B, H), zero before the first frame; filled.
        hidden: likewise.
        U: (S, H, 4 H).
    """
    gate, c, h = _frames(gates), _frames(cells), _frames(hidden)
    o, i, f, g = map(_frames, gates.chunk(4, 3))
    sigmoids = _frames(gates[..., : 3 * cells.shape[3]])
    squashed = torch.empty_like(c[0])
    for t in range(len(gate)):
        _add_product(gate[t], h[t], U)
        sigmoids[t].sigmoid_()
        g[t].tanh_()
        torch.mul(f[t], c[t], out=c[t + 1])
        c[t + 1].addcmul_(i[t], g[t])
        torch.tanh(c[t + 1], out=squashed)
        torch.mul(o[t], squashed, out=h[t + 1])


def _slopes(gates: Tensor, cells: Tensor) -> Tensor:
    """What a frame's gradients are per gradient of its h or c, known before the way back.

    Returns:
        (S, T, B, 5, H): dc / dh, do / dh, di / dc, df / dc and dg / dc, gates before activation.
    """
    o, i, f, g = gates.chunk(4, 3)
    squashed = cells[:, 1:].tanh()
    slopes = gates.new_empty(*o.shape[:3], 5, o.shape[3])
    dc, do, di, df, dg = slopes.unbind(3)
    tanh_backward(o, squashed, grad_input=dc)
    sigmoid_backward(squashed, o, grad_input=do)
    sigmoid_backward(g, i, grad_input=di)
    sigmoid_backward(cells[:, :-1], f, grad_input=df)
    tanh_backward(i, g, grad_input=dg)
    return slopes


def _read_back(slopes: Tensor, d_hidden: Tensor, gates: Tensor, U: Tensor) -> None:
    """Go back through time; the gradients of the cell and the gates take the place of the slopes.

    Args:
        slopes: (S, T, B, 5, H); overwritten.
        d_hidden: gradient of each frame's output, (S, T, B, H); gains that by way of later frames.
        gates: activated, (S, T, B, 4 H).
        U: (S, 4 H, H).
    """
    dh, dc, f = _frames(d_hidden), _frames(slopes[..., 0, :]), _frames(gates.chunk(4, 3)[2])
    d_gates = _frames(slopes[..., 1:, :].flatten(3))
    # The slopes that wait for dh, (S, B, 2, H), and for dc, (S, B, 3, H), and what they wait for.
    per_dh, per_dc = _frames(slopes[..., :2, :]), _frames(slopes[..., 2:, :])
    dh_for_each, dc_for_each = _frames(d_hidden[..., None, :]), _frames(slopes[..., :1, :])
    per_dh[-1].mul_(dh_for_each[-1])
    per_dc[-1].mul_(dc_for_each[-1])
    for t in reversed(range(len(dh) - 1)):
        _add_product(dh[t], d_gates[t + 1], U)
        per_dh[t].mul_(dh_for_each[t])
        dc[t].addcmul_(dc[t + 1], f[t + 1])
        per_dc[t].mul_(dc_for_each[t])


def _add_product(total: Tensor, a: Tensor, b: Tensor) -> None:
    """Add the S products a b, which run in the type of b, to the total in its own."""
    if total.dtype == b.dtype:
        total.baddbmm_(a, b)
    else:
        total.add_(torch.bmm(a.to(b.dtype), b))


def _frames(x: Tensor) -> tuple[Tensor, ...]:
    """Views (S, B, ...) of all frames at once; an index in the loop takes as long as a launch."""
    return x.unbind(1)
