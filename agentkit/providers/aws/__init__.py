"""AWS: Bedrock and SageMaker, signed by ourselves: no SDK."""
