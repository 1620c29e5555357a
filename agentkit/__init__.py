"""agentkit: Python functions become tools, an agent loop calls them through any model provider, traced at every step.

from agentkit import Agent, tool

@tool
def get_weather(city: str) -> str:
    '''Current weather for a city.'''
    return f"It is sunny in {city}."

agent = Agent("offline:", tools=[get_weather])
print(agent.run_sync("What is the weather in Paris?").output)
"""

from agentkit.agent import Agent
from agentkit.approvals import Approve, PendingCall
from agentkit.budget import Budget
from agentkit.errors import AgentkitError, ToolError
from agentkit.events import Event
from agentkit.loop import fork
from agentkit.media import Audio, Document, Image, Uploaded, Video
from agentkit.messages import (
    AssistantMessage,
    Message,
    Text,
    ToolCall,
    UserMessage,
    messages_from_json,
    messages_to_json,
)
from agentkit.model import Ask, Deny, Middleware, Model
from agentkit.output import Output
from agentkit.prices import PriceBook
from agentkit.providers import model
from agentkit.result import Result
from agentkit.settings import Deadlines, Settings
from agentkit.stream import RunStream
from agentkit.tools import Context, Tool, tool
from agentkit.toolsets import Toolset
from agentkit.usage import Cost, Usage

__all__ = [
    "Agent",
    "AgentkitError",
    "Approve",
    "Ask",
    "AssistantMessage",
    "Audio",
    "Budget",
    "Context",
    "Cost",
    "Deadlines",
    "Deny",
    "Document",
    "Event",
    "Image",
    "Message",
    "Middleware",
    "Model",
    "Output",
    "PendingCall",
    "PriceBook",
    "Result",
    "RunStream",
    "Settings",
    "Text",
    "Tool",
    "ToolCall",
    "ToolError",
    "Toolset",
    "Uploaded",
    "Usage",
    "UserMessage",
    "Video",
    "fork",
    "messages_from_json",
    "messages_to_json",
    "model",
    "tool",
]
