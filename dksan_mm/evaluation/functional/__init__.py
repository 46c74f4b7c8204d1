# Copyright (c) DKSAN-MM contributors.
"""Quality measures of images."""
