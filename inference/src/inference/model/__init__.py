"""One model: its contract, session and cost. The only room that imports onnxruntime."""
