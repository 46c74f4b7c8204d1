# Copyright (c) DKSAN-MM contributors.
"""Runs of tools/train.py in processes that start fast and are killed.

A process imports mmagic once (15 seconds) and is forked for each run; the fork
runs the tool's ``main``. It reads jobs from its input and answers each with a
line; both are JSON. ``run`` completes a run, and ``kill`` kills it again and
again.
"""
import gc
import glob
import json
import os
import random
import re
import signal
import socket
import sys
import time
import traceback

# Forked processes cannot compute on a GPU, nor with several threads.
os.environ.update(CUDA_VISIBLE_DEVICES='-1', OMP_NUM_THREADS='1')

import helpers.random_net  # noqa: E402, F401
import mmengine.config.config  # noqa: E402
import torch  # noqa: E402
from helpers.tool_runs import load_tool  # noqa: E402

import dksan_mm.datasets  # noqa: E402, F401
import dksan_mm.engine.hooks  # noqa: E402, F401
import dksan_mm.engine.runner.loops  # noqa: E402, F401
import dksan_mm.evaluation.metrics  # noqa: E402, F401
from dksan_mm.engine.runner.checkpoint import read_checkpoint  # noqa: E402
from dksan_mm.engine.runner.resume import list_checkpoints  # noqa: E402

# What a run writes to its log as it begins something: one of the first few
# times, and how many seconds after it the run may be killed.
MOMENTS = dict(
    loading=('Importing', 1, 1.5),
    stepping=(r'Iter\(train\)', 3, 0.2),
    validating=(r'Iter\(val\)', 2, 0.1),
    writing=(r'Saving checkpoint|Iter\(val\).*PSNR', 2, 0.02),
)
PATIENCE = 300  # seconds


class Run:
    """One run, of one or several processes, in a process group of its own.

    Args:
        arguments (list[str]): Those of tools/train.py.
        log (str): File for what it prints.
        ranks (int): Processes; more than one train together.
    """

    def __init__(self, arguments, log, ranks=1):
        self.log = log
        open(log, 'w').close()
        self.group = os.fork()
        if not self.group:
            os.setsid()
            output = os.open(log, os.O_WRONLY | os.O_APPEND)
            os.dup2(output, 1)
            os.dup2(output, 2)
            os._exit(_train_all(arguments, ranks))

    def wait_for(self, pattern, count):
        """Return whether a text is in the log so many times before the end."""
        end = time.time() + PATIENCE
        while len(re.findall(pattern, self.text())) < count:
            if time.time() > end:
                raise TimeoutError(f'{pattern} is not in {self.text()}')
            if os.waitid(os.P_PID, self.group,
                         os.WEXITED | os.WNOHANG | os.WNOWAIT):
                return False
            time.sleep(0.002)
        return True

    def kill(self):
        """Kill all its processes, loader workers too."""
        os.killpg(self.group, signal.SIGKILL)
        return self.end()

    def end(self):
        """Return the exit code, negative if the process was killed."""
        return os.waitstatus_to_exitcode(os.waitpid(self.group, 0)[1])

    def text(self):
        with open(self.log, errors='replace') as file:
            return file.read()


def _train_all(arguments, ranks):
    """Train in this process, or in one for each rank; the exit code."""
    if ranks == 1:
        return _train(arguments)
    with socket.socket() as free:
        free.bind(('localhost', 0))
        port = str(free.getsockname()[1])
    children = []
    for rank in range(ranks):
        os.environ.update(
            RANK=str(rank),
            LOCAL_RANK=str(rank),
            WORLD_SIZE=str(ranks),
            MASTER_ADDR='localhost',
            MASTER_PORT=port)
        children.append(os.fork())
        if not children[-1]:
            os._exit(_train([*arguments, '--launcher', 'pytorch']))
    return max(
        abs(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        for child in children)


def _train(arguments):
    try:
        tool = load_tool('train')
        return tool.launch.run_tool(tool.main, arguments)
    except BaseException:  # nothing of the parent may run in a fork
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()


def run(arguments, log, ranks=1):
    """Let a run come to its end."""
    started = Run(arguments, log, ranks)
    return dict(code=started.end(), text=started.text())


def kill(arguments, log, work_dir, kills, seed, ranks=1):
    """Kill a run at random moments, resume it each time, and let it end.

    After each kill, all checkpoints must be whole, and the best one that the
    newest names must be there.
    """
    rng, killed = random.Random(seed), []
    phases = [phase for phase in MOMENTS] * (kills // len(MOMENTS) + 1)
    rng.shuffle(phases)
    while len(killed) < kills:
        phase = phases[len(killed)]
        pattern, most, delay = MOMENTS[phase]
        begin = time.time()
        started = Run([*arguments, '--resume'], log, ranks)
        alive = started.wait_for(pattern, rng.randint(1, most))
        if alive:
            time.sleep(rng.uniform(0, delay))
        code = started.kill()
        if code != -signal.SIGKILL:
            return dict(code=code, text=started.text(), killed=killed)
        seconds = round(time.time() - begin, 1)
        killed.append(dict(phase=phase, seconds=seconds, **_left(work_dir)))
    return dict(run([*arguments, '--resume'], log, ranks), killed=killed)


def _left(work_dir):
    """Return the newest checkpoint and unfinished files of a killed run."""
    paths = list_checkpoints(work_dir)
    checkpoints = [read_checkpoint(str(path)) for path in paths]
    for path in glob.glob(os.path.join(work_dir, 'best_*.pth')):
        read_checkpoint(path)
    newest = checkpoints[0] if checkpoints else dict(message_hub={}, meta={})
    info = newest['message_hub'].get('runtime_info', {})
    best = info.get('best_ckpt')
    if best and not os.path.isfile(best):
        raise FileNotFoundError(best)
    unfinished = glob.glob(os.path.join(work_dir, '.*.tmp'))
    return dict(iter=newest['meta'].get('iter', 0), unfinished=len(unfinished))


def main():
    torch.set_num_threads(1)
    # Two things that take most of the time otherwise: the garbage collector
    # goes through all that was imported, and yapf through every config.
    gc.freeze()
    mmengine.config.config.FormatCode = lambda text, **_: (text, True)
    for line in sys.stdin:
        job = json.loads(line)
        try:
            answer = dict(run=run, kill=kill)[job.pop('do')](**job)
        except Exception:
            answer = dict(code=None, text=traceback.format_exc())
        print(json.dumps(answer), flush=True)


if __name__ == '__main__':
    main()
