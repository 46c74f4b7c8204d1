# Copyright (c) DKSAN-MM contributors.
# The path of this config in commands; it stands in dksan/.
_base_ = 'dksan/dksan-m_vid3oc_x16.py'
