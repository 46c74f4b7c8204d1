# Copyright (c) DKSAN-MM contributors.
# dksan-s_gan_vid3oc_x16.py on open clips and photographs, the data of
# dksan-s_open_x16.py, for weights that everyone may use.
_base_ = 'dksan-s_gan_vid3oc_x16.py'

experiment_name = 'dksan-s_gan_open_x16'

train_dataloader = dict(
    dataset=dict(
        sources=[
            dict(ann_file='train/clips.txt', share=2),
            dict(ann_file='train/photos.txt', share=1)
        ],
        samples_per_clip=18))
val_dataloader = dict(dataset=dict(frame_step=80))  # 29 frames
