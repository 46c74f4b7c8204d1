# Copyright (c) DKSAN-MM contributors.
