"""What works on this machine."""

from lookalike.diagnosis.doctor import Check, Diagnosis, doctor

__all__ = ["Check", "Diagnosis", "doctor"]
