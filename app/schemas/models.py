"""Language models as the API and the editor list them."""

from pydantic import BaseModel, ConfigDict, Field


class ModelInfo(BaseModel):
    """One model. Costs are USD per million tokens, `context` is in tokens; None where nobody knows.

    `available` says that this instance has what the provider needs (a key in its environment).
    """

    model_config = ConfigDict(frozen=True)

    id: str
    label: str
    provider: str
    demo: bool = False
    available: bool = False
    input_cost: float | None = None
    output_cost: float | None = None
    context: int | None = None
    max_output: int | None = None
    tools: bool = False
    json_schema: bool = False
    vision: bool = False


class ModelList(BaseModel):
    """A page of models. `total` counts all that fit the filters."""

    model_config = ConfigDict(frozen=True)

    models: tuple[ModelInfo, ...] = Field(default=())
    total: int = 0
    providers: tuple[str, ...] = ()
