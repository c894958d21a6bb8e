"""Runs ONNX models: by onnxruntime, or, where it has no kernel for a dtype, by onnx's own reference."""

from __future__ import annotations

import warnings

import numpy as np
import onnxruntime
from onnx.reference import ReferenceEvaluator

onnxruntime.set_default_logger_severity(4)
_OPTIONS = onnxruntime.SessionOptions()
_OPTIONS.intra_op_num_threads = 1
_OPTIONS.log_severity_level = 4


def run(model, arrays):
    """The outputs of a model for its inputs in their order."""
    names = [v.name for v in model.graph.input]
    feed = dict(zip(names, arrays, strict=True))
    try:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), _OPTIONS, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        if "NOT_IMPLEMENTED" not in str(error):
            raise
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [np.asarray(a) for a in ReferenceEvaluator(model).run(None, feed)]
    return session.run(None, feed)
