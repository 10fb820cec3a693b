"""What every block of parameters has in common."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """A block of parameters: frozen, unknown keys refused. A key that params.yaml leaves out has
    the default of its class, where that has one, and is missing otherwise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
