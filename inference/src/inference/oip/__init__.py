"""The Open Inference Protocol's documents, which REST and gRPC share."""
