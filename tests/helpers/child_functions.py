# Copyright (c) DKSAN-MM contributors.
"""What tests let a new process run; quick to import."""
import os
import signal


def own_number(*arguments):
    """The process's number and its arguments."""
    return os.getpid(), arguments


def be_killed(*arguments):
    """What the system does when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


def count_frames(task, tick):
    """The process's number and that of the frames, as each is done."""
    if task < 0:
        raise ValueError(task)
    for _ in range(task):
        tick()
    return os.getpid(), task


def blocked_signals(connection):
    """Send the signals that the process does not get."""
    connection.send(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
