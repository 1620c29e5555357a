"""Every name that spans and metrics bear, once.

They follow the OpenTelemetry GenAI conventions as of November 2026 (schema 1.42.0 of their new home), where they still
change; that is why none is taken from a package.
"""

from __future__ import annotations

SCOPE_NAME = "agentkit"
SCHEMA_URL = "https://opentelemetry.io/schemas/gen-ai/1.42.0"

INVOKE_AGENT = "invoke_agent"
EXECUTE_TOOL = "execute_tool"
CHAT = "chat"
GENERATE_CONTENT = "generate_content"
EMBEDDINGS = "embeddings"

OPERATION_NAME = "gen_ai.operation.name"
PROVIDER_NAME = "gen_ai.provider.name"
AGENT_NAME = "gen_ai.agent.name"
AGENT_DESCRIPTION = "gen_ai.agent.description"
CONVERSATION_ID = "gen_ai.conversation.id"
OUTPUT_TYPE = "gen_ai.output.type"
EMBEDDINGS_DIMENSIONS = "gen_ai.embeddings.dimension.count"
REQUEST_MODEL = "gen_ai.request.model"
REQUEST_STREAM = "gen_ai.request.stream"
REQUEST_MAX_TOKENS = "gen_ai.request.max_tokens"
REQUEST_TEMPERATURE = "gen_ai.request.temperature"
REQUEST_TOP_P = "gen_ai.request.top_p"
REQUEST_STOP_SEQUENCES = "gen_ai.request.stop_sequences"
REQUEST_SEED = "gen_ai.request.seed"
REQUEST_REASONING_LEVEL = "gen_ai.request.reasoning.level"
RESPONSE_ID = "gen_ai.response.id"
RESPONSE_MODEL = "gen_ai.response.model"
RESPONSE_FINISH_REASONS = "gen_ai.response.finish_reasons"
RESPONSE_TIME_TO_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
USAGE_INPUT = "gen_ai.usage.input_tokens"
USAGE_OUTPUT = "gen_ai.usage.output_tokens"
USAGE_CACHE_READ = "gen_ai.usage.cache_read.input_tokens"
USAGE_CACHE_WRITE = "gen_ai.usage.cache_write.input_tokens"
USAGE_CACHE_CREATION = "gen_ai.usage.cache_creation.input_tokens"
"""The name of USAGE_CACHE_WRITE in 1.41.1, which some readers still know alone; both are written."""
USAGE_REASONING = "gen_ai.usage.reasoning.output_tokens"
SYSTEM_INSTRUCTIONS = "gen_ai.system_instructions"
INPUT_MESSAGES = "gen_ai.input.messages"
OUTPUT_MESSAGES = "gen_ai.output.messages"
TOOL_DEFINITIONS = "gen_ai.tool.definitions"
TOOL_NAME = "gen_ai.tool.name"
TOOL_TYPE = "gen_ai.tool.type"
TOOL_DESCRIPTION = "gen_ai.tool.description"
TOOL_CALL_ID = "gen_ai.tool.call.id"
TOOL_CALL_ARGUMENTS = "gen_ai.tool.call.arguments"
TOOL_CALL_RESULT = "gen_ai.tool.call.result"
TOKEN_MODALITY = "gen_ai.token.modality"  # noqa: S105 - a name, not a secret
OPENAI_API_TYPE = "openai.api.type"
OPENAI_REQUEST_SERVICE_TIER = "openai.request.service_tier"
OPENAI_RESPONSE_SERVICE_TIER = "openai.response.service_tier"
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"
ERROR_TYPE = "error.type"
EXCEPTION_EVENT = "exception"
EXCEPTION_TYPE = "exception.type"
EXCEPTION_MESSAGE = "exception.message"
EXCEPTION_STACKTRACE = "exception.stacktrace"

OWN_PREFIX = "agentkit."
"""What `note` puts before its keys."""
ATTEMPTS = "agentkit.attempts"
ATTEMPT = "agentkit.attempt"
ATTEMPT_FAILED_EVENT = "agentkit.attempt_failed"
REQUEST_ID = "agentkit.request_id"
RETRY_WAIT_SECONDS = "agentkit.retry_wait_seconds"
LIMIT = "agentkit.limit"
LIMIT_WAIT_EVENT = "agentkit.limit_waited"
LIMIT_WAIT_SECONDS = "agentkit.limit_wait_seconds"
WAIT_SECONDS = "agentkit.wait_seconds"
COST_USD = "agentkit.cost_usd"

INFERENCE_DURATION = "gen_ai.client.inference.duration"
INFERENCE_TIME_TO_FIRST_CHUNK = "gen_ai.client.inference.time_to_first_chunk"
INFERENCE_USAGE = "gen_ai.client.inference.usage."
OPERATION_DURATION = "gen_ai.client.operation.duration"
INVOKE_AGENT_DURATION = "gen_ai.invoke_agent.duration"
INVOKE_AGENT_INFERENCE_CALLS = "gen_ai.invoke_agent.inference_calls"
INVOKE_AGENT_TOOL_CALLS = "gen_ai.invoke_agent.tool_calls"
EXECUTE_TOOL_DURATION = "gen_ai.execute_tool.duration"

CAPTURE_CONTENT_VARIABLE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"

# Bucket boundaries, as the conventions advise.
INFERENCE_SECONDS = tuple(0.01 * 2**power for power in range(14))
AGENT_SECONDS = tuple(0.1 * 2**power for power in range(13))
CALL_COUNTS = tuple(float(2**power) for power in range(8))
