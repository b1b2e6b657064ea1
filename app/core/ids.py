"""The ids of rows, told apart by type."""

from typing import NewType
from uuid import UUID

AccountId = NewType("AccountId", UUID)
WorkspaceId = NewType("WorkspaceId", UUID)
AuthSessionId = NewType("AuthSessionId", UUID)
ApiKeyId = NewType("ApiKeyId", UUID)
FlowId = NewType("FlowId", UUID)
FlowRunId = NewType("FlowRunId", UUID)
ConversationId = NewType("ConversationId", UUID)
MessageId = NewType("MessageId", UUID)
