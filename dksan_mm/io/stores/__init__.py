# Copyright (c) DKSAN-MM contributors.
"""Forms in which a clip's frames are kept."""
