"""Models and pictures to a table: which model should judge these pictures, and at what cost?"""

from lookalike.tables.identify import Identification, identify
from lookalike.tables.model_row import ModelRow, Separation
from lookalike.tables.model_table import ModelTable
from lookalike.tables.selection import Filters, select
from lookalike.tables.table import table

__all__ = [
    "Filters",
    "Identification",
    "ModelRow",
    "ModelTable",
    "Separation",
    "identify",
    "select",
    "table",
]
