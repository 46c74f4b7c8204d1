# Copyright (c) DKSAN-MM contributors.
import pytest

from dksan_mm.prepare.target import open_target


def test_one_run_prepares_a_folder_which_is_gone_if_nothing_came(tmp_path):
    out = tmp_path / 'out'
    with open_target(str(out), 16):
        with pytest.raises(ValueError, match=f'{out}: another run is prep'):
            with open_target(str(out), 16):
                pass
        assert out.is_dir()
    assert not out.exists()


def test_a_file_of_the_user_under_the_locks_name_stays(tmp_path):
    (tmp_path / '.prepare.lock').write_text('mine')
    with open_target(str(tmp_path), 16):
        pass
    assert (tmp_path / '.prepare.lock').read_text() == 'mine'
