// Copyright (c) DKSAN-MM contributors.
// The depthwise form, forward, as a torch operator.
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include "arguments.h"
#include "depthwise.h"
#include "depthwise_op.h"

namespace dksan {
namespace {

using at::Tensor;

// Everything that the forward pass of a segment needs.
template <typename T>
struct Forward {
  const Geometry& g;
  const PixelInputs& inputs;
  const Tensor &x, &out;
  Segment segment;
  std::vector<T> table;

  Forward(const Geometry& g, const PixelInputs& inputs, const Tensor& x,
          const Tensor& weight, const Tensor& out, const Segment& whole)
      : g(g), inputs(inputs), x(x), out(out), segment(whole) {
    segment.start = 0;
    table.resize(weight.size(1) * segment.width);
    fill_table(weight, segment, segment.width, table.data());
  }

  void run(int64_t n, int64_t first, int64_t last, const T* rows,
           const LineMap& map) const {
    depthwise_forward<T>(g, segment, inputs.of_image<T>(n)[0], rows, map,
                         table.data(), first, last,
                         image_of<T>(out, n, segment.channel));
  }
};

// From rows of the whole batch.
template <typename T>
void forward_whole(const Forward<T>& f) {
  const BatchRows<T> rows(f.x, {f.segment});
  for_pixels(f.x.size(0), f.g.out_pixels(),
             [&](int64_t n, int64_t first, int64_t last) {
    f.run(n, first, last, rows.of_image(n).data, all_lines(f.g));
  });
}

// Blocks first, first + 1, ... of image n, from a ring of rows.
template <typename T>
void forward_blocks(const Forward<T>& f, int64_t n, int64_t first,
                    const std::vector<Lines>& windows) {
  const int64_t width = f.segment.width;
  const Image<const T> x = image_of<const T>(f.x, n, f.segment.channel);
  LineRing ring(f.g, windows);
  std::vector<T> rows((ring.rows() + 1) * width);
  int64_t at = first * kBlockPixels;
  for (const Lines& window : windows) {
    ring.enter(window, [&](int64_t line, int64_t row, int64_t number) {
      to_rows(x, line * f.g.width, number * f.g.width, f.segment.channels,
              width, width, rows.data() + row * width);
    });
    const int64_t last = std::min(at + kBlockPixels, f.g.out_pixels());
    f.run(n, at, last, rows.data(), ring.map());
    at = last;
  }
}

// Each thread has a ring of its own, and copies again what its neighbour
// reads too. One segment after the other: a ring of all channels is larger
// than the cache where lines are long, and is read again for each line.
template <typename T>
void forward_rings(const std::vector<Forward<T>>& parts,
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
      for (const Forward<T>& f : parts) forward_blocks(f, n, first, windows);
      begin += count;
    }
  });
}

Tensor forward_op(const Tensor& x_any, const Tensor& weight_any,
                  const OptionalTensor& image_offset,
                  const OptionalTensor& kernel_offset,
                  const OptionalTensor& mask, at::IntArrayRef settings) {
  const Tensor x = plain(x_any), weight = weight_any.contiguous();
  check_type(x, weight);
  const Geometry g = make_settings(x, settings).geometry;
  const PixelInputs inputs(image_offset, kernel_offset, mask, 1);
  const Tensor out =
      empty_as(x, {x.size(0), x.size(1), g.out_height, g.out_width});
  AT_DISPATCH_FLOATING_TYPES(weight.scalar_type(), "depthwise_forward", [&] {
    using T = scalar_t;
    std::vector<Forward<T>> parts;
    for (const Segment& s : cut<T>(x.size(1), 1, 1, 4 * kLanes<T>))
      parts.emplace_back(g, inputs, x, weight, out, s);
    const auto reads = lines_of_blocks<T>(g, inputs, x.size(0));
    const int64_t rings = 2 * tallest_of_all(reads) * at::get_num_threads();
    if (rings <= x.size(0) * g.height)
      forward_rings(parts, reads);
    else
      for (const Forward<T>& f : parts) forward_whole(f);
  });
  return out;
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(dksan_mm, m) {
  m.def(
      "depthwise_forward(Tensor x, Tensor weight, Tensor? image_offset, "
      "Tensor? kernel_offset, Tensor? mask, SymInt[] settings) -> Tensor");
}

TORCH_LIBRARY_IMPL(dksan_mm, CPU, m) {
  m.impl("depthwise_forward", &forward_op);
}

}  // namespace dksan
