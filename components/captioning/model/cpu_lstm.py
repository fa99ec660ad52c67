"""A CPU-optimized LSTM: only what depends on the previous step is computed step by step."""

from typing import Any

import keras
from keras import layers, ops


class CpuLSTM(layers.LSTM):
    """Keras's LSTM, with the same weights and results, and a loop optimized for CPUs.

    Keras computes and accumulates weight gradients at every step, in products with only as many
    rows as a batch has captions. Here the products that do not depend on an earlier step are
    computed once for the whole batch: those of the inputs before the loop, those of the weight
    gradients after it. The one product left in the loop has the weights on the left and captions as
    columns, which oneDNN computes about twice as fast. On a GPU, Keras's own loop is used, which is
    cuDNN's.
    """

    def inner_loop(
        self, sequences: Any, initial_state: Any, mask: Any, training: bool = False
    ) -> tuple[Any, Any, list[Any]]:
        """Returns the last output [B, U], all outputs [B, T, U], and the last state.

        Args:
            sequences: float [B, T, E].
            initial_state: Hidden and cell state, each float [B, U].
            mask: None; with a mask, Keras's own loop runs.
            training: Ignored: there is no dropout inside the loop.
        """
        if mask is not None or keras.distribution.list_devices("gpu"):
            return super().inner_loop(sequences, initial_state, mask=mask, training=training)
        kernel, recurrent, bias = (
            ops.cast(weights, self.compute_dtype)
            for weights in (self.cell.kernel, self.cell.recurrent_kernel, self.cell.bias)
        )
        inputs = ops.matmul(sequences, kernel) + bias  # [B, T, 4U]
        hidden, cell = (ops.transpose(state) for state in initial_state)  # [U, B]
        hiddens, last_cell = _recur(
            ops.transpose(inputs, (1, 2, 0)), ops.transpose(recurrent), hidden, cell
        )
        outputs = ops.transpose(hiddens, (2, 0, 1))  # [T, U, B] -> [B, T, U]
        return outputs[:, -1], outputs, [outputs[:, -1], ops.transpose(last_cell)]


@ops.custom_gradient
def _recur(inputs: Any, weights: Any, hidden: Any, cell: Any) -> Any:
    """Runs all steps (Hochreiter and Schmidhuber, 1997, with the forget gate of Gers et al., 2000).

    Args:
        inputs: float [T, 4U, B], the inputs' contributions to the pre-activations of the input,
            forget, candidate and output gates.
        weights: float [4U, U], the recurrent weights.
        hidden: float [U, B].
        cell: float [U, B].

    Returns:
        All hidden states [T, U, B] and the last cell state [U, B]; and the function that maps the
        gradients of these two to those of the arguments.
    """
    units = weights.shape[1]

    def step(carry: Any, step_inputs: Any) -> tuple[Any, Any]:
        hidden, cell = carry[:units], carry[units : 2 * units]
        gates = step_inputs + ops.matmul(weights, hidden)  # [4U, B]
        input_forget = ops.sigmoid(gates[: 2 * units])  # [2U, B]
        candidate = ops.tanh(gates[2 * units : 3 * units])
        output = ops.sigmoid(gates[3 * units :])
        cell = input_forget[units:] * cell + input_forget[:units] * candidate
        # A single tensor, because a scan's outputs must have the structure of its carry.
        carry = ops.concatenate([output * ops.tanh(cell), cell, input_forget, candidate, output])
        return carry, carry

    zeros = ops.zeros_like(inputs[0])
    start = ops.concatenate([hidden, cell, zeros])  # [6U, B]
    _, steps = ops.scan(step, start, inputs)  # [T, 6U, B]
    hiddens, last_cell = steps[:, :units], steps[-1, units : 2 * units]

    def gradient(*args: Any, upstream: Any = None) -> tuple[Any, Any, Any, Any]:
        grad_hiddens, grad_last_cell = args if upstream is None else upstream
        previous = ops.concatenate([start[None], steps[:-1]])  # [T, 6U, B]
        # [T, U, B] each
        _, cells, input_gate, forget, candidate, output = ops.split(steps, 6, axis=1)
        activated = ops.tanh(cells)
        # Local derivatives: of the cell state by each gate, of the hidden state by the output gate.
        derivatives = ops.concatenate(
            [
                candidate * input_gate * (1 - input_gate),
                previous[:, units : 2 * units] * forget * (1 - forget),
                input_gate * (1 - candidate * candidate),
                activated * output * (1 - output),
                output * (1 - activated * activated),
                forget,
                grad_hiddens,
            ],
            axis=1,
        )  # [T, 7U, B]
        transposed = ops.transpose(weights)  # [U, 4U]

        def step_back(carry: Any, local: Any) -> tuple[Any, Any]:
            *gates, by_cell, forget, grad_output = ops.split(local, 7)
            grad_hidden = ops.matmul(transposed, carry[: 4 * units]) + grad_output
            grad_cell = carry[4 * units :] + grad_hidden * by_cell
            grad_gates = [grad_cell * gates[0], grad_cell * gates[1], grad_cell * gates[2]]
            carry = ops.concatenate([*grad_gates, grad_hidden * gates[3], grad_cell * forget])
            return carry, carry

        end = ops.concatenate([zeros, grad_last_cell])  # [5U, B]
        first, steps_back = ops.scan(step_back, end, derivatives, reverse=True)  # [T, 5U, B]
        grad_inputs = steps_back[:, : 4 * units]
        # Summed over steps and captions at once: [4U, T * B] times [T * B, U].
        grad_weights = ops.einsum("tgb,tub->gu", grad_inputs, previous[:, :units])
        grad_hidden = ops.matmul(transposed, first[: 4 * units])
        return grad_inputs, grad_weights, grad_hidden, first[4 * units :]

    return (hiddens, last_cell), gradient
