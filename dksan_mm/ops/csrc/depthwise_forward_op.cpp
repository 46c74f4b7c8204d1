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

// Everything that the forward pass of a block needs.
template <typename T>
struct Forward {
  const Geometry& g;
  const std::vector<Segment>& segments;
  const PixelInputs& inputs;
  const Tensor& x;
  const T* table;
  const Tensor& out;

  void run(int64_t n, int64_t first, int64_t last, const Rows<const T>& rows,
           const LineMap& map) const {
    depthwise_forward<T>(g, segments, inputs.of_image<T>(n)[0], rows, map,
                         table, first, last, image_of<T>(out, n, 0));
  }
};

// From rows of the whole batch.
template <typename T>
void forward_whole(const Forward<T>& f) {
  const BatchRows<T> rows(f.x, f.segments);
  for_pixels(f.x.size(0), f.g.out_pixels(),
             [&](int64_t n, int64_t first, int64_t last) {
    f.run(n, first, last, rows.of_image(n), all_lines(f.g));
  });
}

// Blocks first, first + 1, ... of image n, from a ring of rows.
template <typename T>
void forward_blocks(const Forward<T>& f, int64_t n, int64_t first,
                    const std::vector<Lines>& windows) {
  const int64_t width = width_of(f.segments);
  LineRing ring(f.g, windows);
  std::vector<T> rows((ring.rows() + 1) * width);
  int64_t at = first * kBlockPixels;
  for (const Lines& window : windows) {
    ring.enter(window, [&](int64_t line, int64_t row, int64_t number) {
      for (const Segment& s : f.segments)
        to_rows(image_of<const T>(f.x, n, s.channel), line * f.g.width,
                number * f.g.width, s.channels, s.width, width,
                rows.data() + row * width + s.start);
    });
    const int64_t last = std::min(at + kBlockPixels, f.g.out_pixels());
    f.run(n, at, last, {rows.data(), width}, ring.map());
    at = last;
  }
}

// Each thread has a ring of its own, and copies again what its neighbour
// reads too.
template <typename T>
void forward_rings(const Forward<T>& f,
                   const std::vector<std::vector<Lines>>& reads) {
  const int64_t blocks = blocks_of(f.g.out_pixels());
  const int64_t all = f.x.size(0) * blocks;
  const int64_t share = (all + at::get_num_threads() - 1) /
                        at::get_num_threads();
  at::parallel_for(0, all, share, [&](int64_t begin, int64_t end) {
    while (begin < end) {
      const int64_t n = begin / blocks, first = begin % blocks;
      const int64_t count = std::min(blocks - first, end - begin);
      forward_blocks(f, n, first, windows_of(reads[n].data() + first, count));
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
    const auto segments = cut<T>(x.size(1), 1, 1, 4 * kLanes<T>);
    const int64_t width = width_of(segments);
    std::vector<T> table(weight.size(1) * width);
    for (const Segment& s : segments)
      fill_table(weight, s, width, table.data() + s.start);
    const Forward<T> f{g, segments, inputs, x, table.data(), out};
    const auto reads = lines_of_blocks<T>(g, inputs, x.size(0));
    const int64_t rings = 2 * tallest_of_all(reads) * at::get_num_threads();
    if (rings <= x.size(0) * g.height)
      forward_rings(f, reads);
    else
      forward_whole(f);
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
