"""The training of the builtin encoder: from two archives and a teacher to one ONNX file.

Data walks ``pictures → teacher → learn → export → verdict → figures``; ``python -m
training.builtin --help`` shows the commands, ``docs/builtin.md`` what came out.
"""
