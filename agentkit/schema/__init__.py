"""Annotations and docstrings become JSON Schema; arguments are validated; each provider gets the dialect it accepts.

`function.py` compiles callables, `raw.py` JSON Schemas that came from elsewhere, `output.py` result types. They give
one neutral schema (draft 2020-12), which `dialects.py` rewrites per provider with a report of what was changed.
"""
