# Copyright (c) DKSAN-MM contributors.
"""Functions that tests run in new processes; quick to import."""
import gc
import os
import signal


def own_number(*arguments):
    """Return the process's number and its arguments."""
    return os.getpid(), arguments


def be_killed(*arguments):
    """Kill the process, as the system does when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


def count_frames(task, tick):
    """Return the numbers of the process and of the finished frames."""
    if task < 0:
        raise ValueError(task)
    for _ in range(task):
        tick()
    return os.getpid(), task


def blocked_signals(connection):
    """Send the signals that the process does not receive."""
    connection.send(signal.pthread_sigmask(signal.SIG_BLOCK, ()))


def upscaling_memory(target, *videos):
    """Return the growth of memory, in bytes, for each upscaled video."""
    from dksan_mm import load_model, restore_video
    from dksan_mm.utils.process_memory import (forget_peak,
                                               peak_resident_memory,
                                               resident_memory)
    model, growth = load_model('bicubic'), []
    for video in videos:
        gc.collect()
        assert forget_peak()
        before = resident_memory()
        restore_video(model, video, target, overwrite=True)
        growth.append(peak_resident_memory() - before)
    return growth
