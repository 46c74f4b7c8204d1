# Copyright (c) DKSAN-MM contributors.
"""Progress, errors and locks of the set-up's commands."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
import setup_process
from setup_process import NetworkError, SetupError

pytestmark = pytest.mark.processes

ROOT = Path(__file__).parents[2]

LOCK_FOR_A_SECOND = '''
import sys, time
sys.path.append(sys.argv[1])
import setup_process
with setup_process.lock():
    print('held', flush=True)
    time.sleep(1)
'''


def test_a_failed_command_shows_its_last_lines(log):
    code = 'for i in range(100): print(i)\nraise SystemExit(3)'
    with pytest.raises(SetupError, match='98\n  99$') as caught:
        setup_process.run([sys.executable, '-c', code], 'trying')
    assert str(log) in str(caught.value) and '  84\n' not in str(caught.value)
    assert log.read_text().startswith('0\n1\n')


def test_an_interruption_ends_what_the_command_started(monkeypatch, tmp_path):
    mark = tmp_path / 'mark'

    def interrupt(is_done):
        time.sleep(.3)
        raise KeyboardInterrupt

    monkeypatch.setattr(setup_process, 'watch', interrupt)
    with pytest.raises(KeyboardInterrupt):
        setup_process.run(['sh', '-c', f'(sleep 1; touch {mark}) & wait'], '')
    time.sleep(1.5)
    assert not mark.exists()


def test_ninja_is_asked_to_end_its_compilers(monkeypatch, tmp_path):
    mark = tmp_path / 'mark'

    def interrupt(is_done):
        time.sleep(.5)
        raise KeyboardInterrupt

    monkeypatch.setattr(setup_process, 'watch', interrupt)
    script = f'trap "touch {mark}; exit" TERM; sleep 9 & wait'
    with pytest.raises(KeyboardInterrupt):
        setup_process.run(['sh', '-c', script], 'trying')
    assert mark.exists()


@pytest.mark.parametrize('text, shown', [
    ('a\n[3/77] c++ -MMD -c x.cpp\n', '1:01  3 of 77 files compiled'),
    ('[7/77] c++ -MMD -c x.cpp\n', '7 of 77 files compiled, about 10 min'),
    ('a\nDownloading https://host/x y', '1:01  Downloading  y'),
    ('', '1:01'),
])
def test_the_status_tells_the_time_and_the_last_line(text, shown, log):
    log.write_text(text)
    assert shown in setup_process.status(61)
    assert ('min left' in setup_process.status(61)) == ('min' in shown)


def test_a_plain_log_gets_a_line_now_and_then(monkeypatch, capsys, log):
    log.write_text('resolving')
    for period, lines in ((0, 2), (1000, 0)):
        turns = iter([False, False, True])
        monkeypatch.setattr(setup_process, 'PLAIN_PERIOD', period)
        setup_process.watch(lambda: next(turns))
        assert capsys.readouterr().out.count('resolving\n') == lines


def test_a_lock_is_waited_for(capsys):
    command = [sys.executable, '-c', LOCK_FOR_A_SECOND]
    other = subprocess.Popen(
        [*command, str(ROOT / 'tools' / 'setup')],
        stdout=subprocess.PIPE,
        text=True)
    assert other.stdout.readline() == 'held\n'
    with setup_process.lock():
        assert other.wait(timeout=5) == 0
    assert 'waiting for it' in capsys.readouterr().out


def test_a_killed_set_ups_command_keeps_the_lock(log):
    with setup_process.lock():
        with pytest.raises(SetupError):
            setup_process.run(
                ['flock', '-n', log.with_name('lock'), 'true'], 'trying')
        setup_process.run(['ls', '-l', '/proc/self/fd'], 'trying')
    assert str(log.with_name('lock')) in log.read_text()


@pytest.mark.parametrize('home', ['', '/dev/null', '/proc'])
def test_without_a_home_the_cache_is_the_projects(home, monkeypatch, tmp_path):
    monkeypatch.delenv('XDG_CACHE_HOME')
    # What expanduser returns where neither HOME nor a passwd entry tells it.
    monkeypatch.setattr(setup_process.os.path, 'expanduser',
                        lambda path: home + path[1:] if home else path)
    monkeypatch.setattr(setup_process, 'ROOT', tmp_path)
    monkeypatch.chdir(tmp_path)
    assert setup_process.cache() == tmp_path / 'build' / 'dksan_mm'
    assert not (tmp_path / '~').exists()


@pytest.mark.parametrize('line, kind, words', [
    ('OSError: [Errno 28] No space left on device', SetupError, 'disk'),
    ('was not created successfully because ensurepip is not available',
     SetupError, 'python3-venv'),
    ('error: Failed to fetch: dns error: Name or service not known',
     NetworkError, 'network'),
    ('NewConnectionError: Failed to establish a new connection: [Errno 111]',
     NetworkError, 'network'),
    ('Connection to pypi.org timed out. (connect timeout=15)', NetworkError,
     'network'),
    ('ReadTimeoutError: HTTPSConnectionPool: Read timed out.', NetworkError,
     'network'),
    ('x.cpp:3: error: expected ;', SetupError, 'expected ;'),
])
def test_failures_are_told_apart(line, kind, words, log):
    error = setup_process.explain(f'first\n{line}\n', 'trying')
    assert type(error) is kind
    assert words in str(error) and str(log) in str(error)
