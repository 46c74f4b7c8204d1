# Copyright (c) DKSAN-MM contributors.
# Open clips and photographs, for weights that anybody may use. All values are
# chosen here.
_base_ = 'vid3oc_crop256_x16.py'

# Lists of what tools/prepare_data.py has made: of videos, and of photographs
# as clips of one frame, which always move. Shares are of an epoch's samples:
# about 320 of each of 21 clips, 6 of each of 517 photographs.
train_dataloader = dict(
    dataset=dict(
        sources=[
            dict(ann_file='train/clips.txt', share=2),
            dict(ann_file='train/photos.txt', share=1)
        ],
        samples_per_clip=18))
val_dataloader = dict(dataset=dict(frame_step=80))  # 29 frames
