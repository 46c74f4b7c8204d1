# Copyright (c) DKSAN-MM contributors.
# The paper's recipe: DKSAN on Vid3oC, x16 (paper, sec. 4). Each value, and
# where it comes from, stands in the base file named for its subject.
_base_ = [
    '_base_/runtime.py', '_base_/schedule.py', '_base_/vid3oc_x16.py',
    '_base_/dksan.py'
]
