"""The formats of other servers: of TensorFlow Serving, KServe v1, MLflow, SageMaker, Vertex AI."""
