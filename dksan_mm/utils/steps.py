# Copyright (c) DKSAN-MM contributors.
"""Steps of a data pipeline, by name or by number."""
from collections.abc import Mapping, Sequence
from typing import Any


def named_steps(pipeline: Sequence[Any] | Mapping[str, Any]) -> dict[str, Any]:
    """Return the steps of a pipeline in order, without empty ones.

    Args:
        pipeline (Sequence | Mapping): mmengine's list of configs or
            functions; or a dict of them, so that configs can change a step by
            its name. An empty step is a placeholder.

    Returns:
        dict[str, Any]: Steps by name; those of a list by number.
    """
    steps = pipeline if isinstance(pipeline, Mapping) else {
        str(number): step
        for number, step in enumerate(pipeline)
    }
    return {name: step for name, step in steps.items() if step}
