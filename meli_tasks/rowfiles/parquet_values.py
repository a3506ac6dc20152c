"""The values of a Parquet column: as text, as titles and categories are read, and as they are copied to other formats.

Dates and times become text in Arrow: Python has no nanoseconds, no year 10,000, and not every time zone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from meli_tasks.rowfiles.values import text_or_base64


def plain_type(type_: pa.DataType) -> pa.DataType:
    """The type of the values, without the dictionary or the extension around it."""
    if pa.types.is_dictionary(type_):
        return plain_type(type_.value_type)
    return plain_type(type_.storage_type) if isinstance(type_, pa.BaseExtensionType) else type_


def is_text(type_: pa.DataType) -> bool:
    """Whether values of a type can be titles: text, bytes, numbers and dates can."""
    plain = plain_type(type_)
    return not (pa.types.is_nested(plain) or pa.types.is_boolean(plain) or pa.types.is_duration(plain))


def texts_of(column: pa.Array) -> list[str | None]:
    """A column as text: bytes that are not UTF-8 as lone surrogates, None for null, NaN and infinity."""
    values = _unpacked(column)
    if pa.types.is_floating(values.type):
        finite: list[bool] = np.isfinite(_floats(values)).tolist()
        return [str(value) if is_finite else None for value, is_finite in zip(_numbers(values), finite, strict=True)]
    if pa.types.is_decimal(values.type):
        return [None if value is None else format(value, "f") for value in values.to_pylist()]
    return _texts(_dates_as_text(values))


def values_of(column: pa.Array) -> tuple[Sequence[object], int]:
    """A column as objects that JSON can hold, or that `values` writes; and how many of them are base64."""
    values = _unpacked(column)
    if _is_bytes(values.type):
        return _bytes_as_text(values.cast(pa.large_binary()).to_pylist())
    if pa.types.is_floating(values.type):
        return _numbers(values), 0
    if pa.types.is_temporal(values.type) and not pa.types.is_duration(values.type):
        return _texts(_dates_as_text(values)), 0
    if not pa.types.is_nested(values.type):
        texts: Sequence[object] = _texts(values) if _is_string(values.type) else values.to_pylist()
        return texts, 0
    try:
        found: list[object] = values.to_pylist()
    except UnicodeDecodeError:  # as bytes, each of which is then text or not
        found = values.cast(_with_bytes(values.type)).to_pylist()
    return _without_bytes(found)


def _unpacked(column: pa.Array) -> pa.Array:
    if isinstance(column, pa.ExtensionArray):
        return _unpacked(column.storage)
    return _unpacked(column.dictionary_decode()) if pa.types.is_dictionary(column.type) else column


def _is_string(type_: pa.DataType) -> bool:
    return any(is_one(type_) for is_one in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view))


def _is_bytes(type_: pa.DataType) -> bool:
    binary = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary, pa.types.is_binary_view)
    return any(is_one(type_) for is_one in binary)


def _texts(values: pa.Array) -> list[str | None]:
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        try:
            texts: list[str | None] = values.to_pylist()
        except UnicodeDecodeError:
            pass
        else:
            return texts  # in half the time
    raw: list[bytes | None]
    raw = (
        (values if _is_bytes(values.type) else values.cast(pa.large_string(), safe=False))
        .cast(pa.large_binary())
        .to_pylist()
    )
    # Arrow trusts its writers to write UTF-8; some should not have been trusted.
    return [None if value is None else value.decode("utf-8", "surrogateescape") for value in raw]


def _with_bytes(type_: pa.DataType) -> pa.DataType:
    """A nested type with bytes in the place of text."""
    if pa.types.is_list(type_):
        return pa.list_(_with_bytes(type_.value_type))
    if pa.types.is_large_list(type_):
        return pa.large_list(_with_bytes(type_.value_type))
    if pa.types.is_fixed_size_list(type_):
        return pa.list_(_with_bytes(type_.value_type), type_.list_size)
    if pa.types.is_map(type_):
        return pa.map_(_with_bytes(type_.key_type), _with_bytes(type_.item_type))
    if pa.types.is_struct(type_):
        return pa.struct([(field.name, _with_bytes(field.type)) for field in type_])
    return pa.large_binary() if _is_string(type_) else type_


def _without_bytes(values: list[object]) -> tuple[list[object], int]:
    """Nested values with text or base64 in the place of bytes; and how many of them are base64."""
    count = 0

    def plain(value: object) -> object:
        nonlocal count
        if isinstance(value, bytes):
            text, encoded = text_or_base64(value)
            count += encoded
            return text
        if isinstance(value, dict):
            return {name: plain(item) for name, item in value.items()}
        return list(map(plain, value)) if isinstance(value, list | tuple) else value

    return list(map(plain, values)), count


def _bytes_as_text(values: Sequence[bytes | None]) -> tuple[list[str | None], int]:
    found = [(None, False) if value is None else text_or_base64(value) for value in values]
    return [text for text, _ in found], sum(encoded for _, encoded in found)


def _floats(values: pa.Array) -> np.ndarray[tuple[int], np.dtype[np.floating]]:
    """Floats of any width, NaN for null."""
    array: np.ndarray[tuple[int], np.dtype[np.floating]] = values.to_numpy(zero_copy_only=False)
    return array


def _numbers(values: pa.Array) -> list[float | None]:
    """Floats as the shortest numbers that have their value: 0.1, and not the 0.10000000149011612 that float32 holds."""
    if pa.types.is_float64(values.type):
        numbers: list[float | None] = values.to_pylist()
        return numbers
    valid = values.is_valid().to_pylist()
    return [float(str(number)) if known else None for number, known in zip(_floats(values), valid, strict=True)]


def _dates_as_text(values: pa.Array) -> pa.Array:
    """Dates and times as text, without a fraction if all are whole seconds; other columns are left as they are."""
    if not pa.types.is_temporal(values.type) or pa.types.is_duration(values.type):
        return values
    if pa.types.is_timestamp(values.type):
        values = _whole_seconds(values, pa.timestamp("s", values.type.tz))
        try:
            return values.cast(pa.string())
        except pa.ArrowInvalid:  # a time zone that this machine does not know: the same points in time in UTC
            return values.cast(pa.timestamp(values.type.unit, "UTC")).cast(pa.string())
    if pa.types.is_time(values.type):
        values = _whole_seconds(values, pa.time32("s"))
    return values.cast(pa.string())


def _whole_seconds(values: pa.Array, seconds: pa.DataType) -> pa.Array:
    try:
        return values.cast(seconds)
    except pa.ArrowInvalid:  # it would lose fractions
        return values
