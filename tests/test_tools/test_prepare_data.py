# Copyright (c) DKSAN-MM contributors.
"""The preparation tool as run by a user."""
import fcntl
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers.color_frames import encode, make_frame, patches
from helpers.color_frames import write_frames as write_frames_of_video
from helpers.data_fixtures import SAMPLE, write_frames
from helpers.interlaced_files import write_interlaced
from helpers.tool_runs import ROOT, load_tool
from helpers.video_files import H264, make_video, moving
from PIL import Image, ImageCms

TOOL = ROOT / 'tools' / 'prepare_data.py'


def command(*args):
    return [sys.executable, str(TOOL), *map(str, args)]


def run(*args):
    # One process, for the tests' sake, unless a test asks for more.
    jobs = () if '--jobs' in args else ('--jobs', 1)
    return subprocess.run(
        command(*args, *jobs), capture_output=True, text=True, timeout=120)


def noise(count, size=(37, 50)):
    return list(np.random.randint(0, 256, (count, *size, 3), dtype=np.uint8))


def frames_below(folder):
    """Return the finished files below a folder with their content."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in Path(folder).rglob('*') if path.is_file()
    }


def test_prepare_verify_prepare_again(tmp_path):
    source, out = tmp_path / 'my videos', tmp_path / 'the out put'
    write_frames(source / 'train' / 'é 1.x', noise(5))
    write_frames(source / 'train' / 'b', noise(3))
    (source / 'val').mkdir()
    (source / 'val' / 'dash cam.mp4').symlink_to(SAMPLE / 'val' /
                                                 'dashcam-highway.mp4')
    done = run(source, out, '--max-frames', 4, '--jobs', 2)
    assert done.returncode == 0, done.stderr
    assert 'prepared 3 of 3 clips' in done.stdout
    assert '3/3 clips, 11/11 frames' in done.stdout
    for clip, count in (('train/{}/é 1.x', 4), ('train/{}/b', 3),
                        ('val/{}/dash cam', 4)):
        for kind in ('HR', 'LRx16'):
            names = sorted(os.listdir(out / clip.format(kind)))
            assert names == [f'{i:06d}.png' for i in range(count)]
    manifest = json.loads((out / 'val' / 'manifest.json').read_text())
    entry = manifest['clips']['dash cam']
    assert entry['frames'] == 4 and entry['lr_size'] == [45, 80]
    assert not list(out.rglob('.*'))  # no building place, no lock
    assert (out / 'train' / 'clips.txt').read_text() == 'b\t3\né 1.x\t4\n'

    before = frames_below(out)
    (out / 'val/LRx16/dash cam/000002.png').unlink()
    checked = run(out, '--verify')
    assert checked.returncode == 1
    assert f'{out}/val/LRx16/dash cam/000002.png: missing' in checked.stderr
    assert 'Traceback' not in checked.stderr
    (out / 'train' / 'clips.txt').write_bytes(b'')  # killed before it was
    assert run(source, out, '--max-frames', 4).returncode == 0
    assert frames_below(out) == before
    checked = run(out, '--verify')
    assert checked.returncode == 0, checked.stderr
    assert '3 clips' in checked.stdout and 'in order' in checked.stdout


def test_arrays_beside_the_frames(tmp_path):
    source, out = tmp_path / 'in', tmp_path / 'out'
    write_frames(source / 'a 1', noise(3))
    write_frames(source / 'b', noise(2))
    done = run(source, out, '--store', 'array')
    assert done.returncode == 0, done.stderr
    assert '2/2 clips, 10/10 frames' in done.stdout  # PNG and array
    made = frames_below(out)
    for name in ('HR/a 1', 'HR/b', 'LRx16/a 1', 'LRx16/b'):
        assert f'train/{name}.npy' in made
    for kind in ('HR', 'LRx16'):
        array = np.load(out / 'train' / kind / 'a 1.npy')
        for number in range(3):
            path = out / 'train' / kind / 'a 1' / f'{number:06d}.png'
            frame = cv2.imread(str(path))[..., ::-1]
            np.testing.assert_array_equal(array[number], frame)
    (out / 'train/HR/b.npy').write_bytes(made['train/HR/b.npy'][:-1])
    checked = run(out, '--verify')
    assert checked.returncode == 1
    assert checked.stderr.startswith(f'{out}/train/HR/b.npy: not an array')
    assert run(source, out, '--store', 'array').returncode == 0
    assert frames_below(out) == made


def test_bad_clips_stop_the_run_or_are_left_out(tmp_path):
    source, out = tmp_path / 'in', tmp_path / 'out'
    write_frames(source / 'good', noise(2))
    bad = write_frames(source / 'bad', noise(3))
    (bad / '000001.png').write_bytes(b'')
    (source / 'text.mp4').write_text('not a video')
    (source / 'empty').mkdir()
    reasons = (f'{bad}/000001.png: empty file',
               f'{source}/text.mp4: not a video',
               f'{source}/empty: no image in this folder')

    done = run(source, out, '--jobs', 1)
    assert done.returncode == 1
    assert done.stderr.startswith(reasons[0]) and done.stderr.count('\n') == 1
    assert '--skip-bad' in done.stdout
    assert not (out / 'train' / 'HR' / 'bad').exists()

    done = run(source, out, '--skip-bad')
    assert done.returncode == 0
    assert 'prepared 1 of 4 clips' in done.stdout
    assert 'skipped 3' in done.stdout
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 3
    for reason in reasons:
        assert any(line.startswith(reason) for line in lines)
    assert os.listdir(out / 'train' / 'HR') == ['good']
    assert not list(out.rglob('.partial'))


def test_named_clips_are_prepared_alone(tmp_path):
    source, out = tmp_path / 'in', tmp_path / 'out'
    for name in ('000', '001', '011'):
        write_frames(source / 'train_sharp' / name, noise(1), '%08d.png')
    done = run(source, out, '--split', 'train', '--clips', '000', '011')
    assert done.returncode == 0, done.stderr
    assert (out / 'train' / 'clips.txt').read_text() == '000\t1\n011\t1\n'
    done = run(source, out, '--clips', '020')
    assert (done.returncode, done.stderr) == (2, f'{source}: no clip 020\n')
    done = run(source, out, '--split', 'val')
    assert (done.returncode,
            done.stderr) == (2, f'{source}/val: no such folder\n')


def test_of_two_clips_of_one_name_the_second_is_left_out(tmp_path):
    source, out = tmp_path / 'in', tmp_path / 'out'
    write_frames(source / 'a', noise(2))
    (source / 'a.mp4').write_bytes(b'')
    (source / 'b\tc').mkdir()
    reason = f'{source}/a.mp4: would get the same clip name as {source}/a'
    done = run(source, out)
    assert done.returncode == 2 and done.stderr.strip() == reason
    done = run(source, out, '--skip-bad')
    assert done.returncode == 0
    assert 'prepared 1 of 3 clips' in done.stdout
    assert done.stderr.splitlines()[0] == reason
    assert "b\\tc': tabs, " in done.stderr.splitlines()[1]
    assert os.listdir(out / 'train' / 'HR') == ['a']


def test_a_full_target_stops_the_run_and_is_named(tmp_path):
    source, out = tmp_path / 'in', tmp_path / 'out'
    write_frames(source / 'a', noise(2, (160, 160)))  # 77 kB a frame
    tool = ' '.join(map(shlex.quote, command(source, out, '--skip-bad')))
    done = subprocess.run(['bash', '-c', f'ulimit -f 40; exec {tool}'],
                          capture_output=True,
                          text=True,
                          timeout=120)
    assert done.returncode == 1
    assert done.stderr == (f'{out}/train/.partial/a/HR/000000.png: File too '
                           'large\n')
    assert 'continues' in done.stdout and '--skip-bad' not in done.stdout
    assert run(source, out).returncode == 0
    assert run(out, '--verify').returncode == 0


def test_lr_of_the_source_is_kept(tmp_path):
    source, out = tmp_path / 'in', tmp_path / 'out'
    lr = noise(2, (3, 4))
    write_frames(source / 'val_HR' / '050', noise(2, (50, 64)))
    write_frames(source / 'val_LR' / '050', lr)
    done = run(source, out)
    assert done.returncode == 0, done.stderr
    assert 'layout vid3oc: 1 val (1 with LR)' in done.stdout
    kept = cv2.imread(str(out / 'val/LRx16/050/000001.png'))
    np.testing.assert_array_equal(kept, lr[1])
    made = run(source, tmp_path / 'made', '--remake-lr', '--layout', 'vid3oc')
    assert made.returncode == 0 and 'with LR' not in made.stdout
    other = cv2.imread(str(tmp_path / 'made/val/LRx16/050/000001.png'))
    assert (other != lr[1]).any()


def test_nothing_but_bad_clips_is_a_failure(tmp_path):
    (tmp_path / 'in').mkdir()
    (tmp_path / 'in' / 'a.mp4').write_bytes(b'')
    done = run(tmp_path / 'in', tmp_path / 'out', '--skip-bad')
    assert done.returncode == 1
    assert 'prepared 0 of 1 clips' in done.stdout
    assert os.listdir(tmp_path) == ['in']


def wait_for(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(.005)


def children_of(pid):
    return Path(f'/proc/{pid}/task/{pid}/children').read_text().split()


@pytest.fixture(scope='module')
def two_clips(tmp_path_factory):
    """Return two clips, and the result of an undisturbed preparation."""
    root = tmp_path_factory.mktemp('two')
    for name in 'ab':
        write_frames(root / 'in' / name, noise(50, (160, 160)))
    assert run(root / 'in', root / 'out').returncode == 0
    return root / 'in', frames_below(root / 'out')


@pytest.mark.parametrize('how', [signal.SIGKILL, signal.SIGINT, signal.SIGHUP])
def test_stopped_in_the_middle_and_continued(two_clips, tmp_path, how):
    source, whole = two_clips
    out = tmp_path / 'out'
    tool = subprocess.Popen(
        command(source, out, '--jobs', 2),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True)
    wait_for(lambda: len(list(out.rglob('HR/00*.png'))) > 5)
    children = children_of(tool.pid)
    assert len(children) >= 2
    if how == signal.SIGKILL:
        tool.send_signal(how)
    else:  # as a terminal does when it is closed
        os.killpg(tool.pid, how)
    _, stderr = tool.communicate(timeout=60)
    assert tool.returncode == (-9 if how == signal.SIGKILL else 130)
    if how != signal.SIGKILL:
        assert stderr.strip() == 'stopped; the same command continues'
    wait_for(
        lambda: not any(os.path.exists(f'/proc/{pid}') for pid in children))
    # No clip looks finished; every frame that is there is whole.
    assert not (out / 'train' / 'HR').exists()
    written = {
        name.replace('.partial/a/HR', 'HR/a'): content
        for name, content in frames_below(out).items()
        if '.partial/a/HR/0' in name
    }
    assert written and written.items() <= whole.items()
    assert run(source, out).returncode == 0
    assert frames_below(out) == whole


def test_a_second_run_on_the_same_target_is_refused(tmp_path):
    write_frames(tmp_path / 'in' / 'a', noise(1))
    out = tmp_path / 'out'
    out.mkdir()
    with open(out / '.prepare.lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = run(tmp_path / 'in', out)
    assert done.returncode == 2
    assert done.stderr.strip(
    ) == f'{out}: another run is preparing this folder'


@pytest.fixture(scope='module')
def tool():
    return load_tool('prepare_data')


@pytest.mark.parametrize('args, match', [
    ([], 'required'),
    (['in'], 'SOURCE and OUT are needed, got 1'),
    (['in', 'out', 'more'], 'got 3'),
    (['nowhere', 'out'], 'nowhere: no such file or folder'),
    (['in', 'in'], 'must not contain each other'),
    (['in', 'in/out'], 'must not contain each other'),
    (['in/a', 'in'], 'must not contain each other'),
    (['in', 'file'], 'file: is not a folder'),
    (['in', 'out', '--split', 'dev'], 'train, val, test, got "dev"'),
    (['in', 'out', '--max-frames', '0'], '--max-frames'),
    (['in', 'out', '--jobs', 'x'], '--jobs'),
    (['in', 'out', '--scale', '3'], '--scale'),
    (['in', 'out', '--store', 'lmdb'], '--store'),
    (['in', 'out', '--layout', 'reds'], '--layout'),
    (['in', 'out', '--verify'], '--verify takes only OUT'),
    (['nowhere', '--verify'], 'nowhere: no such'),
])
def test_wrong_arguments_are_named(tool, tmp_path, monkeypatch, capsys, args,
                                   match):
    (tmp_path / 'in' / 'a').mkdir(parents=True)
    (tmp_path / 'file').write_bytes(b'')
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as exit:
        tool.parse_args(args)
    assert exit.value.code == 2
    assert match in capsys.readouterr().err
    assert sorted(os.listdir(tmp_path)) == ['file', 'in']


@pytest.mark.parametrize('args', [
    ['in', 'out', '--split', 'train', 'val', '--jobs', '3'],
    ['--jobs', '3', 'in', 'out', '--split', 'train', '--split', 'val'],
    ['in', '--split', 'train', 'val', '--jobs', '3', 'out'],
])
def test_options_anywhere(tool, tmp_path, monkeypatch, args):
    (tmp_path / 'in').mkdir()
    monkeypatch.chdir(tmp_path)
    args = tool.parse_args(args)
    assert (args.source, args.out, args.jobs) == ('in', 'out', 3)
    assert args.split == ['train', 'val']


def test_a_target_that_cannot_be_written_is_named(tool, tmp_path, monkeypatch,
                                                  capsys):

    def refuse(path, **kwargs):
        raise PermissionError(13, 'Permission denied', path)

    write_frames(tmp_path / 'in' / 'a', noise(1))
    monkeypatch.setattr(os, 'makedirs', refuse)
    # What the tool sets for its own process is not to outlive the test.
    for name in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS',
                 'OPENCV_LOG_LEVEL'):
        monkeypatch.setenv(name, '1')
    monkeypatch.setattr(signal, 'signal', lambda *args: None)
    assert tool.main([str(tmp_path / 'in'), str(tmp_path / 'out')]) == 2
    assert capsys.readouterr().err == f'{tmp_path}/out: Permission denied\n'


def test_a_working_folder_that_is_gone(tool, tmp_path, monkeypatch, capsys):
    (tmp_path / 'gone').mkdir()
    monkeypatch.chdir(tmp_path / 'gone')
    (tmp_path / 'gone').rmdir()
    with pytest.raises(SystemExit) as ended:
        tool.main([str(tmp_path), 'out'])
    assert ended.value.code == 2
    assert 'the folder in which this command runs' in capsys.readouterr().err


def test_nothing_to_prepare_is_one_sentence(tmp_path):
    (tmp_path / 'in').mkdir()
    done = run(tmp_path / 'in', tmp_path / 'out')
    assert done.returncode == 2
    assert done.stderr.count('\n') == 1
    assert 'no video file and no folder' in done.stderr
    assert os.listdir(tmp_path) == ['in']
    (tmp_path / 'out').mkdir()  # the user's own stays
    assert run(tmp_path / 'in', tmp_path / 'out').returncode == 2
    assert os.listdir(tmp_path / 'out') == []


def test_videos_of_all_kinds(tmp_path):
    """One is unknown, and two are converted."""
    source, out = tmp_path / 'in', tmp_path / 'out'
    source.mkdir()
    unknown = Path(make_video(source / 'a.mp4', moving(2, (48, 64)), **H264))
    unknown.write_bytes(unknown.read_bytes().replace(b'avc1', b'xyzw'))
    write_interlaced(source / 'b.mkv', count=2)
    planes = encode(patches(), 9, False, 10)
    frame = make_frame(
        'yuv420p10le',
        planes,
        colorspace=9,
        color_primaries=9,
        color_trc=16,
        color_range=1)
    write_frames_of_video(source / 'c.mkv', [frame])
    done = run(source, out, '--skip-bad')
    assert done.returncode == 0
    assert sorted(done.stderr.splitlines()) == [
        f'{source}/a.mp4: its video codec xyzw is unknown, so no frame can '
        'be decoded',
        'b.mkv is interlaced: it is deinterlaced',
        'c.mkv is HDR (PQ): it is tone-mapped to BT.709, from 1000 cd/m2',
    ]
    manifest = json.loads((out / 'train' / 'manifest.json').read_text())
    assert manifest['clips']['b']['notes'] == [
        'b.mkv is interlaced: it is deinterlaced'
    ]
    before = frames_below(out / 'train' / 'HR' / 'b')
    again = run(source, out, '--skip-bad')  # nothing is new
    assert len(again.stderr.splitlines()) == 1
    done = run(source, out, '--skip-bad', '--no-deinterlace')
    assert (f'{out}/train/LRx16/b: was prepared without --no-deinterlace; '
            'omit the option, or choose another target folder'
            ) in done.stderr.splitlines()
    assert frames_below(out / 'train' / 'HR' / 'b') == before
    other = tmp_path / 'other'
    done = run(source / 'b.mkv', other, '--no-deinterlace')
    assert done.returncode == 0
    assert done.stderr == 'b.mkv is interlaced: it is not deinterlaced\n'
    done = run(source / 'b.mkv', other)
    assert done.returncode == 1
    assert done.stderr == (
        f'{other}/train/LRx16/b: was prepared with --no-deinterlace; use the '
        'option again, or choose another target folder\n')
    assert frames_below(other / 'train' / 'HR' / 'b') != before
    assert run(other, '--verify').returncode == 0


def test_images_have_no_fields(tmp_path):
    write_frames(tmp_path / 'in' / 'a', moving(2, (32, 32)))
    assert run(tmp_path / 'in', tmp_path / 'out').returncode == 0
    done = run(tmp_path / 'in', tmp_path / 'out', '--no-deinterlace')
    assert (done.returncode, done.stderr) == (0, '')


def make_photos(folder):
    """Make photographs of many kinds; return their upright sRGB images."""
    folder.mkdir()
    rgb = moving(1, (40, 70))[0]
    deep = (rgb[..., ::-1].astype(np.uint16) * 257)
    cv2.imwrite(str(folder / 'deep.png'), deep)
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = np.ascontiguousarray(np.rot90(rgb))  # 6: turn it right
    Image.fromarray(stored).save(folder / 'turned.TIF.png', exif=exif)
    grey = np.ascontiguousarray(rgb[:33, :48, 0])
    Image.fromarray(grey).save(folder / 'grey 8.png')
    alpha = np.full((40, 70), 255, np.uint8)
    alpha[:, 35:] = 0
    Image.fromarray(np.dstack([rgb, alpha])).save(
        folder / 'é.webp', lossless=True)
    Image.fromarray(rgb[:17, :16]).save(folder / 'twice.bmp')
    Image.fromarray(rgb[:16, :18]).save(folder / 'twice.png')
    # Green and red change places.
    xyz = {'rXYZ': 'gXYZ', 'gXYZ': 'rXYZ'}
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB'))
    content = profile.tobytes()
    for before, after in xyz.items():
        content = content.replace(before.encode(), b'%' + after[:3].encode())
    content = content.replace(b'%rXY', b'rXYZ').replace(b'%gXY', b'gXYZ')
    Image.fromarray(rgb).save(folder / 'icc.png', icc_profile=content)
    cmyk = Image.fromarray(255 - rgb).convert('CMYK')
    cmyk.save(folder / 'cmyk.tif')
    return {
        'deep': rgb,
        'turned.TIF': rgb,
        'grey 8': np.dstack([grey] * 3),
        'é': rgb * (alpha > 0)[..., None],
        'twice.bmp': rgb[:17, :16],
        'twice.png': rgb[:16, :18],
        'icc': rgb[..., [1, 0, 2]],
        'cmyk': np.asarray(cmyk.convert('RGB')),
    }


def test_photographs(tmp_path):
    photos = make_photos(tmp_path / 'in')
    make_video(tmp_path / 'in' / 'v.mkv', moving(2, (32, 32)))
    (tmp_path / 'in' / 'read me.txt').touch()
    (tmp_path / 'in' / 'more').mkdir()
    out = tmp_path / 'out'
    done = run(tmp_path / 'in', out, '--photos', '--jobs', 2)
    assert done.returncode == 0, done.stderr
    assert 'layout photos: 8 train' in done.stdout
    assert 'prepared 8 of 8 clips' in done.stdout
    assert sorted(done.stderr.splitlines()) == [
        f'{tmp_path}/in: ignored: v.mkv, more, read me.txt',
        'é.webp: transparent pixels are composited over black',
    ]
    for name, image in photos.items():
        [path] = (out / 'train' / 'HR' / name).iterdir()
        assert path.name == '000000.png'
        h, w = (n // 16 * 16 for n in image.shape[:2])
        difference = np.subtract(
            cv2.imread(str(path))[..., ::-1], image[:h, :w], dtype=int)
        assert abs(difference).max() <= (3 if name == 'icc' else 0), name
        [path] = (out / 'train' / 'LRx16' / name).iterdir()
        assert cv2.imread(str(path)).shape == (h // 16, w // 16, 3)
    lines = ''.join(f'{name}\t1\n' for name in sorted(photos))
    assert (out / 'train' / 'photos.txt').read_text() == lines
    assert not (out / 'train' / 'clips.txt').exists()
    assert run(out, '--verify').returncode == 0
    before = frames_below(out)
    again = run(tmp_path / 'in', out, '--photos')
    assert again.returncode == 0 and frames_below(out) == before
    # Clips next to them have their own list.
    done = run(tmp_path / 'in' / 'v.mkv', out, '--store', 'tiles')
    assert done.returncode == 0, done.stderr
    assert (out / 'train' / 'clips.txt').read_text() == 'v\t2\n'
    assert (out / 'train' / 'photos.txt').read_text() == lines


def test_photographs_that_cannot_be_taken(tmp_path):
    source, out = tmp_path / 'in', tmp_path / 'out'
    source.mkdir()
    Image.new('RGB', (40, 32)).save(source / 'a.png')
    Image.new('RGB', (40, 15)).save(source / 'low.png')
    (source / 'no.jpg').write_bytes(b'no image')
    (source / 'a\nb.png').write_bytes((source / 'a.png').read_bytes())
    done = run(source, out, '--photos', '--skip-bad')
    assert done.returncode == 0
    assert 'prepared 1 of 4 clips' in done.stdout
    assert sorted(done.stderr.splitlines()) == [
        f"'{source}/a\\nb.png': tabs, line breaks and other unprintable "
        "characters cannot be in a clip's name; rename it",
        f'{source}/low.png: frame 000000 is 40x15, smaller than 16x16',
        f'{source}/no.jpg: not a readable image (damaged, cut short or of '
        'another type)',
    ]
    assert (out / 'train' / 'photos.txt').read_text() == 'a\t1\n'
    done = run(source, tmp_path / 'other', '--photos', '--layout', 'vid3oc')
    assert done.returncode == 2 and 'exclude each other' in done.stderr
    (tmp_path / 'none').mkdir()
    done = run(tmp_path / 'none', tmp_path / 'other', '--photos')
    assert (done.returncode,
            done.stderr) == (2, f'{tmp_path}/none: no image file in it\n')


@pytest.mark.parametrize('names, sentence', [
    (['1.png', '2.png'], '{}: frame 000002 makes an LR frame of 3x2, those '
     'before it of 2x2: all frames of a clip must have one size'),
    (['1.png', '7.png'], '{}: frame 2 is missing (after 1.png comes 7.png)'),
    (['cat.png', 'dog.png'], '{}/cat.png: no frame number in the name'),
    (['cat1.png', 'dog1.png'], '{0}/dog1.png: same frame number as '
     '{0}/cat1.png'),
])
def test_photographs_that_are_taken_for_frames(tmp_path, names, sentence):
    source = tmp_path / 'in'
    source.mkdir()
    for name, size in zip(names, [(32, 32), (48, 32)]):
        Image.new('RGB', size).save(source / name)
    done = run(source, tmp_path / 'out')
    assert done.returncode == 1
    assert done.stderr == (
        sentence.format(source) +
        '; if these are photographs, --photos makes a clip of each\n')
    assert run(source, tmp_path / 'out', '--photos').returncode == 0


def test_one_photograph(tmp_path):
    photos = make_photos(tmp_path / 'in')
    path, out = tmp_path / 'in' / 'turned.TIF.png', tmp_path / 'out'
    done = run(path, out)
    assert (done.returncode, done.stderr) == (
        2, f'{path}: is an image; --photos makes a clip of one frame of it\n')
    assert run(path, out, '--photos', '--split', 'val').returncode == 0
    made = out / 'val' / 'HR' / 'turned.TIF' / '000000.png'
    np.testing.assert_array_equal(
        cv2.imread(str(made))[..., ::-1], photos['turned.TIF'][:32, :64])
