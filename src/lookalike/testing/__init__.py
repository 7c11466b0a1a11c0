"""Conformance classes that any encoder or metric can be held against, ours and a plug-in's.

Subclass one in a test file, provide the object under test, and let pytest collect it::

    class TestMyEncoder(EncoderContract):
        def make_encoder(self):
            return lookalike.load_encoder("mine:net")
"""

from lookalike.testing.encoder_contract import EncoderContract
from lookalike.testing.metric_contract import MetricContract
from lookalike.testing.pictures import noise_picture, scene_picture

__all__ = ["EncoderContract", "MetricContract", "noise_picture", "scene_picture"]
