"""What every block of parameters has in common."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """A block of parameters: frozen, every key required, unknown keys refused. Defaults stand in
    params.yaml.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
