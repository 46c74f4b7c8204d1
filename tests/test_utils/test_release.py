# Copyright (c) DKSAN-MM contributors.
import dksan_mm.utils.release as release


def test_what_is_released_is_there():
    folder = release.release_folder()
    for name in release.RELEASED.values():
        assert (folder / 'configs' / f'{name}.py').is_file()
    assert (folder / 'weights' / 'dksan-s_vid3oc_x16.pth').is_file()
    assert (folder / 'tools' / 'super_resolve.py').is_file()


def test_links_are_not_needed(tmp_path, monkeypatch):
    """A clone on Windows has files instead."""
    module = tmp_path / 'dksan_mm' / 'utils' / 'release.py'
    module.parent.mkdir(parents=True)
    (tmp_path / 'dksan_mm' / '.mim').mkdir()
    (tmp_path / 'dksan_mm' / '.mim' / 'configs').write_text('../../configs')
    monkeypatch.setattr(release, '__file__', str(module))
    assert release.release_folder() == tmp_path.resolve()


def test_an_installed_package_holds_it(tmp_path, monkeypatch):
    module = tmp_path / 'dksan_mm' / 'utils' / 'release.py'
    module.parent.mkdir(parents=True)
    inside = tmp_path / 'dksan_mm' / '.mim'
    (inside / 'configs').mkdir(parents=True)
    monkeypatch.setattr(release, '__file__', str(module))
    assert release.release_folder() == inside.resolve()
