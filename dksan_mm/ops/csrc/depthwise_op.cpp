// Copyright (c) DKSAN-MM contributors.
// The depthwise form as torch operators.
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <torch/library.h>

#include <vector>

#include "depthwise.h"
#include "arguments.h"
#include "vec.h"

namespace dksan {
namespace {

using at::Tensor;
using OptionalTensor = std::optional<Tensor>;

struct Task {
  int64_t image, channel;  // the chunk's first channel
  Chunk chunk;
  int64_t width;  // of a row
};

// Widest chunks first; every image is cut alike, whatever the threads, so
// that sums do not depend on their number.
template <typename T>
std::vector<Task> make_tasks(int64_t images, int64_t channels) {
  std::vector<Task> tasks;
  const int64_t lanes = kLanes<T>;
  for (int64_t n = 0; n < images; ++n)
    for (int64_t c = 0; c < channels;) {
      const int64_t left = (channels - c + lanes - 1) / lanes;
      const int vectors = left >= 4 ? 4 : left >= 2 ? 2 : 1;
      const int64_t width = vectors * lanes;
      tasks.push_back({n, c, {std::min(width, channels - c), vectors}, width});
      c += width;
    }
  return tasks;
}

template <typename Run>
void run_tasks(const std::vector<Task>& tasks, const Run& run) {
  const int64_t count = static_cast<int64_t>(tasks.size());
  at::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) run(tasks[i]);
  });
}

// This chunk of the weights, (channel, cell), as one row a cell.
template <typename T>
std::vector<T> make_table(const Tensor& weight, const Task& task) {
  const int64_t cells = weight.size(1);
  const T* from = weight.const_data_ptr<T>() + task.channel * cells;
  std::vector<T> table(cells * task.width);
  for (int64_t c = 0; c < task.chunk.channels; ++c)
    for (int64_t s = 0; s < cells; ++s)
      table[s * task.width + c] = from[c * cells + s];
  return table;
}

Tensor depthwise_forward_op(const Tensor& x_any, const Tensor& weight_any,
                            const OptionalTensor& image_offset,
                            const OptionalTensor& kernel_offset,
                            const OptionalTensor& mask,
                            at::IntArrayRef settings) {
  const Tensor x = plain(x_any), weight = weight_any.contiguous();
  const Geometry g = make_geometry(x, settings);
  const PixelInputs inputs(image_offset, kernel_offset, mask);
  Tensor out = at::empty({x.size(0), x.size(1), g.out_height, g.out_width},
                         x.options(), format_of(x));
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "depthwise_forward", [&] {
    using T = scalar_t;
    run_tasks(make_tasks<T>(x.size(0), x.size(1)), [&](const Task& task) {
      const std::vector<T> table = make_table<T>(weight, task);
      depthwise_forward<T>(g, task.chunk, inputs.of_image<T>(task.image),
                           image_of<const T>(x, task.image, task.channel),
                           table.data(),
                           image_of<T>(out, task.image, task.channel));
    });
  });
  return out;
}

// Gradients of x, weight and those per-pixel inputs that are there, in order.
std::vector<Tensor> depthwise_backward_op(
    const Tensor& grad_out_any, const Tensor& x_any, const Tensor& weight_any,
    const OptionalTensor& image_offset, const OptionalTensor& kernel_offset,
    const OptionalTensor& mask, at::IntArrayRef settings) {
  const Tensor x = plain(x_any), weight = weight_any.contiguous();
  const Tensor grad_out = plain(grad_out_any);
  const Geometry g = make_geometry(x, settings);
  const PixelInputs inputs(image_offset, kernel_offset, mask);
  Tensor grad_x = at::empty_like(x);
  Tensor grad_weight =
      at::empty({x.size(0), weight.size(0), weight.size(1)}, x.options());
  std::vector<Tensor> result;
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "depthwise_backward", [&] {
    using T = scalar_t;
    const std::vector<Task> tasks = make_tasks<T>(x.size(0), x.size(1));
    const int64_t chunks = x.size(0) ? tasks.size() / x.size(0) : 1;
    const PixelGrads shares(inputs, chunks);
    run_tasks(tasks, [&](const Task& task) {
      const int64_t chunk = (&task - tasks.data()) % chunks;
      const std::vector<T> table = make_table<T>(weight, task);
      std::vector<T> grad_table(table.size());
      depthwise_backward<T>(
          g, task.chunk, inputs.of_image<T>(task.image),
          image_of<const T>(x, task.image, task.channel), table.data(),
          image_of<const T>(grad_out, task.image, task.channel),
          image_of<T>(grad_x, task.image, task.channel), grad_table.data(),
          shares.of_image<T>(chunk, task.image));
      const int64_t cells = weight.size(1);
      T* to = grad_weight.mutable_data_ptr<T>() +
              (task.image * weight.size(0) + task.channel) * cells;
      for (int64_t c = 0; c < task.chunk.channels; ++c)
        for (int64_t s = 0; s < cells; ++s)
          to[c * cells + s] = grad_table[s * task.width + c];
    });
    result = {grad_x, grad_weight.sum(0)};
    shares.append_sums(result);
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
  m.impl("depthwise_forward", &depthwise_forward_op);
  m.impl("depthwise_backward", &depthwise_backward_op);
}

}  // namespace dksan
