"""An LSTM loop for processors: only what must wait for the word before is done word by word."""

from typing import Any

import keras
from keras import layers, ops


class CpuLSTM(layers.LSTM):
    """Keras' LSTM, the same weights and numbers, with a loop that suits processors.

    Keras multiplies and sums weight gradients at every step, with as few rows as a batch has
    captions. Here the products that need no earlier step are done once for the whole batch: the
    inputs' before the loop, those of the weights' gradients after it. The one product left in the
    loop has the weights on the left and captions as columns, which oneDNN does about twice as
    fast. On a GPU Keras' own is kept, since that is cuDNN's.
    """

    def inner_loop(
        self, sequences: Any, initial_state: Any, mask: Any, training: bool = False
    ) -> tuple[Any, Any, list[Any]]:
        """Returns the last output [B, U], all outputs [B, T, U], and the last state.

        Args:
            sequences: float [B, T, E].
            initial_state: Hidden and cell state, each float [B, U].
            mask: None; with one, Keras' own loop runs.
            training: Of no effect: there is no dropout within.
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
    """Goes through all steps (Hochreiter and Schmidhuber, 1997, with the forget gate of 2000).

    Args:
        inputs: float [T, 4U, B], what the words say to input, forget, candidate and output gates.
        weights: float [4U, U].
        hidden: float [U, B].
        cell: float [U, B].

    Returns:
        All hidden states [T, U, B] and the last cell state [U, B]; and the function that takes
        the gradients of these two to those of the arguments.
    """
    units = weights.shape[1]

    def step(before: Any, said: Any) -> tuple[Any, Any]:
        hidden, cell = before[:units], before[units : 2 * units]
        gates = said + ops.matmul(weights, hidden)  # [4U, B]
        opened = ops.sigmoid(gates[: 2 * units])
        candidate = ops.tanh(gates[2 * units : 3 * units])
        output = ops.sigmoid(gates[3 * units :])
        cell = opened[units:] * cell + opened[:units] * candidate
        # One tensor, since what a scan emits must look like what it carries.
        after = ops.concatenate([output * ops.tanh(cell), cell, opened, candidate, output])
        return after, after

    nothing = ops.zeros_like(inputs[0])
    start = ops.concatenate([hidden, cell, nothing])  # [6U, B]
    _, steps = ops.scan(step, start, inputs)  # [T, 6U, B]
    hiddens, last_cell = steps[:, :units], steps[-1, units : 2 * units]

    def gradient(*args: Any, upstream: Any = None) -> tuple[Any, Any, Any, Any]:
        to_hiddens, to_last_cell = args if upstream is None else upstream
        before = ops.concatenate([start[None], steps[:-1]])  # [T, 6U, B]
        _, cells, entry, forget, candidate, output = ops.split(steps, 6, axis=1)  # [T, U, B] each
        bent = ops.tanh(cells)
        # What each gate does to the cell, the output gate to the hidden state.
        slopes = ops.concatenate(
            [
                candidate * entry * (1 - entry),
                before[:, units : 2 * units] * forget * (1 - forget),
                entry * (1 - candidate * candidate),
                bent * output * (1 - output),
                output * (1 - bent * bent),
                forget,
                to_hiddens,
            ],
            axis=1,
        )  # [T, 7U, B]
        back = ops.transpose(weights)  # [U, 4U]

        def step_back(after: Any, here: Any) -> tuple[Any, Any]:
            *gates, bend, kept, to_output = ops.split(here, 7)
            to_hidden = ops.matmul(back, after[: 4 * units]) + to_output
            to_cell = after[4 * units :] + to_hidden * bend
            to_gates = [to_cell * gates[0], to_cell * gates[1], to_cell * gates[2]]
            here = ops.concatenate([*to_gates, to_hidden * gates[3], to_cell * kept])
            return here, here

        end = ops.concatenate([nothing, to_last_cell])  # [5U, B]
        first, steps_back = ops.scan(step_back, end, slopes, reverse=True)  # [T, 5U, B]
        to_inputs = steps_back[:, : 4 * units]
        # Summed over steps and captions at once: [4U, T * B] times [T * B, U].
        to_weights = ops.einsum("tgb,tub->gu", to_inputs, before[:, :units])
        to_hidden = ops.matmul(back, first[: 4 * units])
        return to_inputs, to_weights, to_hidden, first[4 * units :]

    return (hiddens, last_cell), gradient
