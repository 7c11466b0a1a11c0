"""A model and pictures to a measurement: values, times and memory, or the reason why not."""

from lookalike.measuring.measurement import Measurement, Task, Times
from lookalike.measuring.subject import Subject
from lookalike.measuring.timing import Effort, Timing

__all__ = ["Effort", "Measurement", "Subject", "Task", "Times", "Timing"]
