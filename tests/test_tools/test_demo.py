# Copyright (c) DKSAN-MM contributors.
import numpy as np
import pytest
from helpers.tool_runs import load_tool

from dksan_mm.evaluation.functional.image_quality import psnr
from dksan_mm.io.images import read_image, write_png
from dksan_mm.utils.errors import UserError
from dksan_mm.utils.resize import matlab_resize

demo = load_tool('demo')


def scores(psnr_a, psnr_b):
    return dict(
        metrics=dict(PSNR=(psnr_a + psnr_b) / 2, SSIM=0.5),
        videos=dict(
            a=dict(PSNR=psnr_a, SSIM=0.4), b=dict(PSNR=psnr_b, SSIM=0.6)))


def test_the_table_says_who_is_ahead():
    lines = demo.result_table({
        'bicubic': scores(20., 22.),
        'now': scores(18., 20.),
        'released': scores(22., 24.)
    })
    row = lines[1].split()
    assert row == [
        'a', '20.0000', '18.0000', '22.0000', '0.4000', '0.4000', '0.4000'
    ]
    assert lines[3].split()[:4] == ['mean', '21.0000', '19.0000', '23.0000']
    assert lines[4].startswith(
        'dksan-s, trained now is NOT ahead of bicubic by -2.00 dB')
    assert lines[5].startswith(
        'dksan-s, released, is ahead of bicubic by +2.00 dB')


def test_the_picture_shows_bicubic_ours_and_hr(tmp_path):
    lr, hr = tmp_path / 'LRx16' / 'clip', tmp_path / 'HR' / 'clip'
    lr.mkdir(parents=True)
    hr.mkdir(parents=True)
    truth = np.random.randint(0, 256, (64, 48, 3), np.uint8)
    write_png(str(hr / '000003.png'), truth)
    write_png(str(lr / '000003.png'), matlab_resize(truth, 1 / 16))
    ours = np.zeros_like(truth)
    demo.write_comparison(tmp_path / 'x.png', '000003.png', lr, ours)
    picture = read_image(str(tmp_path / 'x.png'))[-64:]
    bicubic = matlab_resize(matlab_resize(truth, 1 / 16), 16)
    panels = (picture[:, :48], picture[:, 56:104], picture[:, 112:])
    for panel, expected in zip(panels, (bicubic, ours, truth)):
        np.testing.assert_array_equal(panel, expected)
    assert psnr(bicubic, truth) < psnr(truth, truth)


def test_a_failing_command_ends_the_demo_with_its_last_lines(tmp_path, capfd):
    script = tmp_path / 'broken.py'
    script.write_text('print("Iter(train) 1")\nprint("why")\nraise SystemExit'
                      '(3)')
    with pytest.raises(
            SystemExit, match=r'why\n.*broken.py failed with exit '
            'code 3'):
        demo.run(script, show=r'Iter\(')
    shown = capfd.readouterr().out
    assert '  Iter(train) 1\n' in shown and 'why' not in shown


@pytest.mark.parametrize('argv, match', [
    (['--iters', '0'], 'at least 1, got 0'),
    (['--clip', 'cats'], 'dashcam-highway, puppy-grass, got cats'),
])
def test_wrong_arguments_are_refused(argv, match, capsys):
    with pytest.raises(SystemExit):
        demo.parse_args(argv)
    assert match in capsys.readouterr().err


def test_the_demo_replaces_no_file_but_its_own(tmp_path):
    demo.claim(str(tmp_path / 'new'))
    (tmp_path / 'new' / 'now.json').touch()
    demo.claim(str(tmp_path / 'new'))
    with pytest.raises(UserError, match='contains new, which was'):
        demo.claim(str(tmp_path))
    (tmp_path / 'file').touch()
    with pytest.raises(UserError, match='file: File exists'):
        demo.claim(str(tmp_path / 'file'))
