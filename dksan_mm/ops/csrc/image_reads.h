// Copyright (c) DKSAN-MM contributors.
// Lines of the images that the operators read. The forward passes read them
// through a ring, or from rows of the whole batch.
#pragma once

#include <algorithm>
#include <vector>

#include "arguments.h"
#include "window.h"

namespace dksan {

// Returns the lines that each block of output pixels reads, for each image.
template <typename T>
std::vector<std::vector<Lines>> lines_of_blocks(
    const Geometry& g, const PixelInputs& inputs, int64_t images,
    int64_t block = kBlockPixels) {
  const int64_t blocks = blocks_of(g.out_pixels(), block);
  std::vector<std::vector<Lines>> reads(
      images, std::vector<Lines>(blocks, Lines{g.height, 0}));
  for_pixels(images, g.out_pixels(),
             [&](int64_t n, int64_t first, int64_t last) {
    Lines& lines = reads[n][first / block];
    for (const Offsets<T>& group : inputs.of_image<T>(n))
      lines = hull(lines, lines_read(g, group.image, first, last));
  }, block);
  return reads;
}

inline int64_t tallest_of_all(const std::vector<std::vector<Lines>>& reads) {
  int64_t most = 1;
  for (const auto& of_image : reads)
    most = std::max(most,
                    tallest(windows_of(of_image.data(), of_image.size())));
  return most;
}

// Base of a part of the channels in the forward pass. The derived classes of
// both forms have run(image, first pixel, last, rows, map of the rows).
struct ForwardPart {
  const Geometry& g;
  const PixelInputs& inputs;
  const at::Tensor &x, &out;
  std::vector<Segment> segments;  // the first one starts at 0
};

// Reads from rows of the whole batch.
template <typename T, typename Part>
void forward_whole(const Part& part) {
  const BatchRows<T> rows(part.x, part.segments);
  for_pixels(part.x.size(0), part.g.out_pixels(),
             [&](int64_t n, int64_t first, int64_t last) {
    part.run(n, first, last, rows.of_image(n), all_lines(part.g));
  });
}

// Processes blocks first, first + 1, ... of image n from a ring of rows.
template <typename T, typename Part>
void forward_blocks(const Part& part, int64_t n, int64_t first,
                    const std::vector<Lines>& windows) {
  const int64_t width = width_of(part.segments), line_width = part.g.width;
  const Image<const T> x = image_of<const T>(part.x, n, 0);
  LineRing ring(part.g, windows);
  std::vector<T> rows((ring.rows() + 1) * width);
  int64_t at = first * kBlockPixels;
  for (const Lines& window : windows) {
    ring.enter(window, [&](int64_t line, int64_t row, int64_t number) {
      to_rows(x, line * line_width, number * line_width, part.segments, width,
              rows.data() + row * width);
    });
    const int64_t last = std::min(at + kBlockPixels, part.g.out_pixels());
    part.run(n, at, last, rows.data(), ring.map());
    at = last;
  }
}

// Reads through rings. Each thread has its own ring, and copies lines that its
// neighbour reads too. The parts are processed one after the other: with long
// lines, a ring of all channels is larger than the cache, and it is read again
// for each line.
template <typename T, typename Part>
void forward_rings(const std::vector<Part>& parts,
                   const std::vector<std::vector<Lines>>& reads) {
  const int64_t blocks = blocks_of(parts[0].g.out_pixels());
  const int64_t all = reads.size() * blocks;
  const int64_t share = (all + at::get_num_threads() - 1) /
                        at::get_num_threads();
  at::parallel_for(0, all, share, [&](int64_t begin, int64_t end) {
    while (begin < end) {
      const int64_t n = begin / blocks, first = begin % blocks;
      const int64_t count = std::min(blocks - first, end - begin);
      const auto windows = windows_of(reads[n].data() + first, count);
      for (const Part& part : parts)
        forward_blocks<T>(part, n, first, windows);
      begin += count;
    }
  });
}

// Reads through rings, unless they would hold about as many lines as the batch.
template <typename T, typename Part>
void forward_parts(const std::vector<Part>& parts) {
  const Part& any = parts[0];
  const int64_t images = any.x.size(0);
  const auto reads = lines_of_blocks<T>(any.g, any.inputs, images);
  const int64_t rings = 2 * tallest_of_all(reads) * at::get_num_threads();
  if (rings <= images * any.g.height)
    forward_rings<T>(parts, reads);
  else
    for (const Part& part : parts) forward_whole<T>(part);
}

}  // namespace dksan
