"""Every table. Importing this module fills `SQLModel.metadata`."""

from app.models.accounts import Account, Membership, Workspace
from app.models.api_keys import ApiKey
from app.models.auth_sessions import AuthSession, EnterCode, RefreshToken
from app.models.blobs import Blob, FlowRunBlob
from app.models.conversations import Conversation, Message
from app.models.credentials import Credential
from app.models.flow_runs import FlowRun, FlowRunEvent
from app.models.flow_schedules import FlowSchedule
from app.models.flow_waits import FlowSignal, FlowWait
from app.models.flows import Flow, FlowEdit, FlowSnapshot, FlowVersion
from app.models.kept_results import KeptResult
from app.models.spending import Spending

__all__ = [
    "Account",
    "ApiKey",
    "AuthSession",
    "Blob",
    "Conversation",
    "Credential",
    "EnterCode",
    "Flow",
    "FlowEdit",
    "FlowRun",
    "FlowRunBlob",
    "FlowRunEvent",
    "FlowSchedule",
    "FlowSignal",
    "FlowSnapshot",
    "FlowVersion",
    "FlowWait",
    "KeptResult",
    "Membership",
    "Message",
    "RefreshToken",
    "Spending",
    "Workspace",
]
