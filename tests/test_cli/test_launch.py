# Copyright (c) DKSAN-MM contributors.
"""Start of a tool: its config, its checks and its exit code."""
import pytest
from mmengine.config import Config

from dksan_mm.cli import launch
from dksan_mm.utils.errors import UserError


@pytest.mark.parametrize('make', [
    lambda path: path.write_text('a file'),
    lambda path: path.symlink_to('nowhere'),
])
def test_work_dirs_that_are_no_folders(tmp_path, make):
    make(tmp_path / 'w')
    for path in ('w', 'w/below'):
        with pytest.raises(UserError, match='w is no folder'):
            launch.check_work_dir(Config(dict(work_dir=str(tmp_path / path))))
    launch.check_work_dir(Config(dict(work_dir=str(tmp_path / 'new/one'))))
