"""Strings, arrays and tensors; nothing here opens a file or a socket."""
