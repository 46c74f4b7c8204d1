// Copyright (c) DKSAN-MM contributors.
// torch operator of the forward pass of the depthwise form.
#include <ATen/Dispatch.h>
#include <torch/library.h>

#include "arguments.h"
#include "depthwise.h"
#include "depthwise_op.h"
#include "image_reads.h"

namespace dksan {
namespace {

using at::Tensor;

// Data for the forward pass of a segment.
template <typename T>
struct Forward : ForwardPart {
  std::vector<T> table;

  Forward(const ForwardPart& part, const Tensor& weight)
      : ForwardPart(part), table(weight.size(1) * segment().width) {
    fill_table(weight, segment(), segment().width, table.data());
  }

  const Segment& segment() const { return segments[0]; }

  void run(int64_t n, int64_t first, int64_t last, const T* rows,
           const LineMap& map) const {
    depthwise_forward<T>(g, segment(), inputs.of_image<T>(n)[0], rows, map,
                         table.data(), first, last,
                         image_of<T>(out, n, segment().channel));
  }
};

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
    std::vector<Forward<scalar_t>> parts;
    for (Segment s : cut<scalar_t>(x.size(1), 1, 1, 4 * kLanes<scalar_t>)) {
      s.start = 0;
      parts.emplace_back(ForwardPart{g, inputs, x, out, {s}}, weight);
    }
    forward_parts<scalar_t>(parts);
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
