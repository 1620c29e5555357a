"""Ready-made toolsets for agentkit, one a file; import the one you need.

from agentkit_tools.files import Files
from agentkit_tools.http import Http
"""
