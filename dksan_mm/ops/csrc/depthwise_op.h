// Copyright (c) DKSAN-MM contributors.
// Code shared by the forward and the backward operator of the depthwise form.
#pragma once

#include "image_reads.h"
#include "segments.h"

namespace dksan {

// Copies a segment's weights, (channel, cell), into rows of cells at distances
// of `width`.
template <typename T>
void fill_table(const at::Tensor& weight, const Segment& segment, int64_t width,
                T* table) {
  const int64_t cells = weight.size(1);
  const T* from = weight.const_data_ptr<T>() + segment.channel * cells;
  for (int64_t c = 0; c < segment.channels; ++c)
    for (int64_t s = 0; s < cells; ++s)
      table[s * width + c] = from[c * cells + s];
}

}  // namespace dksan
