# Copyright (c) DKSAN-MM contributors.
"""Steps of a data pipeline, by name or by number."""
from typing import Any, Dict, Mapping, Sequence, Union


def named_steps(
        pipeline: Union[Sequence[Any], Mapping[str, Any]]) -> Dict[str, Any]:
    """Return the steps of a pipeline in order, without empty ones.

    Args:
        pipeline (Sequence | Mapping): mmengine's list of configs or
            functions; or, so that configs can change a step by its name, a
            dict of them. An empty step keeps a place.

    Returns:
        dict[str, Any]: Steps by their names; those of a list are numbers.
    """
    steps = pipeline if isinstance(pipeline, Mapping) else {
        str(number): step
        for number, step in enumerate(pipeline)
    }
    return {name: step for name, step in steps.items() if step}
