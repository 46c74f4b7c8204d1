// Copyright (c) DKSAN-MM contributors.
// What the forward and the backward operator of the depthwise form share.
#pragma once

#include <vector>

#include "arguments.h"
#include "segments.h"
#include "window.h"

namespace dksan {

// The segment's weights, (channel, cell), into rows of cells `width` apart.
template <typename T>
void fill_table(const at::Tensor& weight, const Segment& segment, int64_t width,
                T* table) {
  const int64_t cells = weight.size(1);
  const T* from = weight.const_data_ptr<T>() + segment.channel * cells;
  for (int64_t c = 0; c < segment.channels; ++c)
    for (int64_t s = 0; s < cells; ++s)
      table[s * width + c] = from[c * cells + s];
}

// For each image, the lines that each block of output pixels reads.
template <typename T>
std::vector<std::vector<Lines>> lines_of_blocks(const Geometry& g,
                                                const PixelInputs& inputs,
                                                int64_t images) {
  std::vector<std::vector<Lines>> reads(
      images, std::vector<Lines>(blocks_of(g.out_pixels())));
  for_pixels(images, g.out_pixels(),
             [&](int64_t n, int64_t first, int64_t last) {
    reads[n][first / kBlockPixels] =
        lines_read(g, inputs.of_image<T>(n)[0].image, first, last);
  });
  return reads;
}

inline int64_t tallest_of_all(const std::vector<std::vector<Lines>>& reads) {
  int64_t most = 1;
  for (const auto& of_image : reads)
    most = std::max(most,
                    tallest(windows_of(of_image.data(), of_image.size())));
  return most;
}

}  // namespace dksan
