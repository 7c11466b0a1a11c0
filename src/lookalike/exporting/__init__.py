"""An encoder to one ONNX file."""

from lookalike.exporting.export import export
from lookalike.exporting.exported import Exported
from lookalike.exporting.form import FORMS, Form

__all__ = ["FORMS", "Exported", "Form", "export"]
