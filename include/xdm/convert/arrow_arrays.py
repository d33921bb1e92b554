"""Create Arrow arrays from numpy arrays and bytes, without a Python object for each value.

``pa.array`` is not used, because it imports pandas for a numpy array.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    Integers = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]


def is_utf8(data: bytes) -> bool:
    """Return whether bytes are valid UTF-8."""
    import numpy as np
    import pyarrow as pa

    if data.isascii():
        return True
    offsets = pa.py_buffer(np.array([0, len(data)], np.int32))
    try:
        pa.StringArray.from_buffers(1, offsets, pa.py_buffer(data)).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def gather_texts(data: bytes, starts: Integers, stops: Integers) -> pa.Array:
    """Return the texts between the offsets ``starts`` and ``stops`` of ``data`` as an Arrow array.

    The offsets are ascending, and the texts do not overlap.
    """
    import numpy as np

    return pieces(data, starts, stops).take(numbers(np.arange(0, 2 * len(starts), 2, dtype=np.int32)))


def pieces(data: bytes, starts: Integers, stops: Integers) -> pa.Array:
    """Return texts of ``data`` as an Arrow array without copying them: element 2n is text n, the others are the gaps.

    ``starts``, ``stops``: as in ``gather_texts``.
    """
    import numpy as np
    import pyarrow as pa

    if not len(starts):
        return pa.nulls(0, pa.string())
    bounds = np.empty(2 * len(starts), np.int32)
    bounds[0::2], bounds[1::2] = starts, stops
    return pa.StringArray.from_buffers(len(bounds) - 1, pa.py_buffer(bounds), pa.py_buffer(data))


def numbers(values: npt.NDArray[np.number], is_valid: Flags | None = None) -> pa.Array:
    """Convert a numpy array of numbers to an Arrow array; ``is_valid``: false where the result is null."""
    import numpy as np
    import pyarrow as pa

    bits = None if is_valid is None else pa.py_buffer(np.packbits(is_valid, bitorder="little"))
    kind = pa.from_numpy_dtype(values.dtype)
    return pa.Array.from_buffers(kind, len(values), [bits, pa.py_buffer(np.ascontiguousarray(values))])


def booleans(values: Flags, is_valid: Flags | None = None) -> pa.Array:
    """Convert a numpy array of booleans to an Arrow array; ``is_valid``: false where the result is null."""
    import numpy as np
    import pyarrow as pa

    bits = [
        None if each is None else pa.py_buffer(np.packbits(each, bitorder="little"))
        for each in (is_valid, values)
    ]
    return pa.Array.from_buffers(pa.bool_(), len(values), bits)
