// Copyright (c) DKSAN-MM contributors.
// The depthwise form as torch operators.
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <ATen/ops/empty_like.h>
#include <torch/library.h>

#include "arguments.h"
#include "depthwise.h"

namespace dksan {
namespace {

using at::Tensor;

// Calls run(image, segment) for all, in parallel.
template <typename Run>
void run_tasks(int64_t images, const std::vector<Segment>& segments,
               const Run& run) {
  const int64_t pieces = segments.size();
  at::parallel_for(0, images * pieces, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      run(i / pieces, segments[i % pieces]);
  });
}

// The segment's weights, (channel, cell), into rows of cells `width` apart.
template <typename T>
void fill_table(const Tensor& weight, const Segment& segment, int64_t width,
                T* table) {
  const int64_t cells = weight.size(1);
  const T* from = weight.const_data_ptr<T>() + segment.channel * cells;
  for (int64_t c = 0; c < segment.channels; ++c)
    for (int64_t s = 0; s < cells; ++s)
      table[s * width + c] = from[c * cells + s];
}

template <typename T>
void write_table(const std::vector<T>& table, const Segment& segment,
                 int64_t n, const Tensor& grad_weight) {
  const int64_t cells = grad_weight.size(2);
  T* to = grad_weight.mutable_data_ptr<T>() +
          (n * grad_weight.size(1) + segment.channel) * cells;
  for (int64_t c = 0; c < segment.channels; ++c)
    for (int64_t s = 0; s < cells; ++s)
      to[c * cells + s] = table[s * segment.width + c];
}

Tensor forward_op(const Tensor& x_any, const Tensor& weight_any,
                  const OptionalTensor& image_offset,
                  const OptionalTensor& kernel_offset,
                  const OptionalTensor& mask, at::IntArrayRef settings) {
  const Tensor x = plain(x_any), weight = weight_any.contiguous();
  const Geometry g = make_settings(x, settings).geometry;
  const PixelInputs inputs(image_offset, kernel_offset, mask, 1);
  const Tensor out =
      at::empty({x.size(0), x.size(1), g.out_height, g.out_width},
                x.options(), format_of(x));
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "depthwise_forward", [&] {
    using T = scalar_t;
    const auto segments = cut<T>(x.size(1), 1, 1, 4 * kLanes<T>);
    const int64_t width = width_of(segments);
    std::vector<T> table(weight.size(1) * width);
    for (const Segment& s : segments)
      fill_table(weight, s, width, table.data() + s.start);
    const BatchRows<T> rows(x, segments);
    for_pixels(x.size(0), g.out_pixels(),
               [&](int64_t n, int64_t first, int64_t last) {
      depthwise_forward<T>(g, segments, inputs.of_image<T>(n)[0],
                           rows.of_image(n), table.data(), first, last,
                           image_of<T>(out, n, 0));
    });
  });
  return out;
}

// Gradients of x, weight and those per-pixel inputs that are there, in order.
std::vector<Tensor> backward_op(const Tensor& grad_out_any,
                                const Tensor& x_any, const Tensor& weight_any,
                                const OptionalTensor& image_offset,
                                const OptionalTensor& kernel_offset,
                                const OptionalTensor& mask,
                                at::IntArrayRef settings) {
  const Tensor x = plain(x_any), weight = weight_any.contiguous();
  const Tensor grad_out = plain(grad_out_any);
  const Geometry g = make_settings(x, settings).geometry;
  const PixelInputs inputs(image_offset, kernel_offset, mask, 1);
  const Tensor grad_x = at::empty_like(x);
  const Tensor grad_weight =
      at::empty({x.size(0), weight.size(0), weight.size(1)}, x.options());
  std::vector<Tensor> result;
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "depthwise_backward", [&] {
    using T = scalar_t;
    const auto segments =
        cut<T>(x.size(1), 1, 1, widest<T>(x.size(0), x.size(1)));
    const PixelGrads grads(inputs, segments);
    run_tasks(x.size(0), segments, [&](int64_t n, const Segment& segment) {
      std::vector<T> table(weight.size(1) * segment.width);
      fill_table(weight, segment, segment.width, table.data());
      std::vector<T> grad_table(table.size());
      depthwise_backward<T>(g, segment, inputs.of_image<T>(n)[0],
                            image_of<const T>(x, n, segment.channel),
                            table.data(),
                            image_of<const T>(grad_out, n, segment.channel),
                            image_of<T>(grad_x, n, segment.channel),
                            grad_table.data(),
                            grads.of_segment<T>(n, segment));
      write_table<T>(grad_table, segment, n, grad_weight);
    });
    result = {grad_x, grad_weight.sum(0)};
    grads.append_sums<scalar_t>(result);
  });
  return result;
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(dksan_mm, m) {
  m.def(
      "depthwise_forward(Tensor x, Tensor weight, Tensor? image_offset, "
      "Tensor? kernel_offset, Tensor? mask, int[] settings) -> Tensor");
  m.def(
      "depthwise_backward(Tensor grad_out, Tensor x, Tensor weight, "
      "Tensor? image_offset, Tensor? kernel_offset, Tensor? mask, "
      "int[] settings) -> Tensor[]");
}

TORCH_LIBRARY_IMPL(dksan_mm, CPU, m) {
  m.impl("depthwise_forward", &forward_op);
  m.impl("depthwise_backward", &backward_op);
}

}  // namespace dksan
