// Copyright (c) DKSAN-MM contributors.
// Operators of the form with a matrix product, for any number of groups.
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros_like.h>
#include <torch/library.h>

#include "arguments.h"
#include "dense.h"
#include "image_reads.h"

namespace dksan {
namespace {

using at::Tensor;

template <typename T>
std::vector<DenseChunk> make_parts(const Tensor& weight, int64_t groups,
                                   const std::vector<Chunk>& chunks) {
  const Weights<const T> weights{weight.const_data_ptr<T>(),
                                 weight.size(0) / groups, weight.size(1),
                                 weight.size(2)};
  std::vector<DenseChunk> parts;
  for (const Chunk& chunk : chunks) parts.emplace_back(chunk, weights);
  return parts;
}

// Data for the forward pass of a chunk.
template <typename T>
struct Forward : ForwardPart {
  const DenseChunk& chunk;
  std::vector<T> packed;
  const T* bias;

  Forward(const ForwardPart& part, const DenseChunk& chunk,
          const Tensor& weight, const OptionalTensor& bias)
      : ForwardPart(part),
        chunk(chunk),
        packed(chunk.pack(weight.const_data_ptr<T>())),
        bias(bias ? bias->const_data_ptr<T>() : nullptr) {}

  void run(int64_t n, int64_t first, int64_t last, const T* rows,
           const LineMap& map) const {
    dense_forward<T>(g, chunk, inputs.of_image<T>(n), rows, map,
                     packed.data(), bias, first, last, image_of<T>(out, n, 0));
  }
};

Tensor forward_op(const Tensor& x_any, const Tensor& weight_any,
                  const OptionalTensor& image_offset,
                  const OptionalTensor& kernel_offset,
                  const OptionalTensor& mask, at::IntArrayRef numbers,
                  const OptionalTensor& bias_any) {
  const Tensor x = plain(x_any), weight = weight_any.contiguous();
  check_type(x, weight);
  OptionalTensor bias;
  if (bias_any) bias = bias_any->contiguous();
  const Settings settings = make_settings(x, numbers);
  const Geometry& g = settings.geometry;
  const PixelInputs inputs(image_offset, kernel_offset, mask,
                           settings.offset_groups);
  const Tensor out =
      at::empty({x.size(0), weight.size(0), g.out_height, g.out_width},
                x.options(), format_of(x));
  AT_DISPATCH_FLOATING_TYPES(weight.scalar_type(), "dense_forward", [&] {
    const auto segments =
        cut<scalar_t>(x.size(1), settings.offset_groups, settings.groups,
                      4 * kLanes<scalar_t>);
    const auto chunks = make_parts<scalar_t>(weight, settings.groups,
                                             join(segments, x.size(1) * 4));
    std::vector<Forward<scalar_t>> parts;
    for (const DenseChunk& chunk : chunks)
      parts.emplace_back(
          ForwardPart{g, inputs, x, out, chunk.chunk.segments}, chunk, weight,
          bias);
    forward_parts<scalar_t>(parts);
  });
  return out;
}

// Returns the lines that each band reads, for each image.
template <typename T>
std::vector<std::vector<Lines>> windows_of_bands(const Geometry& g,
                                                 const PixelInputs& inputs,
                                                 int64_t images) {
  auto windows = lines_of_blocks<T>(g, inputs, images, kBand);
  for (auto& of_image : windows)
    of_image = windows_of(of_image.data(), of_image.size());
  return windows;
}

// Returns the gradient of the weights. A task is a chunk and every `blocks`-th
// image. The number of tasks, and thus the order of sums, depends only on sizes
// and not on the number of threads.
template <typename T>
Tensor backward_all(const Settings& settings, const PixelInputs& inputs,
                    const std::vector<Segment>& segments,
                    const PixelGrads& grads, const Tensor& weight,
                    const Tensor& x, const Tensor& grad_out,
                    const Tensor& grad_x) {
  const int64_t images = x.size(0);
  const auto parts = make_parts<T>(
      weight, settings.groups, join(segments, widest<T>(images, x.size(1))));
  const auto windows = windows_of_bands<T>(settings.geometry, inputs, images);
  const int64_t pieces = parts.size();
  const int64_t blocks =
      std::min<int64_t>(images, std::max<int64_t>(1, 32 / pieces));
  std::vector<std::vector<T>> grad_packed(blocks * pieces);
  at::parallel_for(0, blocks * pieces, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const DenseChunk& part = parts[i % pieces];
      const auto packed = part.pack_transposed(weight.const_data_ptr<T>());
      grad_packed[i].resize(part.outs * part.stride);
      for (int64_t n = i / pieces; n < images; n += blocks) {
        std::vector<OffsetGrads<T>> to;
        for (const Segment& s : part.chunk.segments)
          to.push_back(grads.of_segment<T>(n, s));
        dense_backward<T>(settings.geometry, part, windows[n],
                          inputs.of_image<T>(n), image_of<const T>(x, n, 0),
                          packed.data(),
                          image_of<const T>(grad_out, n, 0),
                          image_of<T>(grad_x, n, 0), grad_packed[i].data(),
                          to);
      }
    }
  });
  const Tensor grad_weight = at::zeros_like(weight);
  for (int64_t i = 0; i < blocks * pieces; ++i)
    parts[i % pieces].unpack(grad_packed[i].data(),
                             grad_weight.mutable_data_ptr<T>());
  return grad_weight;
}

// Computes gradients of x, weight and the existing per-pixel inputs, in order.
std::vector<Tensor> backward_op(const Tensor& grad_out_any,
                                const Tensor& x_any, const Tensor& weight_any,
                                const OptionalTensor& image_offset,
                                const OptionalTensor& kernel_offset,
                                const OptionalTensor& mask,
                                at::IntArrayRef numbers) {
  const Tensor x = plain(x_any), weight = weight_any.contiguous();
  check_type(x, weight);
  const Tensor grad_out = plain(grad_out_any);
  const Settings settings = make_settings(x, numbers);
  const PixelInputs inputs(image_offset, kernel_offset, mask,
                           settings.offset_groups);
  const Tensor grad_x = at::empty_like(x);
  std::vector<Tensor> result;
  AT_DISPATCH_FLOATING_TYPES(weight.scalar_type(), "dense_backward", [&] {
    const auto segments =
        cut<scalar_t>(x.size(1), settings.offset_groups, settings.groups,
                      widest<scalar_t>(x.size(0), x.size(1)));
    const PixelGrads grads(inputs, segments);
    result = {grad_x,
              backward_all<scalar_t>(settings, inputs, segments, grads,
                                     weight, x, grad_out, grad_x)};
    grads.append_sums<scalar_t>(result);
  });
  return result;
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(dksan_mm, m) {
  m.def(
      "dense_forward(Tensor x, Tensor weight, Tensor? image_offset, "
      "Tensor? kernel_offset, Tensor? mask, SymInt[] settings, "
      "Tensor? bias=None) -> Tensor");
  m.def(
      "dense_backward(Tensor grad_out, Tensor x, Tensor weight, "
      "Tensor? image_offset, Tensor? kernel_offset, Tensor? mask, "
      "SymInt[] settings) -> Tensor[]");
}

TORCH_LIBRARY_IMPL(dksan_mm, CPU, m) {
  m.impl("dense_forward", &forward_op);
  m.impl("dense_backward", &backward_op);
}

}  // namespace dksan
