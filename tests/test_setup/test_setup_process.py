# Copyright (c) DKSAN-MM contributors.
"""The set-up's commands are watched, its locks and its disk checks hold."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import setup_process
from setup_process import CommandError, NetworkError, SetupError

ROOT = Path(__file__).parents[2]

LOCK_FOR_A_SECOND = '''
import sys, time
from pathlib import Path
sys.path.append(sys.argv[1])
from setup_process import lock
with lock(Path(sys.argv[2]), ''):
    print('held', flush=True)
    time.sleep(1)
'''


def test_output_goes_to_the_log_and_to_the_progress(tmp_path):
    seen = []
    code = 'import sys; print("out"); print("err", file=sys.stderr)'
    setup_process.run([sys.executable, '-uc', code], tmp_path / 'log',
                      seen.append)
    assert seen == ['out', 'err']
    assert (tmp_path / 'log').read_text() == 'out\nerr\n'


def test_a_failed_command_shows_its_last_lines(tmp_path):
    code = 'for i in range(100): print(i)\nraise SystemExit(3)'
    with pytest.raises(CommandError) as caught:
        setup_process.run([sys.executable, '-c', code], tmp_path / 'log',
                          lambda line: None)
    assert caught.value.tail[-1] == '99'
    assert len(caught.value.tail) == 40


def test_an_interruption_ends_what_the_command_started(tmp_path):
    mark = tmp_path / 'mark'
    script = f'(sleep 2; touch {mark}) & echo started; wait'

    def interrupt(line):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        setup_process.run(['sh', '-c', script], tmp_path / 'log', interrupt)
    time.sleep(2.5)
    assert not mark.exists()


def test_a_plain_log_gets_a_line_now_and_then(monkeypatch, capsys):
    monkeypatch.setattr(setup_process, 'PLAIN_PERIOD', 0)
    setup_process.StatusLine().show('3 of 77')
    monkeypatch.setattr(setup_process, 'PLAIN_PERIOD', 1000)
    setup_process.StatusLine().show('4 of 77')
    assert capsys.readouterr().out.split() == ['0:00', '3', 'of', '77']


def test_a_lock_is_waited_for(tmp_path, capsys):
    path = tmp_path / 'lock'
    path.touch()
    other = subprocess.Popen([
        sys.executable, '-c', LOCK_FOR_A_SECOND,
        str(ROOT / 'tools' / 'setup'),
        str(path)
    ],
                             stdout=subprocess.PIPE,
                             text=True)
    assert other.stdout.readline() == 'held\n'
    with setup_process.lock(path, 'waiting for it'):
        assert other.wait(timeout=5) == 0
    assert 'waiting for it' in capsys.readouterr().out


@pytest.mark.parametrize('text, shown', [
    ('a\n[3/77] c++ -MMD -c x.cpp\n', '[3/77] files compiled'),
    ('a\nrunning bdist_wheel', 'running bdist_wheel'),
    ('', ''),
    (None, ''),
])
def test_who_waits_sees_the_other_ones_progress(text, shown, tmp_path):
    if text is not None:
        (tmp_path / 'log').write_text(text)
    assert setup_process.last_line(tmp_path / 'log') == shown


def test_a_killed_set_ups_command_keeps_the_lock(tmp_path):
    path = tmp_path / 'lock'
    path.touch()
    with setup_process.lock(path, ''):
        with pytest.raises(CommandError):  # flock's own exit code: 1
            setup_process.run(['flock', '-n', path, 'true'], tmp_path / 'log',
                              lambda line: None)
        inherited = 'ls -l /proc/self/fd'
        setup_process.run(['sh', '-c', inherited], tmp_path / 'log',
                          lambda line: None)
    assert str(path) in (tmp_path / 'log').read_text()


def test_too_little_disk_is_one_sentence(tmp_path):
    with pytest.raises(SetupError, match='needs about 1000000.0 GiB'):
        setup_process.check_disk([(tmp_path / 'to' / 'come', 1e6)])


def test_folders_on_one_disk_add_up(tmp_path):
    free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    most = free / setup_process.GIB * .8
    setup_process.check_disk([(tmp_path / 'a', most)])
    with pytest.raises(SetupError, match='make room'):
        setup_process.check_disk([(tmp_path / 'a', most),
                                  (tmp_path / 'b', most)])


@pytest.mark.parametrize('line, kind, words', [
    ('OSError: [Errno 28] No space left on device', SetupError, 'disk'),
    ('error: Failed to fetch: dns error: Name or service not known',
     NetworkError, 'network'),
    ('NewConnectionError: Failed to establish a new connection: [Errno 111]',
     NetworkError, 'network'),
    ('x.cpp:3: error: expected ;', SetupError, 'expected ;'),
])
def test_failures_are_told_apart(line, kind, words, tmp_path):
    error = setup_process.explain(
        CommandError(['first', line]), tmp_path / 'log', 'trying')
    assert type(error) is kind
    assert words in str(error)
    assert str(tmp_path / 'log') in str(error)
