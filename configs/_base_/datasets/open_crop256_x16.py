# Copyright (c) DKSAN-MM contributors.
# Open clips and photographs, for weights that everyone may use. All values are
# chosen here.
_base_ = 'vid3oc_crop256_x16.py'

# Lists written by tools/prepare_data.py: videos, and photographs, which are
# clips of one frame and always get synthetic motion. An epoch has two samples
# of videos for one of photographs: about 320 of each of 21 clips and 6 of each
# of 517 photographs.
train_dataloader = dict(
    dataset=dict(
        sources=[
            dict(ann_file='train/clips.txt', share=2),
            dict(ann_file='train/photos.txt', share=1)
        ],
        samples_per_clip=18))
val_dataloader = dict(dataset=dict(frame_step=80))  # 29 frames
