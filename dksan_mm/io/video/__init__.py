# Copyright (c) DKSAN-MM contributors.
"""Videos as files and folders: reading, cutting into scenes, writing."""
