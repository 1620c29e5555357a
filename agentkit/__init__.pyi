"""What `import agentkit` offers, for type checkers."""

from agentkit.agent import Agent as Agent
from agentkit.approvals import Approve as Approve
from agentkit.approvals import PendingCall as PendingCall
from agentkit.buckets import BatchStorage as BatchStorage
from agentkit.budget import Budget as Budget
from agentkit.classification import Classification as Classification
from agentkit.errors import AgentkitError as AgentkitError
from agentkit.errors import ConfigurationError as ConfigurationError
from agentkit.errors import ToolError as ToolError
from agentkit.events import Event as Event
from agentkit.loop import fork as fork
from agentkit.media import Audio as Audio
from agentkit.media import Document as Document
from agentkit.media import Image as Image
from agentkit.media import Uploaded as Uploaded
from agentkit.media import Video as Video
from agentkit.messages import AssistantMessage as AssistantMessage
from agentkit.messages import Message as Message
from agentkit.messages import Text as Text
from agentkit.messages import ToolCall as ToolCall
from agentkit.messages import UserMessage as UserMessage
from agentkit.messages import messages_from_json as messages_from_json
from agentkit.messages import messages_to_json as messages_to_json
from agentkit.models import Ask as Ask
from agentkit.models import Deny as Deny
from agentkit.models import Middleware as Middleware
from agentkit.models import Model as Model
from agentkit.output import Output as Output
from agentkit.policies.cache import cached as cached
from agentkit.policies.fallback import fallback as fallback
from agentkit.policies.limits import limited as limited
from agentkit.prices import PriceBook as PriceBook
from agentkit.providers import model as model
from agentkit.redaction import Redaction as Redaction
from agentkit.result import Result as Result
from agentkit.settings import Deadlines as Deadlines
from agentkit.settings import Settings as Settings
from agentkit.stream import RunStream as RunStream
from agentkit.tasks.batch import BatchResults as BatchResults
from agentkit.tasks.batch import Classify as Classify
from agentkit.tasks.batch import Embed as Embed
from agentkit.tasks.batch import GenerateImage as GenerateImage
from agentkit.tasks.batch import Transcribe as Transcribe
from agentkit.tasks.batch import batch as batch
from agentkit.tasks.batch import batch_sync as batch_sync
from agentkit.tasks.classify import Classifications as Classifications
from agentkit.tasks.classify import classify as classify
from agentkit.tasks.classify import classify_sync as classify_sync
from agentkit.tasks.embed import Embeddings as Embeddings
from agentkit.tasks.embed import embed as embed
from agentkit.tasks.embed import embed_sync as embed_sync
from agentkit.tasks.generate_image import GeneratedImages as GeneratedImages
from agentkit.tasks.generate_image import generate_image as generate_image
from agentkit.tasks.generate_image import generate_image_sync as generate_image_sync
from agentkit.tasks.transcribe import Transcription as Transcription
from agentkit.tasks.transcribe import transcribe as transcribe
from agentkit.tasks.transcribe import transcribe_sync as transcribe_sync
from agentkit.tools import Context as Context
from agentkit.tools import Tool as Tool
from agentkit.tools import tool as tool
from agentkit.toolsets import Toolset as Toolset
from agentkit.usage import Cost as Cost
from agentkit.usage import Usage as Usage

__all__ = [
    "Agent",
    "AgentkitError",
    "Approve",
    "Ask",
    "AssistantMessage",
    "Audio",
    "BatchResults",
    "BatchStorage",
    "Budget",
    "Classification",
    "Classifications",
    "Classify",
    "ConfigurationError",
    "Context",
    "Cost",
    "Deadlines",
    "Deny",
    "Document",
    "Embed",
    "Embeddings",
    "Event",
    "GenerateImage",
    "GeneratedImages",
    "Image",
    "Message",
    "Middleware",
    "Model",
    "Output",
    "PendingCall",
    "PriceBook",
    "Redaction",
    "Result",
    "RunStream",
    "Settings",
    "Text",
    "Tool",
    "ToolCall",
    "ToolError",
    "Toolset",
    "Transcribe",
    "Transcription",
    "Uploaded",
    "Usage",
    "UserMessage",
    "Video",
    "batch",
    "batch_sync",
    "cached",
    "classify",
    "classify_sync",
    "embed",
    "embed_sync",
    "fallback",
    "fork",
    "generate_image",
    "generate_image_sync",
    "limited",
    "messages_from_json",
    "messages_to_json",
    "model",
    "tool",
    "transcribe",
    "transcribe_sync",
]
