# Copyright (c) DKSAN-MM contributors.
"""The request: models and frames. Imports nothing slow."""
import os.path as osp
from collections.abc import Sequence
from dataclasses import dataclass

from mmengine.config import Config, ConfigDict

from dksan_mm.cli import launch
from dksan_mm.cli.scales import set_dataset_scale
from dksan_mm.io.layout import HR_DIR, lr_dir
from dksan_mm.utils.errors import UserError

# Titles of pictures in the report that are not of a model.
RESERVED = ('HR', 'LR', 'paper')


@dataclass(frozen=True)
class ModelSpec:
    """A model of the comparison.

    Attributes:
        name (str): Name in tables and of its folder of frames.
        config (str): Path of its config.
        checkpoint (str | None): Path of its weights.
    """
    name: str
    config: str
    checkpoint: str | None = None


@dataclass(frozen=True)
class DataSpec:
    """The frames that every model restores.

    Attributes:
        root (str): Absolute path of a prepared data set.
        split (str): 'train', 'val' or 'test'.
        clips_file (str): Absolute path of the annotation file.
        max_frames (int | None): Number of frames per clip to score; windows
            may reach beyond the last one.
        scale (int): Scale factor, HR pixels per LR pixel along each axis.
    """
    root: str
    split: str
    clips_file: str
    max_frames: int | None = None
    scale: int = 16

    @property
    def lr(self) -> str:
        """Folder of the LR clips, relative to the root."""
        return f'{self.split}/{lr_dir(self.scale)}'

    @property
    def hr(self) -> str:
        """Folder of the HR clips, relative to the root."""
        return f'{self.split}/{HR_DIR}'


@dataclass(frozen=True)
class Task:
    """The task of one process.

    Attributes:
        model (ModelSpec): The model.
        data (DataSpec): The frames.
        out (str): Folder of the whole comparison.
        metrics (tuple[str]): Keys of
            :data:`dksan_mm.comparison.scores.METRICS`, or ``'MODULE:CLASS'``.
        device (str | None): 'cpu', 'cuda' or 'cuda:1'; by default a GPU if
            there is one.
        keep_all (bool): Whether to keep all restored frames on the disk, not
            just those of the report.
    """
    model: ModelSpec
    data: DataSpec
    out: str
    metrics: tuple[str, ...]
    device: str | None = None
    keep_all: bool = True

    @property
    def frames(self) -> str:
        """Folder of the model's restored frames."""
        return osp.join(self.out, 'frames', self.model.name)

    @property
    def notes(self) -> str:
        """Folder of the model's journal and log."""
        return osp.join(self.out, 'runs', self.model.name)


def parse_model(text: str) -> ModelSpec:
    """Parse ``NAME=CONFIG[:CHECKPOINT]``.

    Args:
        text (str): Value of the option; paths may contain ``=`` and ``:``.

    Raises:
        UserError: If the form is wrong, the name cannot be that of a folder,
            or a file is missing.
    """
    name, _, rest = text.partition('=')
    if not name or not rest:
        raise UserError(f'--model takes NAME=CONFIG[:CHECKPOINT], got {text}')
    _check_name(name)
    parts = rest.split(':')
    for count in range(len(parts), 0, -1):  # the longest path that exists
        config = ':'.join(parts[:count])
        if osp.isfile(config):
            break
    else:
        raise UserError(f'--model {name}: {launch.missing_config(parts[0])}')
    checkpoint = ':'.join(parts[count:]) or None
    if checkpoint and not osp.isfile(checkpoint):
        raise UserError(f'--model {name}: there is no checkpoint file '
                        f'{checkpoint}')
    if checkpoint is None and count < len(parts):
        raise UserError(f'--model {name}: no CHECKPOINT after the last ":"')
    return ModelSpec(name, config, checkpoint)


def _check_name(name: str) -> None:
    """Reject a name that cannot be a folder or that is reserved."""
    if name[0] == '.' or '/' in name or not name.isprintable() or \
            len(name.encode()) > 100:
        raise UserError(f'--model {name!r}: the name is used for a folder; it '
                        'cannot begin with a dot, or contain "/" or '
                        'unprintable characters')
    if name in RESERVED:
        raise UserError(f'--model {name}: choose another name, because the '
                        f'report uses {name} for something else')


def parse_models(texts: Sequence[str]) -> list[ModelSpec]:
    """Parse all ``--model`` options.

    Raises:
        UserError: As :func:`parse_model`, or if two names are equal.
    """
    models = [parse_model(text) for text in texts]
    names = [model.name for model in models]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f'--model: two models are called {name}')
    return models


def read_config(model: ModelSpec) -> Config:
    """Read the model's config without importing anything slow.

    Raises:
        UserError: If it cannot be read, or does not describe a test on
            windows of frames.
    """
    config = launch.read_config(model.config)
    dataset = (config.get('test_dataloader') or {}).get('dataset') \
        if not isinstance(config.get('test_dataloader'), list) else None
    if not config.get('model') or not isinstance(dataset, dict) or \
            'num_input_frames' not in dataset:
        raise UserError(f'{model.config} cannot be compared: it has no model '
                        'or no test_dataloader of one data set of windows')
    return config


def dataset_config(config: Config, data: DataSpec) -> ConfigDict:
    """Return the config's test data set, set to the comparison's frames.

    Class, pipeline and window stay; clips and frames are replaced, so that
    all models are scored on the same ones.
    """
    dataset = ConfigDict(config.test_dataloader.dataset)
    dataset.update(
        data_root=data.root,
        data_prefix=dict(img=data.lr, gt=data.hr),
        ann_file=data.clips_file,
        first_frame=0,
        max_frames=data.max_frames,
        frame_step=1,
        store='png',  # the fingerprints are of these files
        test_mode=True)
    set_dataset_scale(dataset, data.scale, 'test_dataloader.dataset')
    return dataset
