"""Models and pictures to a table: which model should judge these pictures, and at what cost?"""

from lookalike.tables.model_row import ModelRow, Separation
from lookalike.tables.model_table import ModelTable
from lookalike.tables.selection import Filters, select
from lookalike.tables.table import table
from lookalike.tables.timing import Effort, Timing

__all__ = [
    "Effort",
    "Filters",
    "ModelRow",
    "ModelTable",
    "Separation",
    "Timing",
    "select",
    "table",
]
